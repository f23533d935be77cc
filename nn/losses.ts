// Losses of dense prediction: a distribution over the classes at every pixel, a label for every pixel, and pixels
// that do not count. Everything stays on the device, the choice of the hardest pixels too.

import { sizeOf } from '../engine/dtype.ts'
import { OptionError } from '../engine/errors.ts'
import { argmax } from '../engine/ops/arg.ts'
import {
  cast,
  div,
  greater,
  greaterEqual,
  less,
  maximum,
  mul,
  neg,
  notEqual,
  stopGradient,
  where,
} from '../engine/ops/arithmetic.ts'
import { mean, sum } from '../engine/ops/reduce.ts'
import { selectLargest } from '../engine/ops/select.ts'
import { reshape } from '../engine/ops/shape.ts'
import { logSoftmax, takeLabel } from '../engine/ops/softmax.ts'
import type { Tensor } from '../engine/tensor.ts'

export interface LossOptions {
  /** The label of pixels that do not count; default 255. */
  readonly ignore?: number
}

export interface Loss {
  /** Scalar; 0 with zero gradient where no pixel counts. */
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

/** Cross entropy of each pixel, through log-sum-exp, for logits f32 [n, h, w, classes] and integer labels [n, h, w].
 * Throws ShapeError when these do not belong together. */
export function pixelCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  { ignore = 255 }: LossOptions = {},
): PixelLosses {
  const classes = logits.shape[logits.shape.length - 1]
  const picked = takeLabel(logSoftmax(logits), labels)
  // As i32, so that no number here wraps around into the range of small labels.
  const ids = cast(labels, 'i32')
  const isClass = mul(greaterEqual(ids, 0), less(ids, classes))
  const counts = notEqual(ids, ignore)
  const valid = mul(isClass, counts)
  return {
    losses: where(valid, neg(picked), 0),
    valid,
    outOfRange: sum(where(isClass, 0, cast(counts, 'f32'))),
  }
}

/** Mean cross entropy over the pixels that count (FACTS 8, form 1). */
export function crossEntropy(logits: Tensor, labels: Tensor, options: LossOptions = {}): Loss {
  const { losses, valid, outOfRange } = pixelCrossEntropy(logits, labels, options)
  // Counts are exact in f32 up to 2^24 pixels.
  return { loss: div(sum(losses), maximum(sum(cast(valid, 'f32')), 1)), outOfRange }
}

export interface BootstrapOptions extends LossOptions {
  /** How many pixels are kept: exactly that many, or all that count where there are fewer. */
  readonly keep: number
  /** What `keep` counts in: each image (default), or the whole batch. */
  readonly scope?: 'image' | 'batch'
  /** The sum is divided by the number of pixels kept (default), or always by `keep` (k, FRRN). */
  readonly divisor?: 'kept' | 'k'
  /** Keeps every pixel whose probability is below this, and at least `keep` pixels (Wu et al. 2016, eq. 1). */
  readonly threshold?: number
}

/** Cross entropy of the pixels that the network finds hardest (Wu et al. 2016, Table 4; Pohlen et al. 2017, eq. 10):
 * the `keep` largest losses of each image or of the batch, ties to the first pixels in row-major order; then the mean
 * over the images. No gradient reaches the other pixels, nor passes through the choice.
 * Throws OptionError when `keep` is no positive whole number. */
export function bootstrappedCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: BootstrapOptions,
): Loss {
  const { keep, scope = 'image', divisor = 'kept', threshold } = options
  if (!(Number.isInteger(keep) && keep > 0))
    throw new OptionError(`keep: ${keep} pixels cannot be kept`, 'use a whole number from 1')
  const pixels = pixelCrossEntropy(logits, labels, options)
  const rows = scope === 'image' ? labels.shape[0] : 1
  const group = [rows, sizeOf(labels.shape) / rows]
  const losses = reshape(pixels.losses, group)
  const valid = reshape(pixels.valid, group)
  const hardness = stopGradient(losses)
  const chosen = selectLargest(hardness, valid, Math.min(keep, group[1]))
  // Both sets are the largest losses down to some place, so that the union is the larger of the two.
  const mask =
    threshold === undefined
      ? chosen.mask
      : maximum(chosen.mask, mul(valid, greater(hardness, -Math.log(threshold))))
  const kept = threshold === undefined ? cast(chosen.kept, 'f32') : sum(cast(mask, 'f32'), [1])
  const count = divisor === 'kept' ? maximum(kept, 1) : Math.min(keep, group[1])
  const loss = mean(div(sum(where(mask, losses, 0), [1]), count))
  return { loss, outOfRange: pixels.outOfRange }
}

/** The likeliest class of each pixel: [n, h, w, classes] to [n, h, w], u8 up to 256 classes, else i32. */
export const predict = (logits: Tensor): Tensor => argmax(logits)
