// Average precision of a ranked list.

import { OptionError } from '../../engine/errors.ts'

/** `envelope`: the area under p(r) = the largest precision at a recall of r or more, as VOC since 2010. `eleven`: the mean of p at
 * the recalls 0, 0.1, … 1, as VOC until 2009. */
export type PrecisionRule = 'envelope' | 'eleven'

/** A point of the curve for each prefix of the list. */
export interface PrecisionRecall {
  readonly precision: Float64Array
  readonly recall: Float64Array
}

/** Precision and recall after each of a ranked list, best first, of hits (1) and misses (0). */
export function precisionRecall(
  hits: ArrayLike<number | boolean>,
  positives: number,
): PrecisionRecall {
  if (!(Number.isInteger(positives) && positives >= 0))
    throw new OptionError(`precisionRecall: ${positives} positives are no number of things`)
  const precision = new Float64Array(hits.length)
  const recall = new Float64Array(hits.length)
  let found = 0
  for (let i = 0; i < hits.length; i++) {
    if (hits[i]) found++
    precision[i] = found / (i + 1)
    recall[i] = positives > 0 ? found / positives : 0
  }
  if (found > positives)
    throw new OptionError(`precisionRecall: ${found} hits are more than the ${positives} positives`)
  return { precision, recall }
}

/** Average precision of a ranked list of hits among so many positives: null where there are none to find. */
export function averagePrecision(
  hits: ArrayLike<number>,
  positives: number,
  rule: PrecisionRule = 'envelope',
): number | null {
  const { precision, recall } = precisionRecall(hits, positives)
  if (positives === 0) return null
  // The largest precision at this recall or a larger one.
  for (let i = precision.length - 2; i >= 0; i--)
    precision[i] = Math.max(precision[i], precision[i + 1])
  if (rule === 'envelope') {
    let area = 0
    recall.forEach((r, i) => {
      area += (r - (recall[i - 1] ?? 0)) * precision[i]
    })
    return area
  }
  let sum = 0
  for (let tenth = 0; tenth <= 10; tenth++) {
    // Recalls are quotients of whole numbers: 3/10 must count as 0.3.
    const at = recall.findIndex((r) => r * 10 >= tenth - 1e-9)
    if (at >= 0) sum += precision[at]
  }
  return sum / 11
}
