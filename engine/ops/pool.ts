// Max pooling: the largest of each window, and where it was.

import { maxPool } from '../../shaders/max-pool.ts'
import { maxPoolGather, maxPoolGrad } from '../../shaders/pool.ts'
import { type Shape, sameShape } from '../dtype.ts'
import {
  apply,
  noCost,
  type SampleInput,
  type StructuredOp,
  sample,
  type TensorLike,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import {
  checkLast,
  checkMap,
  checkWindow,
  indexDtype,
  type PoolOptions,
  type PoolWindow,
  poolRows,
  poolSpec,
  windowCases,
  windowOf,
} from './pool-window.ts'
import { toTensor } from './source.ts'

const plain = {
  kind: 'structured',
  cost: () => noCost,
  tail: false,
  prologue: false,
  f16: 'alike',
} as const
const pooled = ([n, , , c]: Shape, { out }: PoolWindow): Shape => [n, ...out, c]

const windowSamples = windowCases.map(([shape, options]) => {
  const x = sample(shape)
  const attrs = windowOf('', x, options)
  const index: SampleInput = {
    dtype: indexDtype(attrs),
    shape: pooled(shape, attrs),
    range: [0, attrs.kernel[0] * attrs.kernel[1] - 1],
  }
  return { x, index, y: sample(index.shape), attrs }
})
const [, awkward] = windowSamples

const maxPoolOp: StructuredOp<PoolWindow> = {
  ...plain,
  name: 'maxPool2d',
  error: 'exact',
  source: 'the first maximum in row-major order, padding with −∞ and rounding up as in PyTorch',
  infer: ([x], attrs, refuse) => {
    checkMap(x, refuse)
    checkWindow(attrs, refuse)
    const shape = pooled(x.shape, attrs)
    return [
      { dtype: x.dtype, shape },
      { dtype: indexDtype(attrs), shape },
    ]
  },
  vjp: ({ outputs: [, index], attrs }, [dy]) => [dy && apply(maxPoolGradOp, [dy, index], attrs)[0]],
  windows: poolRows('y', ['x']),
  lower: ({ inputs, attrs }) => maxPool(poolSpec(inputs[0], inputs, attrs)),
  samples: [
    ...windowSamples.map(({ x, attrs }) => ({ inputs: [x], attrs })),
    ...(['u8', 'i32'] as const).map((dtype) => ({
      inputs: [{ dtype, shape: awkward.x.shape, range: [0, 9] as const }],
      attrs: awkward.attrs,
    })),
  ],
}

const maxPoolGradOp: StructuredOp<PoolWindow> = {
  ...plain,
  name: 'maxPool2dGrad',
  source: 'adjoint of maxPool2dGather',
  infer: ([dy, index], attrs, refuse) => {
    if (!sameShape(dy.shape, index.shape)) refuse('every value needs one tap')
    checkLast(attrs, refuse)
    return [{ dtype: dy.dtype, shape: [dy.shape[0], ...attrs.size, dy.shape[3]] }]
  },
  vjp: ({ inputs: [, index], attrs }, [g]) => [g && apply(maxPoolGatherOp, [g, index], attrs)[0]],
  windows: poolRows('x', ['y', 'y']),
  lower: ({ inputs, attrs }) => maxPoolGrad(poolSpec(inputs[0], inputs, attrs)),
  samples: windowSamples.map(({ y, index, attrs }) => ({ inputs: [y, index], attrs })),
}

const maxPoolGatherOp: StructuredOp<PoolWindow> = {
  ...plain,
  name: 'maxPool2dGather',
  source: 'the maxima of other values at the same places',
  error: 'exact',
  infer: ([x, index], attrs, refuse) => {
    const shape = pooled(x.shape, attrs)
    if (!sameShape(index.shape, shape)) refuse(`taps of [${shape}] are needed`)
    return [{ dtype: x.dtype, shape }]
  },
  vjp: ({ inputs: [, index], attrs }, [g]) => [g && apply(maxPoolGradOp, [g, index], attrs)[0]],
  windows: poolRows('y', ['x', 'y']),
  lower: ({ inputs, attrs }) => maxPoolGather(poolSpec(inputs[0], inputs, attrs)),
  samples: windowSamples.map(({ x, index, attrs }) => ({ inputs: [x, index], attrs })),
}

/** `corner`: the row of the whole map at which the padding of x begins. */
export type PositionAttrs = PoolWindow & { readonly corner: number }
const positioned = (w: PoolWindow): PositionAttrs => ({ ...w, corner: 0 - w.padding[0] })

const maxPoolWithIndicesOp: StructuredOp<PositionAttrs> = {
  ...plain,
  name: 'maxPool2dWithIndices',
  error: 'exact',
  source: 'positions h·w + w as in PyTorch',
  infer: ([x], attrs, refuse) => {
    const [y, tap] = maxPoolOp.infer([x], attrs, refuse)
    return [y, tap, { dtype: 'i32', shape: y.shape }]
  },
  vjp: ({ outputs: [, index], attrs: { corner: _, ...attrs } }, [dy]) => [
    dy && apply(maxPoolGradOp, [dy, index], attrs)[0],
  ],
  windows: poolRows('y', ['x'], (a, rows) => ({ ...a, corner: a.corner + rows })),
  lower: ({ inputs, attrs }) => {
    const spec = poolSpec(inputs[0], inputs, attrs)
    return maxPool({ ...spec, firstRow: attrs.corner + attrs.padding[0] })
  },
  samples: windowSamples.map(({ x, attrs }) => ({ inputs: [x], attrs: positioned(attrs) })),
}

/** Largest value of each window of x [n, h, w, c], of any dtype: [n, oh, ow, c]. Padding counts as −∞ and NaN as larger
 * than every number. Of equal values the first in row-major order of the window takes the gradient. With `ceil` the last
 * window may reach beyond the padding but must start inside x or before it.
 * Throws ShapeError where a window would have no cell inside x, and OptionError. */
export const maxPool2d = (x: TensorLike, options: PoolOptions): Tensor => {
  const { t, attrs } = windowed('maxPool2d', x, options)
  return apply(maxPoolOp, [t], attrs)[0]
}

/** As `maxPool2d`, with the place of each maximum: `index` is i32 [n, oh, ow, c] and counts h·w + w in the image of x,
 * without its padding. `maxUnpool2d` takes it. */
export function maxPool2dWithIndices(
  x: TensorLike,
  options: PoolOptions,
): { y: Tensor; index: Tensor } {
  const { t, attrs } = windowed('maxPool2dWithIndices', x, options)
  const [y, , index] = apply(maxPoolWithIndicesOp, [t], positioned(attrs))
  return { y, index }
}

function windowed(name: string, x: TensorLike, options: PoolOptions) {
  const t = toTensor(x, name)
  return { t, attrs: windowOf(name, t, options) }
}

export const poolOps = [maxPoolOp, maxPoolWithIndicesOp, maxPoolGradOp, maxPoolGatherOp] as const
