// Unpooling by repetition: every entry of a small map, in a rectangle of its own. (resize.ts has the other ways up.)

import type { FloatElem } from '../../shaders/kernel.ts'
import { repeat, repeatGrad } from '../../shaders/unpool.ts'
import { type Shape, sizeOf, type TensorType } from '../dtype.ts'
import { apply, type Bound, noCost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { type Pair, sizeOfMap } from './options.ts'
import { toTensor } from './source.ts'

type Refuse = (problem: string, hint?: string) => never

const needMap = (x: TensorType, refuse: Refuse) => {
  if (x.shape.length !== 4 || x.dtype !== 'f32')
    refuse('an f32 tensor [n, h, w, c] is needed', 'use cast(), and reshape() or expandDims()')
  if (sizeOf(x.shape) === 0) refuse('it has no elements')
}

type RepeatAttrs = { readonly factor: Pair }
const repeatSpec = (shape: Shape, { factor }: RepeatAttrs, { dtype, access }: Bound) => {
  const [n, h, w, c] = shape
  return { n, h, w, c, fh: factor[0], fw: factor[1], elem: dtype as FloatElem, access: [access] }
}

const repeatOp: StructuredOp<RepeatAttrs> = {
  name: 'repeatUpsample',
  error: 'exact',
  kind: 'structured',
  source: 'FRRN’s unpooling by repeating entries',
  tail: false,
  prologue: false,
  f16: 'alike',
  cost: () => noCost,
  windows: [
    {
      cut: 'output',
      axes: () => 2,
      part: ([n, [from, to]], attrs, [x]) => {
        const [f] = attrs.factor
        if (from % f || to % f) return undefined
        return { attrs, inputs: [[n, [from / f, to / f], [0, x.shape[2]], [0, x.shape[3]]]] }
      },
    },
  ],
  infer: ([x], { factor: [fh, fw] }, refuse) => {
    needMap(x, refuse)
    const [n, h, w, c] = x.shape
    return [{ dtype: 'f32', shape: [n, h * fh, w * fw, c] }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(repeatGradOp, [dy], attrs)[0]],
  lower: ({ inputs: [x], attrs }) => repeat(repeatSpec(x.shape, attrs, x)),
  samples: [
    { inputs: [sample([2, 3, 2, 4])], attrs: { factor: [2, 3] } },
    { inputs: [sample([1, 2, 3, 3])], attrs: { factor: [4, 4] } },
  ],
}
const repeatGradOp: StructuredOp<RepeatAttrs> = {
  name: 'repeatUpsampleGrad',
  source: 'adjoint of repeatUpsample',
  kind: 'structured',
  tail: false,
  prologue: false,
  f16: 'alike',
  cost: ([dy]) => ({ macs: 0, flops: sizeOf(dy.shape) }),
  windows: [
    {
      cut: 'output',
      axes: () => 2,
      part: ([n, [from, to]], attrs, [dy]) => {
        const [f] = attrs.factor
        return { attrs, inputs: [[n, [from * f, to * f], [0, dy.shape[2]], [0, dy.shape[3]]]] }
      },
    },
  ],
  infer: ([dy], { factor: [fh, fw] }, refuse) => {
    const [n, h, w, c] = dy.shape
    if (h % fh || w % fw) refuse(`${h}×${w} is no multiple of ${fh}×${fw}`)
    return [{ dtype: 'f32', shape: [n, h / fh, w / fw, c] }]
  },
  vjp: ({ attrs }, [g]) => [g && apply(repeatOp, [g], attrs)[0]],
  lower: ({ inputs: [dy], outputs: [dx], attrs }) => repeatGrad(repeatSpec(dx.shape, attrs, dy)),
  samples: [
    { inputs: [sample([2, 6, 6, 4])], attrs: { factor: [2, 3] } },
    { inputs: [sample([1, 8, 4, 3])], attrs: { factor: [4, 4] } },
  ],
}

/** Every entry of x [n, h, w, c] repeated: y[i, j] = x[floor(i / fh), floor(j / fw)]. Throws ShapeError. */
export function repeatUpsample(x: TensorLike, factor: Pair): Tensor {
  const t = toTensor(x, 'repeatUpsample')
  const hint = 'give a whole factor for each axis: [vertical, horizontal]'
  return apply(repeatOp, [t], { factor: sizeOfMap('repeatUpsample', factor, [t], hint) })[0]
}

export const upsampleOps = [repeatOp, repeatGradOp] as const
