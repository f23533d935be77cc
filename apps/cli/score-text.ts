// How the scores of a split read.

import type { Dataset } from '../../train/dataset.ts'
import type { Evaluation } from '../../train/evaluate.ts'
import { formatScores, percent } from '../../train/scoring/metrics.ts'
import type { TestTime } from '../../train/test-time.ts'

/** What was scored, and how it was looked at, in a line. */
export function scoredTitle({ name, split }: Dataset, step: number, test: TestTime = {}): string {
  const how = Object.keys(test).length ? `, looked at by ${JSON.stringify(test)}` : ''
  return `${name}, ${split} split, weights of step ${step}${how}`
}

/** The table of an evaluation and how far it is above answering the commonest class. */
export function scoresText(
  { scores, baseline, images, seconds }: Evaluation,
  title: string,
): string {
  const gain = 100 * (scores.meanIoU - baseline.meanIoU)
  return [
    title,
    '',
    formatScores(scores),
    `always the commonest class: mean IoU ${percent(baseline.meanIoU)}, pixel accuracy ${percent(baseline.pixelAccuracy)}; ` +
      `this is ${Math.abs(gain).toFixed(1)} points ${gain < 0 ? 'below' : 'above'}`,
    `${images} images in ${seconds.toFixed(1)} s`,
  ].join('\n')
}
