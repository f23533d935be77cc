// Scores counted on the device, and how each data set is scored.

export { labelDistances } from './distances.ts'
export * from './figures.ts'
export {
  InstanceIou,
  type InstanceIouRules,
  type InstanceIous,
  numberObjects,
  type Objects,
} from './instance-iou.ts'
export { type PredictSplitOptions, predictSplit } from './looks.ts'
export { pairCounts } from './pair-counts.ts'
export { RingCounts } from './ring-counts.ts'
export { type ScoreRules, scoreRules } from './rules.ts'
export { type ImageCounts, Scorer, type ScorerOptions } from './scorer.ts'
export { topHits } from './top-hits.ts'
export { trimapSvg } from './trimap-chart.ts'
