// The overlap from which boxes belong to one instance, chosen on a split: how crowded the scenes are and how well the boxes fit
// decide it, and the paper (Wu, Shen and van den Hengel 2016b) gives no number. Networks look at each image once, and the pipeline
// is run for each threshold.

import type { Device } from '../../engine/device.ts'
import type { Dataset } from '../dataset.ts'
import { InstanceScorer } from '../scoring/instance-scores.ts'
import { checkEvaluated, type InstanceFigures, instanceFigures } from './evaluate.ts'
import type { InstanceFinder } from './finder.ts'
import { InstancePipeline } from './pipeline.ts'
import { trueInstances } from './truth.ts'

/** What is tried where nothing else is said. */
export const THRESHOLDS: readonly number[] = [
  0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7,
]

export interface ThresholdTrial extends InstanceFigures {
  readonly threshold: number
}

export interface ThresholdSearch {
  /** In the order of `thresholds`. */
  readonly trials: readonly ThresholdTrial[]
  /** The highest mAP^r at 0.5, of equal ones the highest volume and then the first; undefined where it was cut short. */
  readonly best: ThresholdTrial | undefined
  readonly images: number
}

export interface ThresholdSearchOptions {
  readonly thresholds?: readonly number[]
  readonly onProgress?: (done: number, of: number) => void
  readonly signal?: AbortSignal | undefined
}

/** Scores each threshold by the rules of SDS on a split, which must be opened with its objects; all else is as the finder has it.
 * Throws as `evaluateInstances`, and OptionError for thresholds outside 0 … 1. */
export async function searchThreshold(
  device: Device,
  finder: InstanceFinder,
  dataset: Dataset,
  { thresholds = THRESHOLDS, onProgress, signal }: ThresholdSearchOptions = {},
): Promise<ThresholdSearch> {
  checkEvaluated(finder, dataset)
  const { settings } = finder.pipeline
  const all = thresholds.map((threshold) => ({
    threshold,
    pipeline: new InstancePipeline(device, { ...settings, threshold }),
    scorer: new InstanceScorer(dataset.classes),
  }))
  let images = 0
  try {
    for (let i = 0; i < dataset.size && !signal?.aborted; i++) {
      const example = await dataset.get(i)
      const truth = trueInstances(example)
      const { image: data, height, width } = example
      const picture = { data, height, width }
      using probabilities = await finder.predictor.refined(picture)
      using boxes = await finder.boxes(picture)
      for (const { pipeline, scorer } of all) {
        const found = await pipeline.run(probabilities, boxes, finder.gridOf(picture))
        const drawn = found.map(({ class: k, score, mask }) => ({ class: k, score, mask }))
        scorer.add(truth, drawn)
      }
      onProgress?.(++images, dataset.size)
    }
  } finally {
    for (const { pipeline } of all) pipeline.dispose()
  }
  const trials = all.map(({ threshold, scorer }) => ({
    threshold,
    ...instanceFigures(scorer.scores()),
  }))
  const best = signal?.aborted
    ? undefined
    : trials.reduce((a, b) =>
        b.ap50 > a.ap50 || (b.ap50 === a.ap50 && b.volume > a.volume) ? b : a,
      )
  return { trials, best, images }
}
