// Instances of objects, found from their categories (Wu, Shen and van den Hengel 2016b).

export { type Breakdown, ErrorBreakdown } from './breakdown.ts'
export type { BoxGrid } from './cast.ts'
export { type ChosenOverlap, chosenOverlap } from './chosen.ts'
export { CityscapesAp, type CityscapesScores } from './cityscapes.ts'
export { connectedInstances } from './components.ts'
export { type ClassCurve, classCurves, precisionRecallSvg } from './curve.ts'
export {
  type EvaluateInstancesOptions,
  evaluateInstances,
  type InstanceEvaluation,
  type InstanceFigures,
} from './evaluate.ts'
export { checkPair, type FinderOptions, InstanceFinder } from './finder.ts'
export { FoundInstance } from './found.ts'
export {
  finderOf,
  type InstanceNets,
  instanceNets,
  type OpenFinderOptions,
  openFinder,
} from './nets.ts'
export { type InstanceOptions, type InstanceSettings, instanceSettings } from './options.ts'
export { exactBoxes, trueProbabilities } from './oracle.ts'
export { maskOutline } from './outline.ts'
export { instanceColour, instanceLabels, instanceOverlay } from './overlay.ts'
export { InstancePipeline } from './pipeline.ts'
export { type CocoFile, CocoWriter, cityscapesFiles, cityscapesIdsOf } from './record.ts'
export {
  searchThreshold,
  THRESHOLDS,
  type ThresholdSearch,
  type ThresholdSearchOptions,
  type ThresholdTrial,
} from './search.ts'
export { type TrueInstance, trueInstances } from './truth.ts'
