// Losses of classification at every pixel: a distribution over the classes, a label, and pixels that do not count.
// Everything stays on the device.

import { sizeOf } from '../engine/dtype.ts'
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
import { checkChoice, optionsOf } from '../engine/ops/options.ts'
import { sum } from '../engine/ops/reduce.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { reshape } from '../engine/ops/shape.ts'
import { checkScores, takeLabel } from '../engine/ops/softmax.ts'
import { constant, toTensor } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'
import { partOf } from '../engine/trace.ts'

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

/** Scores and their labels as tensors. Throws ShapeError when they do not belong together. */
export function pixelsOf(op: string, x: TensorLike, labels: TensorLike): [Tensor, Tensor] {
  const both: [Tensor, Tensor] = [toTensor(x, op), toTensor(labels, op)]
  checkScores(...both, (problem, hint) => refuse(op, problem, both, hint))
  if (!sizeOf(both[0].shape)) refuse(op, 'there are no scores: a size is 0', both)
  return both
}

/** Which labels are classes that count, and how many are neither that nor `ignore`. */
function countedPixels(op: string, labels: Tensor, classes: number, ignore: number) {
  if (!Number.isInteger(ignore))
    refuseOption(op, `ignore ${shown(ignore)} is no label`, 'use a whole number; -1 is none of u8')
  // As i32, so that no number here wraps around into the range of small labels.
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
  const { ignore } = optionsOf('pixelCrossEntropy', options, { ignore: 255 })
  return lossesOf('pixelCrossEntropy', ...pixelsOf('pixelCrossEntropy', logits, labels), ignore)
}

/** As `pixelCrossEntropy`, in the name of `op`. */
export function lossesOf(op: string, logits: Tensor, labels: Tensor, ignore: number): PixelLosses {
  const losses = labelCrossEntropy(logits, labels)
  const { valid, outOfRange } = countedPixels(op, labels, lastOf(logits), ignore)
  return { losses: where(valid, losses, 0), valid, outOfRange }
}

const classDefaults = { ignore: 255, weights: undefined, reduction: 'mean' } as const

/** Cross entropy of the pixels that count (the weights as torch's cross_entropy has them): with
 * ℓ = −log softmax(logits)[label] and w = weights[label],
 *
 *     'mean'  Σ w·ℓ / Σ w        'sum'  Σ w·ℓ        'none'  w·ℓ, [n, h, w], 0 where the pixel does not count
 *
 * for logits f32 [n, h, w, classes] and labels u8, i32 or u32 [n, h, w]. Where no pixel counts, or all weights are 0,
 * the mean is 0 with zero gradient. Nothing at a pixel that does not count matters, NaN neither.
 * Throws ShapeError when logits and labels do not belong together, OptionError for other weights and reductions. */
export function crossEntropy(logits: Tensor, labels: Tensor, options: ClassLossOptions = {}): Loss {
  const [x, l] = pixelsOf('crossEntropy', logits, labels)
  const given = optionsOf('crossEntropy', options, classDefaults)
  const pixels = lossesOf('crossEntropy', x, l, given.ignore)
  return reduced('crossEntropy', pixels, l, lastOf(x), given)
}

/** As `crossEntropy`, of log-probabilities f32 [n, h, w, classes], which `logSoftmax` makes: ℓ = −logProbabilities[label]. */
export function nllLoss(
  logProbabilities: Tensor,
  labels: Tensor,
  options: ClassLossOptions = {},
): Loss {
  const [x, l] = pixelsOf('nllLoss', logProbabilities, labels)
  const given = optionsOf('nllLoss', options, classDefaults)
  const { valid, outOfRange } = countedPixels('nllLoss', l, lastOf(x), given.ignore)
  const losses = where(valid, neg(takeLabel(x, l)), 0)
  return reduced('nllLoss', { losses, valid, outOfRange }, l, lastOf(x), given)
}

function reduced(
  op: string,
  { losses, valid, outOfRange }: PixelLosses,
  labels: Tensor,
  classes: number,
  { weights, reduction = 'mean' }: ClassLossOptions,
): Loss {
  checkReduction(op, reduction)
  const own = weights && where(valid, weightsOf(op, weights, labels, classes), 0)
  const weighted = own ? mul(losses, own) : losses
  if (reduction === 'none') return { loss: weighted, outOfRange }
  if (reduction === 'sum') return { loss: sum(weighted), outOfRange }
  // Counts are exact in f32 up to 2^24 pixels.
  const total = sum(own ?? cast(valid, 'f32'))
  const divisor = own ? where(notEqual(total, 0), total, 1) : maximum(total, 1)
  return { loss: div(sum(weighted), divisor), outOfRange }
}

export const checkReduction = (op: string, reduction: Reduction): void =>
  checkChoice(op, 'reduction', reduction, ['mean', 'sum', 'none'])

/** The weight of each label, 0 where it is no class. */
function weightsOf(
  op: string,
  weights: TensorLike | readonly number[],
  labels: Tensor,
  classes: number,
): Tensor {
  const t = partOf(op, () =>
    Array.isArray(weights) ? constant(weights) : toTensor(weights as TensorLike, op),
  )
  if (t.dtype !== 'f32' || t.shape.length !== 1 || t.shape[0] !== classes)
    refuseOption(op, `weights ${shown(t)} for ${classes} classes`, 'give one number for each class')
  return reshape(indexSelect(t, reshape(labels, [-1]), 0), labels.shape)
}

/** The likeliest class of each pixel: [n, h, w, classes] to [n, h, w], u8 up to 256 classes, else i32. */
export const predict = (logits: Tensor): Tensor => partOf('predict', () => argmax(logits))
