// What normalisation is made of: the moments of each channel, and the map (x − mean)·scale + shift. Batch
// normalisation is these two with arithmetic on [c] vectors between; its gradient follows from theirs.

import { moments as momentsRecipe } from '../../shaders/moments.ts'
import { sizeOf } from '../dtype.ts'
import { apply, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add, mul, neg, sub } from './arithmetic.ts'
import { pointwise } from './pointwise.ts'
import { channelSums } from './reduce.ts'
import { toTensor } from './source.ts'

type Empty = Record<string, never>

const momentsOp: StructuredOp<Empty> = {
  name: 'moments',
  kind: 'structured',
  infer: ([x], _, refuse) => {
    if (x.dtype !== 'f32' || x.shape.length < 2) refuse('an f32 tensor [..., c] is needed')
    const type = { dtype: x.dtype, shape: x.shape.slice(-1) }
    return [type, type]
  },
  // ∂mean/∂x = 1/R and ∂variance/∂x = 2(x − mean)/R; the derivative through the mean inside the variance is zero.
  vjp: ({ inputs: [x], outputs: [mean] }, [dMean, dVariance]) => {
    const share = x.shape[x.shape.length - 1] / sizeOf(x.shape)
    const through = dVariance && mul(sub(x, mean), mul(dVariance, 2 * share))
    const plain = dMean && mul(dMean, share)
    return [through && plain ? add(through, plain) : (through ?? plain)]
  },
  cost: ([x]) => ({ macs: 0, flops: 4 * sizeOf(x.shape) }),
  tail: false,
  prologue: false,
  lower: ({ inputs: [x], caps }) => {
    const channels = x.shape[x.shape.length - 1]
    return momentsRecipe(sizeOf(x.shape) / channels, channels, x.access, caps)
  },
  samples: [
    { inputs: [sample([2, 3, 5, 4])], attrs: {} },
    { inputs: [sample([7, 3], [10, 12])], attrs: {} },
    { inputs: [sample([1, 40, 30, 8])], attrs: {} },
    { inputs: [sample([1, 1, 1, 2])], attrs: {} },
  ],
}

/** Mean and biased variance of each channel of x [..., c], both [c]. Computed around the mean, never as a difference
 * of two large sums. */
export function moments(x: TensorLike): { mean: Tensor; variance: Tensor } {
  const [mean, variance] = apply(momentsOp, [toTensor(x)], {})
  return { mean, variance }
}

const normalizeOp = pointwise('normalize', {
  flops: 3,
  infer: ([x, ...vectors], _, refuse) => {
    const channels = x.shape[x.shape.length - 1]
    if (vectors.some((v) => v.shape.length !== 1 || v.shape[0] !== channels))
      refuse(`mean, scale and shift must be [${channels}]`)
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  wgsl: ([x, mean, scale, shift]) => `((${x} - ${mean}) * ${scale} + ${shift})`,
  reference: ([x, mean, scale, shift]) => (x - mean) * scale + shift,
  // Both sums over the pixels come out of one pass over dy and x.
  vjp: ({ inputs: [x, mean, scale] }, [dy]) => {
    if (!dy) return []
    const [dShift, dScale] = channelSums([dy, mul(dy, sub(x, mean))])
    return [mul(dy, scale), neg(mul(dShift, scale)), dScale, dShift]
  },
  samples: [
    { inputs: [sample([2, 3, 5, 8]), sample([8]), sample([8]), sample([8])], attrs: {} },
    { inputs: [sample([7, 3]), sample([3]), sample([3]), sample([3])], attrs: {} },
  ],
})

/** (x − mean)·scale + shift, with vectors [c] over the last axis of x. */
export function normalize(
  x: TensorLike,
  mean: TensorLike,
  scale: TensorLike,
  shift: TensorLike,
): Tensor {
  return apply(
    normalizeOp,
    [x, mean, scale, shift].map((t) => toTensor(t)),
    {},
  )[0]
}

export const normOps = [momentsOp, normalizeOp] as const
