// The loss of the localization net (Wu, Shen and van den Hengel 2016b): smooth L1 of the boxes that the
// net finds hardest, each weighed by the size of its instance.

import { sameType, type TensorType } from '../engine/dtype.ts'
import { isTensorLike, type TensorLike } from '../engine/op.ts'
import {
  add,
  broadcastTo,
  cast,
  clamp,
  div,
  greater,
  less,
  lessEqual,
  logicalAnd,
  logicalOr,
  mul,
  neg,
  rsqrt,
  stopGradient,
  sub,
  where,
} from '../engine/ops/arithmetic.ts'
import { gather } from '../engine/ops/index-select.ts'
import { checkCount, optionsOf } from '../engine/ops/options.ts'
import { sum } from '../engine/ops/reduce.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { selectLargest } from '../engine/ops/select.ts'
import { reshape } from '../engine/ops/shape.ts'
import { toTensor } from '../engine/ops/source.ts'
import { partOf } from '../engine/trace.ts'
import { areaOf, boxIou, checkPrediction, checkUnit, inPixels } from './boxes.ts'
import { smoothL1 } from './elementwise-losses.ts'
import type { LocalizationTargets } from './localization-targets.ts'
import type { Loss } from './losses.ts'

export interface LocalizationLossOptions {
  /** Cells whose predicted box overlaps with its target by this IoU or more are easy, and dropped; default 0.7. With 1, all
   * are kept that are not exact. */
  readonly threshold?: number
  /** But so many of each image are kept, those with the least IoU, or all where there are fewer; default 512. */
  readonly keep?: number
  /** Error, in units of the targets, from which the loss is a straight line; default 1. */
  readonly beta?: number
  /** Least and largest weight 1 / √(h·w) of an instance of h × w pixels; default [1/256, 1/16]. With both the same, all weigh
   * the same. */
  readonly weights?: readonly [least: number, largest: number]
}

const me = 'localizationLoss'

/** The loss of a prediction f32 [n, h', w', 4·classes] against `localizationTargets`. Of each cell only the four channels of its
 * own class count. With ℓ the sum of smooth L1 over these, w = 1 / √(h·w) within `weights`, and w̄ the mean of w over the
 * cells that are kept in the batch,
 *
 *     loss = Σ (w / w̄)·ℓ / number kept = Σ w·ℓ / Σ w,    over the cells that are kept
 *
 * A cell is kept where the IoU of the box that is predicted, decoded, and that of its instance is below `threshold`, or where it
 * is among the `keep` smallest of its image; of equal ones the first, in row-major order. No gradient reaches other cells
 * and channels, nor passes through the choice, and nothing that is predicted there matters, NaN neither. Where nothing is to
 * be learnt the loss is 0, with zero gradient. Cells of a class that the prediction does not have count as out of range.
 * Throws ShapeError where prediction and targets do not belong together, OptionError for options that say nothing. */
export function localizationLoss(
  prediction: TensorLike,
  targets: LocalizationTargets,
  options: LocalizationLossOptions = {},
): Loss {
  const { x, boxes, labels, strange } = checkTargets(prediction, targets)
  const { sigma } = targets
  const { threshold, keep, beta, weights } = checkLocalizationOptions(options)
  return partOf(me, () => {
    const [n, h, w, channels] = x.shape
    const m = h * w
    const label = reshape(labels, [n, m])
    const isObject = greater(label, 0)
    const valid = logicalAnd(isObject, lessEqual(label, channels / 4))
    const truth = reshape(boxes, [n, m, 4])
    const block = broadcastTo(reshape(sub(label, 1), [n, m, 1, 1]), [n, m, 1, 4])
    const own = reshape(gather(reshape(x, [n, m, channels / 4, 4]), block, 2), [n, m, 4])

    const [predicted, actual] = [stopGradient(own), truth].map((t) => inPixels(t, sigma))
    const iou = boxIou(predicted, actual)
    const hardest = selectLargest(neg(iou), valid, keep)
    // Both sets are the least IoUs up to some place, so that the union is the larger of the two.
    const kept = logicalOr(hardest.mask, logicalAnd(valid, less(iou, threshold)))

    const losses = sum(smoothL1(own, truth, { beta, reduction: 'none' }), [2])
    const weight = where(kept, clamp(rsqrt(areaOf(actual)), ...weights), 0)
    const total = sum(weight)
    const loss = div(sum(mul(weight, losses)), where(greater(total, 0), total, 1))
    const missing = sum(cast(logicalAnd(isObject, greater(label, channels / 4)), 'f32'))
    return { loss, outOfRange: add(strange, missing) }
  })
}

function checkTargets(prediction: TensorLike, targets: LocalizationTargets) {
  const x = toTensor(prediction, me)
  checkPrediction(me, x)
  const { boxes, classes, outOfRange, sigma } = targets ?? {}
  if (![boxes, classes, outOfRange].every(isTensorLike))
    refuseOption(me, `${shown(targets)} are no targets`, 'localizationTargets() makes them')
  const given = [boxes, classes, outOfRange].map((t) => toTensor(t, me))
  const wanted: TensorType[] = [
    { dtype: 'f32', shape: [...x.shape.slice(0, 3), 4] },
    { dtype: 'i32', shape: x.shape.slice(0, 3) },
    { dtype: 'f32', shape: [] },
  ]
  if (!given.every((t, i) => sameType(t, wanted[i])))
    refuse(
      me,
      'the targets are not those of this prediction: boxes, classes and outOfRange',
      [x, ...given],
      'make them with localizationTargets() on the grid of the net: its stride is model.scoreStride',
    )
  checkUnit(me, sigma)
  return { x, boxes: given[0], labels: given[1], strange: given[2] }
}

/** All of the options. Throws OptionError for some that say nothing. */
export function checkLocalizationOptions(options: LocalizationLossOptions) {
  const given = optionsOf(me, options, {
    ...{ threshold: 0.7, keep: 512, beta: 1 },
    weights: [1 / 256, 1 / 16] as const,
  })
  const { threshold, keep, weights } = given
  if (!(typeof threshold === 'number' && threshold >= 0 && threshold <= 1))
    refuseOption(me, `threshold ${shown(threshold)} is no IoU`, 'use one from 0 to 1')
  checkCount(me, 'keep', keep, 'it is how many cells of an image are kept, not a share of them')
  const [least, largest] = Array.isArray(weights) ? weights : [0, 0]
  if (!(least > 0 && least <= largest && largest < Number.POSITIVE_INFINITY))
    refuseOption(
      me,
      `weights from ${shown(least)} to ${shown(largest)} are no range`,
      'give the least and the largest, above 0',
    )
  return given
}
