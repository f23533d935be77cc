// Bootstrapped cross entropy: the loss of the pixels that the network finds hardest, in its published forms.

import { sizeOf } from '../engine/dtype.ts'
import type { TensorLike } from '../engine/op.ts'
import {
  cast,
  div,
  greater,
  log,
  maximum,
  mul,
  neg,
  stopGradient,
  where,
} from '../engine/ops/arithmetic.ts'
import { checkChoice, checkCount, optionsOf } from '../engine/ops/options.ts'
import { mean, sum } from '../engine/ops/reduce.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { selectLargest } from '../engine/ops/select.ts'
import { reshape } from '../engine/ops/shape.ts'
import { toTensor } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type Loss, type LossOptions, lossesOf, pixelsOf } from './losses.ts'

const me = 'bootstrappedCrossEntropy'

export interface BootstrapOptions extends LossOptions {
  /** How many pixels are kept: exactly that many, or all that count where there are fewer. */
  readonly keep: number
  /** What `keep` counts in: each image (default), or the whole batch. */
  readonly scope?: 'image' | 'batch'
  /** The sum is divided by the number of pixels kept (default), or always by `keep` (or by the number of all pixels, where
   * that is less). */
  readonly divisor?: 'kept' | 'k'
  /** Keeps every pixel whose probability is below this, a number in (0, 1] or an f32 scalar that changes from step to
   * step, and at least `keep` pixels. */
  readonly threshold?: number | TensorLike
  /** Refused: no published form has weights, and whether they choose the pixels too would be a guess. */
  readonly weights?: never
}

/** Cross entropy of the hardest pixels, for logits f32 [n, h, w, classes] and labels u8, i32 or u32 [n, h, w]. With p the
 * softmax probability of a pixel's label, among the pixels that count:
 *
 *     top K        the `keep` smallest p of each image, or of the batch     Wu et al. 2016, Table 4; Pohlen et al. 2017, eq. 10
 *     threshold    every p < threshold, else the `keep` smallest p          Wu et al. 2016, eq. 1
 *
 *     loss = mean over the images (or the batch as one) of Σ −log p / divisor
 *
 * Wu et al. divide by the number kept, Pohlen et al. by K (`divisor: 'k'`). Of equal p the first pixels in row-major order
 * are kept, so that they are exactly `keep`. No gradient reaches the other pixels, nor passes through the choice. An image
 * of which no pixel counts adds 0, with zero gradient.
 * Throws ShapeError when logits and labels do not belong together, OptionError for options that say nothing. */
export function bootstrappedCrossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: BootstrapOptions,
): Loss {
  const [x, l] = pixelsOf(me, logits, labels)
  if (!l.shape.length) refuse(me, 'labels [n, h, w] are needed', [x, l], 'use expandDims()')
  const { keep, scope, divisor, threshold, ignore } = checkOptions(options)
  const pixels = lossesOf(me, x, l, ignore)
  const rows = scope === 'image' ? l.shape[0] : 1
  const group = [rows, sizeOf(l.shape) / rows]
  const losses = reshape(pixels.losses, group)
  const valid = reshape(pixels.valid, group)
  const hardness = stopGradient(losses)
  const chosen = selectLargest(hardness, valid, Math.min(keep, group[1]))
  // Both sets are the largest losses down to some place, so that the union is the larger of the two.
  const mask =
    threshold === undefined
      ? chosen.mask
      : maximum(chosen.mask, mul(valid, greater(hardness, leastLoss(threshold))))
  const kept = threshold === undefined ? cast(chosen.kept, 'f32') : sum(cast(mask, 'f32'), [1])
  const count = divisor === 'kept' ? maximum(kept, 1) : Math.min(keep, group[1])
  const loss = mean(div(sum(where(mask, losses, 0), [1]), count))
  return { loss, outOfRange: pixels.outOfRange }
}

/** The loss of a pixel whose probability is the threshold. */
const leastLoss = (threshold: number | TensorLike): Tensor | number =>
  typeof threshold === 'number'
    ? -Math.log(threshold)
    : stopGradient(neg(log(reshape(toTensor(threshold, me), []))))

function checkOptions(options: BootstrapOptions) {
  if (options?.weights !== undefined)
    refuseOption(
      me,
      'a bootstrapped loss has no weights',
      'weigh pixelCrossEntropy and choose with selectLargest',
    )
  const given = optionsOf(me, options as Omit<BootstrapOptions, 'weights'>, {
    ...({ keep: undefined, scope: 'image', divisor: 'kept' } as const),
    ...{ threshold: undefined, ignore: 255 },
  })
  const { threshold = 1 } = given
  checkCount(me, 'keep', given.keep, 'it is how many pixels are kept, not a share of them')
  checkChoice(me, 'scope', given.scope, ['image', 'batch'])
  checkChoice(me, 'divisor', given.divisor, ['kept', 'k'])
  if (typeof threshold === 'number') {
    if (!(threshold > 0 && threshold <= 1))
      refuseOption(me, `threshold ${threshold} is no probability`, 'use one above 0, up to 1')
  } else {
    const { dtype, shape } = toTensor(threshold, me)
    if (dtype !== 'f32' || sizeOf(shape) !== 1)
      refuseOption(me, `threshold ${shown(threshold)} is no f32 scalar`, 'use one for all pixels')
  }
  return given
}
