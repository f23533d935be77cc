// What normalisation is made of: moments, usually of each channel, and the map (x − mean)·scale + shift. Batch
// normalisation is these two with arithmetic on [c] vectors between; its gradient follows from theirs.

import type { FloatElem } from '../../shaders/kernel.ts'
import { moments as momentsRecipe } from '../../shaders/moments.ts'
import { isFloat, sameShape, sizeOf } from '../dtype.ts'
import { apply, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add, cast, mul, neg, square, sub } from './arithmetic.ts'
import { along, extentOf, type Run, spread, without } from './axes.ts'
import { samplesOf, windowsOf } from './fold.ts'
import { pointwise } from './pointwise.ts'
import { channelSums } from './reduce.ts'
import { refuse } from './refuse.ts'
import { toTensor } from './source.ts'
import { pairwise } from './windows.ts'

export const momentsOp: StructuredOp<Run> = {
  name: 'moments',
  source: 'Chan, Golub and LeVeque 1979',
  kind: 'structured',
  infer: ([x], run, no) => {
    if (x.dtype !== 'f32') no('an f32 tensor is needed', 'use cast()')
    if (!sizeOf(x.shape)) no('an empty tensor has no variance')
    if (!sameShape(run.shape, x.shape)) no(`the run is one of [${run.shape}]`)
    const type = { dtype: x.dtype, shape: without(run) }
    return [type, type]
  },
  // ∂mean/∂x = 1/R and ∂variance/∂x = 2(x − mean)/R; the derivative through the mean inside the variance is zero.
  vjp: ({ inputs: [x], outputs: [mean], attrs: run }, [dMean, dVariance]) => {
    const share = 1 / extentOf(run).rows
    const through =
      dVariance && mul(sub(x, spread(mean, run)), spread(mul(dVariance, 2 * share), run))
    const plain = dMean && mul(dMean, share)
    if (!through) return [plain && along(plain, run)]
    return [plain ? add(through, spread(plain, run)) : through]
  },
  cost: ([x]) => ({ macs: 0, flops: 4 * sizeOf(x.shape) }),
  tail: false,
  prologue: false,
  f16: { inputs: [0], outputs: [] },
  lower: ({ inputs: [x], attrs, caps }) =>
    momentsRecipe({ ...extentOf(attrs), elem: x.dtype as FloatElem, access: x.access }, caps),
  // The variance of groups is the mean of their variances and the variance of their means, each by its share.
  windows: windowsOf((parts, share) => {
    const whole = (xs: readonly Tensor[]) =>
      pairwise(
        xs.map((x, k) => mul(x, share[k])),
        add,
      )
    const mean = whole(parts.map(([m]) => m))
    return [mean, whole(parts.map(([m, v]) => add(v, square(sub(m, mean)))))]
  }),
  samples: [
    ...samplesOf((shape) => sample(shape, [10, 12])),
    ...samplesOf(sample, 1, [
      { shape: [1, 40, 30, 8], first: 0, count: 3 },
      { shape: [1, 1, 2], first: 0, count: 2 },
      { shape: [3, 1], first: 1, count: 1 },
      { shape: [2, 260], first: 1, count: 1 },
    ]),
  ],
}

/** Mean and biased variance of each channel of x [..., c], both [c]. Computed around the mean, never as a difference
 * of two large sums. */
export function moments(x: TensorLike): { mean: Tensor; variance: Tensor } {
  const t = toTensor(x, 'moments')
  const { shape } = t
  if (shape.length < 2)
    refuse('moments', 'a tensor [..., c] is needed', [t], 'variance() takes any axes')
  const [mean, variance] = apply(momentsOp, [t], { shape, first: 0, count: shape.length - 1 })
  return { mean, variance }
}

const normalizeOp = pointwise('normalize', {
  source: 'Ioffe and Szegedy 2015',
  flops: 3,
  infer: ([x, ...vectors], _, refuse) => {
    if (!isFloat(x.dtype) || vectors.some((v) => v.dtype !== x.dtype))
      refuse('floats of one dtype are needed', 'use cast()')
    const channels = x.shape[x.shape.length - 1]
    if (!x.shape.length) refuse('a tensor [..., c] is needed', 'use expandDims()')
    if (!sizeOf(x.shape)) refuse('there is nothing to normalise: a size is 0')
    if (vectors.some((v) => v.shape.length !== 1 || v.shape[0] !== channels))
      refuse(`mean, scale and shift must be [${channels}]`, 'channels are the last axis of x')
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  wgsl: ([x, mean, scale, shift]) => `((${x} - ${mean}) * ${scale} + ${shift})`,
  reference: ([x, mean, scale, shift]) => (x - mean) * scale + shift,
  // Both sums over the pixels come out of one pass over dy and x.
  vjp: ({ inputs: [x, mean, scale] }, [dy]) => {
    if (!dy) return []
    const sums = channelSums([dy, mul(dy, sub(x, mean))].map((t) => cast(t, 'f32')))
    const [dShift, dScale] = sums.map((t) => cast(t, x.dtype))
    return [mul(dy, scale), neg(mul(dShift, scale)), dScale, dShift]
  },
  samples: [
    { inputs: [sample([2, 3, 5, 8]), sample([8]), sample([8]), sample([8])], attrs: {} },
    { inputs: [sample([7, 3]), sample([3]), sample([3]), sample([3])], attrs: {} },
  ],
})

/** (x − mean)·scale + shift, with vectors [c] over the last axis of x, all of one floating-point dtype. Throws ShapeError. */
export function normalize(
  x: TensorLike,
  mean: TensorLike,
  scale: TensorLike,
  shift: TensorLike,
): Tensor {
  return apply(
    normalizeOp,
    [x, mean, scale, shift].map((t) => toTensor(t, 'normalize')),
    {},
  )[0]
}

export const normOps = [momentsOp, normalizeOp] as const
