// Pooling: the largest of a window with where it was, and the mean.

import { avgPool, avgPoolGrad } from '../../shaders/avgpool.ts'
import { maxPool, maxPoolGather, maxPoolGrad, type PoolSpec } from '../../shaders/pool.ts'
import type { TensorType } from '../dtype.ts'
import { OptionError } from '../errors.ts'
import { apply, noCost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { toTensor } from './source.ts'

type Pair = readonly [number, number]
type Refuse = (problem: string, hint?: string) => never

const needMap = (x: TensorType, refuse: Refuse) => {
  if (x.shape.length !== 4 || x.dtype !== 'f32') refuse('an f32 tensor [n, h, w, c] is needed')
}
const plainCost = { cost: () => noCost, tail: false, prologue: false } as const

type PoolAttrs = {
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
  readonly pad: Pair
  /** Height and width of x and of y. */
  readonly size: Pair
  readonly out: Pair
}

function poolSpec(n: number, c: number, a: PoolAttrs, access: PoolSpec['access']): PoolSpec {
  return {
    n,
    c,
    h: a.size[0],
    w: a.size[1],
    oh: a.out[0],
    ow: a.out[1],
    kernel: a.kernel,
    stride: a.stride,
    dilation: a.dilation,
    pad: a.pad,
    indexElem: indexDtype(a),
    access,
  }
}
const indexDtype = ({ kernel }: PoolAttrs) => (kernel[0] * kernel[1] <= 255 ? 'u8' : 'u32')

const poolAttrs = (
  size: Pair,
  kernel: Pair,
  stride: Pair,
  pad: Pair,
  dilation: Pair,
  ceil = false,
) => {
  const out = [0, 1].map((a) => {
    const span = size[a] + 2 * pad[a] - dilation[a] * (kernel[a] - 1) - 1
    const n = (ceil ? Math.ceil : Math.floor)(span / stride[a]) + 1
    // With ceil the last window must start inside the input or its padding at the top or left.
    return ceil && (n - 1) * stride[a] >= size[a] + pad[a] ? n - 1 : n
  })
  return { kernel, stride, dilation, pad, size, out: [out[0], out[1]] as Pair }
}

const poolCases: [x: number[], attrs: PoolAttrs][] = [
  [[2, 4, 6, 4], poolAttrs([4, 6], [2, 2], [2, 2], [0, 0], [1, 1])],
  [[1, 7, 5, 3], poolAttrs([7, 5], [3, 3], [2, 2], [1, 1], [1, 1])],
  [[1, 8, 8, 8], poolAttrs([8, 8], [3, 2], [2, 1], [1, 0], [2, 1], true)],
]

const maxPoolOp: StructuredOp<PoolAttrs> = {
  name: 'maxPool2d',
  error: 'exact',
  kind: 'structured',
  ...plainCost,
  infer: ([x], attrs, refuse) => {
    needMap(x, refuse)
    if (attrs.out[0] < 1 || attrs.out[1] < 1) refuse('the window is larger than the padded input')
    const shape = [x.shape[0], ...attrs.out, x.shape[3]]
    return [
      { dtype: 'f32', shape },
      { dtype: indexDtype(attrs), shape },
    ]
  },
  vjp: ({ outputs: [, index], attrs }, [dy]) => [dy && apply(maxPoolGradOp, [dy, index], attrs)[0]],
  lower: ({ inputs: [x], attrs }) => maxPool(poolSpec(x.shape[0], x.shape[3], attrs, [x.access])),
  samples: poolCases.map(([x, attrs]) => ({ inputs: [sample(x)], attrs })),
}

const indexSample = (x: number[], a: PoolAttrs) => ({
  dtype: indexDtype(a) as 'u8' | 'u32',
  shape: [x[0], ...a.out, x[3]],
  // Tap 0 is inside the input for these windows only without padding; the middle tap always is.
  range: [
    Math.floor((a.kernel[0] * a.kernel[1]) / 2),
    Math.floor((a.kernel[0] * a.kernel[1]) / 2),
  ] as Pair,
})

const maxPoolGradOp: StructuredOp<PoolAttrs> = {
  name: 'maxPool2dGrad',
  kind: 'structured',
  ...plainCost,
  infer: ([dy], { size }) => [{ dtype: 'f32', shape: [dy.shape[0], ...size, dy.shape[3]] }],
  vjp: ({ inputs: [, index], attrs }, [g]) => [g && apply(maxPoolGatherOp, [g, index], attrs)[0]],
  lower: ({ inputs: [dy, index], attrs }) =>
    maxPoolGrad(poolSpec(dy.shape[0], dy.shape[3], attrs, [dy.access, index.access])),
  samples: poolCases.slice(0, 2).map(([x, attrs]) => ({
    inputs: [sample([x[0], ...attrs.out, x[3]]), indexSample(x, attrs)],
    attrs,
  })),
}

const maxPoolGatherOp: StructuredOp<PoolAttrs> = {
  name: 'maxPool2dGather',
  error: 'exact',
  kind: 'structured',
  ...plainCost,
  infer: ([x], { out }) => [{ dtype: 'f32', shape: [x.shape[0], ...out, x.shape[3]] }],
  vjp: ({ inputs: [, index], attrs }, [g]) => [g && apply(maxPoolGradOp, [g, index], attrs)[0]],
  lower: ({ inputs: [x, index], attrs }) =>
    maxPoolGather(poolSpec(x.shape[0], x.shape[3], attrs, [x.access, index.access])),
  samples: poolCases.slice(0, 2).map(([x, attrs]) => ({
    inputs: [sample(x), indexSample(x, attrs)],
    attrs,
  })),
}

export interface PoolOptions {
  readonly kernel: number | Pair
  /** Default: the kernel, so that windows do not overlap. */
  readonly stride?: number | Pair
  /** Cells of −∞ around the input; default 0. */
  readonly padding?: number | Pair
  readonly dilation?: number | Pair
  /** Round the output size up rather than down. */
  readonly ceil?: boolean
}

const pairOf = (v: number | Pair): Pair => (typeof v === 'number' ? [v, v] : v)

/** Largest value of each window of x [n, h, w, c], and which tap of the window it was (row-major; the first one wins).
 * NaN wins over every number. */
export function maxPool2dWithIndex(
  x: TensorLike,
  options: PoolOptions,
): { y: Tensor; index: Tensor } {
  const t = toTensor(x)
  const kernel = pairOf(options.kernel)
  const stride = pairOf(options.stride ?? kernel)
  const pad = pairOf(options.padding ?? 0)
  const dilation = pairOf(options.dilation ?? 1)
  const size: Pair = [t.shape[1], t.shape[2]]
  if ([...kernel, ...stride, ...dilation].some((n) => !Number.isInteger(n) || n < 1))
    throw new OptionError('maxPool2d: kernel, stride and dilation are positive integers')
  const [y, index] = apply(
    maxPoolOp,
    [t],
    poolAttrs(size, kernel, stride, pad, dilation, options.ceil),
  )
  return { y, index }
}

/** Largest value of each window of x [n, h, w, c]. */
export const maxPool2d = (x: TensorLike, options: PoolOptions): Tensor =>
  maxPool2dWithIndex(x, options).y

type AvgAttrs = Omit<PoolAttrs, 'dilation'> & { readonly divisor: 'kernel' | 'valid' }
const avgSpec = (n: number, c: number, a: AvgAttrs, access: PoolSpec['access']) => ({
  ...poolSpec(n, c, { ...a, dilation: [1, 1] }, access),
  divisor: a.divisor,
})
const avgCases = poolCases
  .slice(0, 2)
  .flatMap(([x, { dilation: _, ...attrs }]) =>
    (['kernel', 'valid'] as const).map((divisor) => ({ x, attrs: { ...attrs, divisor } })),
  )

const avgPoolOp: StructuredOp<AvgAttrs> = {
  name: 'avgPool2d',
  kind: 'structured',
  ...plainCost,
  infer: ([x], { out }, refuse) => {
    needMap(x, refuse)
    if (out[0] < 1 || out[1] < 1) refuse('the window is larger than the padded input')
    return [{ dtype: 'f32', shape: [x.shape[0], ...out, x.shape[3]] }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(avgPoolGradOp, [dy], attrs)[0]],
  lower: ({ inputs: [x], attrs }) => avgPool(avgSpec(x.shape[0], x.shape[3], attrs, [x.access])),
  samples: avgCases.map(({ x, attrs }) => ({ inputs: [sample(x)], attrs })),
}
const avgPoolGradOp: StructuredOp<AvgAttrs> = {
  name: 'avgPool2dGrad',
  kind: 'structured',
  ...plainCost,
  infer: ([dy], { size }) => [{ dtype: 'f32', shape: [dy.shape[0], ...size, dy.shape[3]] }],
  vjp: ({ attrs }, [g]) => [g && apply(avgPoolOp, [g], attrs)[0]],
  lower: ({ inputs: [dy], attrs }) =>
    avgPoolGrad(avgSpec(dy.shape[0], dy.shape[3], attrs, [dy.access])),
  samples: avgCases.map(({ x, attrs }) => ({
    inputs: [sample([x[0], ...attrs.out, x[3]])],
    attrs,
  })),
}

export interface AvgPoolOptions extends Omit<PoolOptions, 'dilation'> {
  /** Divide by the window's size, padding included (default), or only by the pixels inside the input. */
  readonly divisor?: 'kernel' | 'valid'
}

/** Mean of each window of x [n, h, w, c]. */
export function avgPool2d(x: TensorLike, options: AvgPoolOptions): Tensor {
  const t = toTensor(x)
  const kernel = pairOf(options.kernel)
  const size: Pair = [t.shape[1], t.shape[2]]
  const [stride, pad] = [pairOf(options.stride ?? kernel), pairOf(options.padding ?? 0)]
  if ([...kernel, ...stride].some((n) => !Number.isInteger(n) || n < 1))
    throw new OptionError('avgPool2d: kernel and stride are positive integers')
  const { dilation: _, ...attrs } = poolAttrs(size, kernel, stride, pad, [1, 1], options.ceil)
  return apply(avgPoolOp, [t], { ...attrs, divisor: options.divisor ?? 'kernel' })[0]
}

export const poolOps = [
  ...[maxPoolOp, maxPoolGradOp, maxPoolGatherOp],
  ...[avgPoolOp, avgPoolGradOp],
] as const
