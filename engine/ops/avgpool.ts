// Means of windows: of a fixed size, of a fixed number, and of the whole map.

import { type AvgPoolSpec, avgPool, avgPoolGrad } from '../../shaders/avgpool.ts'
import { axisSums } from '../../shaders/axis-sum.ts'
import { isFloat, type Shape, sameShape, sizeOf, type TensorType } from '../dtype.ts'
import { apply, type Bound, type Cost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { cast } from './arithmetic.ts'
import { optionsOf, type Pair, sizeOfMap } from './options.ts'
import {
  checkMap,
  checkWindow,
  type PoolOptions,
  type PoolWindow,
  poolDefaults,
  poolRows,
  poolSpec,
  windowCases,
  windowOf,
} from './pool-window.ts'
import { mean } from './reduce.ts'
import { refuse } from './refuse.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

const structured = {
  kind: 'structured',
  tail: false,
  prologue: false,
  f16: 'alike',
  windows: rows(1),
} as const

function checkFloats(x: TensorType, no: (problem: string, hint?: string) => never): void {
  checkMap(x, no)
  if (!isFloat(x.dtype)) no('only floating-point maps have means', 'use cast()')
}

/** `counted`: the cells that count in the divisor, from the padding's corner: [y begin, x begin, y end, x end]. */
type AvgAttrs = PoolWindow & { readonly counted: readonly [number, number, number, number] }

function avgAttrs(window: PoolWindow, countPadding: boolean): AvgAttrs {
  const { size, padding } = window
  const [top, left, bottom, right] = countPadding ? padding : [0, 0, 0, 0]
  const [y, x] = [padding[0] - top, padding[1] - left]
  return { ...window, counted: [y, x, padding[0] + size[0] + bottom, padding[1] + size[1] + right] }
}

/** For rows of x, or of the pooled map, that begin `rows` rows further down. */
const countFrom = (attrs: AvgAttrs, rows: number): AvgAttrs => {
  const [y0, x0, y1, x1] = attrs.counted
  return { ...attrs, counted: [y0 - rows, x0, y1 - rows, x1] }
}

const avgSpec = (map: TensorType, inputs: readonly Bound[], a: AvgAttrs): AvgPoolSpec => ({
  ...poolSpec(map, inputs, a),
  counted: a.counted,
})
const tapCost = (map: TensorType, { kernel }: PoolWindow): Cost => ({
  macs: 0,
  flops: kernel[0] * kernel[1] * sizeOf(map.shape),
})

const avgSamples = windowCases.flatMap(([shape, { dilation: _, ...options }]) =>
  [true, false].map((countPadding) => {
    const attrs = avgAttrs(windowOf('', sample(shape), options), countPadding)
    return { x: sample(shape), y: sample([shape[0], ...attrs.out, shape[3]]), attrs }
  }),
)

const avgPoolOp: StructuredOp<AvgAttrs> = {
  ...structured,
  name: 'avgPool2d',
  source: 'divisors and rounding up as in PyTorch',
  infer: ([x], attrs, no) => {
    checkFloats(x, no)
    checkWindow(attrs, no)
    return [{ dtype: x.dtype, shape: [x.shape[0], ...attrs.out, x.shape[3]] }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(avgPoolGradOp, [dy], attrs)[0]],
  cost: (_, [y], attrs) => tapCost(y, attrs),
  windows: poolRows('y', ['x'], countFrom),
  lower: ({ inputs, attrs }) => avgPool(avgSpec(inputs[0], inputs, attrs)),
  samples: avgSamples.map(({ x, attrs }) => ({ inputs: [x], attrs })),
}
const avgPoolGradOp: StructuredOp<AvgAttrs> = {
  ...structured,
  name: 'avgPool2dGrad',
  source: 'adjoint of avgPool2d',
  infer: ([dy], { size }) => [{ dtype: dy.dtype, shape: [dy.shape[0], ...size, dy.shape[3]] }],
  vjp: ({ attrs }, [g]) => [g && apply(avgPoolOp, [g], attrs)[0]],
  cost: ([dy], _, attrs) => tapCost(dy, attrs),
  windows: poolRows('x', ['y'], countFrom),
  lower: ({ inputs, attrs }) => avgPoolGrad(avgSpec(inputs[0], inputs, attrs)),
  samples: avgSamples.map(({ y, attrs }) => ({ inputs: [y], attrs })),
}

export interface AvgPoolOptions extends Omit<PoolOptions, 'dilation'> {
  /** Divide by the window's cells inside x and its padding (default), or only by those inside x. */
  readonly countPadding?: boolean
}

/** Mean of each window of x [n, h, w, c], f32 or f16: [n, oh, ow, c]. Padding counts as zeros. With `ceil` the last
 * window may reach beyond the padding; what is there counts in neither divisor.
 * Throws ShapeError where a window would have no cell inside x, and OptionError. */
export function avgPool2d(x: TensorLike, options: AvgPoolOptions): Tensor {
  const t = toTensor(x, 'avgPool2d')
  const { dilation: _, ...defaults } = { ...poolDefaults, countPadding: true }
  const { countPadding, ...given } = optionsOf('avgPool2d', options, defaults)
  const window = windowOf('avgPool2d', t, given)
  return apply(avgPoolOp, [t], avgAttrs(window, countPadding))[0]
}

/** Height and width of x. */
type AdaptiveAttrs = { readonly size: Pair; readonly out: Pair }

const adaptiveSums = (sum: 'adaptive' | 'adaptiveGrad', x: Bound, y: TensorType) =>
  axisSums({
    sum,
    from: x.shape,
    to: y.shape,
    before: x.shape.map(() => 0),
    elem: x.dtype,
    access: x.access,
  })
/** The sums along x and then along y, of windows that overlap by at most one cell on each side. */
const adaptiveCost = ([x]: readonly TensorType[], [y]: readonly TensorType[]): Cost => ({
  macs: 0,
  flops: 3 * (sizeOf(x.shape) + sizeOf(y.shape)),
})
const adaptiveCases: [x: Shape, out: Pair][] = [
  [
    [2, 7, 5, 3],
    [1, 1],
  ],
  [
    [1, 9, 8, 4],
    [3, 2],
  ],
  [
    [1, 11, 7, 2],
    [4, 7],
  ],
  [
    [1, 3, 4, 1],
    [5, 6],
  ],
]
const adaptiveSamples = adaptiveCases.map(([shape, out]) => ({
  x: sample(shape),
  y: sample([shape[0], ...out, shape[3]]),
  attrs: { size: [shape[1], shape[2]] as Pair, out },
}))

const adaptiveOp: StructuredOp<AdaptiveAttrs> = {
  ...structured,
  name: 'adaptiveAvgPool2d',
  source: 'windows ⌊i·in/out⌋ to ⌈(i+1)·in/out⌉ as in PyTorch',
  infer: ([x], { size, out }, no) => {
    checkFloats(x, no)
    if (out.some((n, a) => (n + 1) * (size[a] + 1) >= 2 ** 32))
      no(`${size.join('×')} to ${out.join('×')} is too large to count windows in 32 bits`)
    return [{ dtype: x.dtype, shape: [x.shape[0], ...out, x.shape[3]] }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(adaptiveGradOp, [dy], attrs)[0]],
  cost: adaptiveCost,
  lower: ({ inputs: [x], outputs: [y] }) => adaptiveSums('adaptive', x, y),
  samples: adaptiveSamples.map(({ x, attrs }) => ({ inputs: [x], attrs })),
}
const adaptiveGradOp: StructuredOp<AdaptiveAttrs> = {
  ...structured,
  name: 'adaptiveAvgPool2dGrad',
  source: 'adjoint of adaptiveAvgPool2d',
  infer: ([dy], { size }) => [{ dtype: dy.dtype, shape: [dy.shape[0], ...size, dy.shape[3]] }],
  vjp: ({ attrs }, [g]) => [g && apply(adaptiveOp, [g], attrs)[0]],
  cost: adaptiveCost,
  lower: ({ inputs: [dy], outputs: [dx] }) => adaptiveSums('adaptiveGrad', dy, dx),
  samples: adaptiveSamples.map(({ y, attrs }) => ({ inputs: [y], attrs })),
}

/** Means of x [n, h, w, c], f32 or f16, over `size` windows that cover it: window i of an axis begins at
 * ⌊i·in/out⌋ and ends before ⌈(i+1)·in/out⌉. Throws ShapeError. */
export function adaptiveAvgPool2d(x: TensorLike, size: Pair): Tensor {
  const t = toTensor(x, 'adaptiveAvgPool2d')
  const out = sizeOfMap('adaptiveAvgPool2d', size, [t])
  const y = apply(adaptiveOp, [t], { size: [t.shape[1], t.shape[2]], out })[0]
  return sameShape(y.shape, t.shape) ? t : y
}

/** Mean of each channel of each image of x [n, h, w, c]: [n, 1, 1, c]. Throws ShapeError. */
export function globalAvgPool2d(x: TensorLike): Tensor {
  const t = toTensor(x, 'globalAvgPool2d')
  checkFloats(t, (problem, hint) => refuse('globalAvgPool2d', problem, [t], hint))
  return partOf('globalAvgPool2d', () =>
    cast(mean(cast(t, 'f32'), [1, 2], { keepDims: true }), t.dtype),
  )
}

export const avgPoolOps = [avgPoolOp, avgPoolGradOp, adaptiveOp, adaptiveGradOp] as const
