// Losses of classification at every pixel: a distribution over the classes, a label, and pixels that do not count.
// Everything stays on the device.

import { OptionError } from '../engine/errors.ts'
import type { TensorLike } from '../engine/op.ts'
import { argmax } from '../engine/ops/arg.ts'
import {
  cast,
  div,
  greaterEqual,
  less,
  maximum,
  mul,
  neg,
  notEqual,
  where,
} from '../engine/ops/arithmetic.ts'
import { labelCrossEntropy } from '../engine/ops/cross-entropy.ts'
import { indexSelect } from '../engine/ops/index-select.ts'
import { sum } from '../engine/ops/reduce.ts'
import { reshape } from '../engine/ops/shape.ts'
import { takeLabel } from '../engine/ops/softmax.ts'
import { constant, toTensor } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'

export interface LossOptions {
  /** The label of pixels that do not count; default 255. */
  readonly ignore?: number
}

/** What is made of the losses of all pixels (or elements). */
export type Reduction = 'mean' | 'sum' | 'none'

export interface ClassLossOptions extends LossOptions {
  /** A factor for the pixels of each class, f32 [classes]. */
  readonly weights?: TensorLike | readonly number[]
  /** Default 'mean': the sum, divided by the number of pixels that count or, with weights, by the sum of theirs. */
  readonly reduction?: Reduction
}

export interface Loss {
  /** Scalar, or [n, h, w] without a reduction; 0 with zero gradient where no pixel counts. */
  readonly loss: Tensor
  /** f32 scalar: how many labels are neither a class nor `ignore`. They do not count in the loss. */
  readonly outOfRange: Tensor
}

export interface PixelLosses {
  /** −log of the softmax probability of the label, [n, h, w]; 0 where the pixel does not count. */
  readonly losses: Tensor
  /** u8 [n, h, w]: 1 where the pixel counts. */
  readonly valid: Tensor
  readonly outOfRange: Tensor
}

/** Which labels are classes that count, and how many are neither that nor `ignore`. */
function countedPixels(labels: Tensor, classes: number, { ignore = 255 }: LossOptions) {
  // As i32, so that no number here wraps around into the range of small labels.
  if (!Number.isInteger(ignore))
    throw new OptionError(`ignore: ${ignore} is no label`, 'labels are whole numbers')
  const ids = cast(labels, 'i32')
  const isClass = mul(greaterEqual(ids, 0), less(ids, classes))
  // Large u32 labels wrap in the cast, and so does this one.
  const counts = notEqual(ids, ignore | 0)
  return {
    valid: mul(isClass, counts),
    outOfRange: sum(where(isClass, 0, cast(counts, 'f32'))),
  }
}

const lastOf = (x: Tensor): number => x.shape[x.shape.length - 1]

/** Cross entropy of each pixel, through log-sum-exp, for logits f32 [n, h, w, classes] and labels u8, i32 or u32
 * [n, h, w]. Any number of axes may stand before the classes. Throws ShapeError when these do not belong together. */
export function pixelCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: LossOptions = {},
): PixelLosses {
  const losses = labelCrossEntropy(logits, labels)
  const { valid, outOfRange } = countedPixels(labels, lastOf(logits), options)
  return { losses: where(valid, losses, 0), valid, outOfRange }
}

/** Cross entropy of the pixels that count (FACTS 8, form 1; the weights as torch's cross_entropy has them): with
 * ℓ = −log softmax(logits)[label] and w = weights[label],
 *
 *     'mean'  Σ w·ℓ / Σ w        'sum'  Σ w·ℓ        'none'  w·ℓ, [n, h, w], 0 where the pixel does not count
 *
 * for logits f32 [n, h, w, classes] and labels u8, i32 or u32 [n, h, w]. Where no pixel counts, or all weights are 0,
 * the mean is 0 with zero gradient. Nothing at a pixel that does not count matters, NaN neither.
 * Throws ShapeError when logits and labels do not belong together, OptionError for other weights and reductions. */
export function crossEntropy(logits: Tensor, labels: Tensor, options: ClassLossOptions = {}): Loss {
  return reduced(pixelCrossEntropy(logits, labels, options), labels, lastOf(logits), options)
}

/** As `crossEntropy`, of log-probabilities f32 [n, h, w, classes], which `logSoftmax` makes: ℓ = −logProbabilities[label]. */
export function nllLoss(
  logProbabilities: Tensor,
  labels: Tensor,
  options: ClassLossOptions = {},
): Loss {
  const classes = lastOf(logProbabilities)
  const picked = takeLabel(logProbabilities, labels)
  const { valid, outOfRange } = countedPixels(labels, classes, options)
  const losses = where(valid, neg(picked), 0)
  return reduced({ losses, valid, outOfRange }, labels, classes, options)
}

function reduced(
  { losses, valid, outOfRange }: PixelLosses,
  labels: Tensor,
  classes: number,
  { weights, reduction = 'mean' }: ClassLossOptions,
): Loss {
  const own = weights && where(valid, weightsOf(weights, labels, classes), 0)
  const weighted = own ? mul(losses, own) : losses
  checkReduction(reduction)
  if (reduction === 'none') return { loss: weighted, outOfRange }
  if (reduction === 'sum') return { loss: sum(weighted), outOfRange }
  // Counts are exact in f32 up to 2^24 pixels.
  const total = sum(own ?? cast(valid, 'f32'))
  const divisor = own ? where(notEqual(total, 0), total, 1) : maximum(total, 1)
  return { loss: div(sum(weighted), divisor), outOfRange }
}

export function checkReduction(reduction: Reduction): void {
  if (!['mean', 'sum', 'none'].includes(reduction))
    throw new OptionError(`reduction: there is no '${reduction}'`, `use 'mean', 'sum' or 'none'`)
}

/** The weight of each label, 0 where it is no class. */
function weightsOf(
  weights: TensorLike | readonly number[],
  labels: Tensor,
  classes: number,
): Tensor {
  const t = Array.isArray(weights)
    ? constant(Float32Array.from(weights), [weights.length])
    : toTensor(weights as TensorLike)
  if (t.dtype !== 'f32' || t.shape.length !== 1 || t.shape[0] !== classes)
    throw new OptionError(
      `weights: ${t.dtype}[${t.shape}] for ${classes} classes`,
      'give one number for each class',
    )
  return reshape(indexSelect(t, reshape(labels, [-1]), 0), labels.shape)
}

/** The likeliest class of each pixel: [n, h, w, classes] to [n, h, w], u8 up to 256 classes, else i32. */
export const predict = (logits: Tensor): Tensor => argmax(logits)
