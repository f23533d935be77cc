// Training, for browsers and everything else: no Node module is reachable from here.

export {
  type PathBatch,
  type PathLength,
  type PathLengths,
  type PathOptions,
  pathLengths,
  residualUnits,
} from './analysis/path-lengths.ts'
export {
  type FieldOptions,
  type FieldShare,
  type ValidField,
  validReceptiveField,
} from './analysis/receptive-field.ts'
export {
  type Augmented,
  type AugmentStep,
  augment,
  checkSteps,
  type Drawn,
  gammaExponent,
  type StepName,
  stepNames,
} from './augment/index.ts'
export * from './charts/chart.ts'
export { memorySvg, stackedSvg, tradeSvg } from './charts/memory.ts'
export { pathLengthsSvg } from './charts/paths.ts'
export { type CheckpointFile, loadCheckpoint, openCheckpoint } from './checkpoint/blob.ts'
export {
  CHECKPOINT_FORMAT,
  type Checkpoint,
  type CheckpointInfo,
  checkpointModel,
  decodeCheckpoint,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from './checkpoint/checkpoint.ts'
export { exactCrf } from './crf/exact.ts'
export * from './crf/index.ts'
export {
  type DroppedDataset,
  type DroppedFile,
  type DroppedOptions,
  openDropped,
} from './data/dropped.ts'
export { knownClasses, numberedClasses } from './data/known-classes.ts'
export { type Preflight, type PreflightOptions, preflight } from './data/preflight.ts'
export * from './dataset.ts'
export {
  checkEvaluation,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  validationOf,
} from './evaluate.ts'
export type * from './events.ts'
export { type BoxesOptions, type BoxFit, BoxJudge, boxValidation } from './instances/boxes-eval.ts'
export * from './instances/index.ts'
export { type NmsOptions, type NmsResult, nonMaximumSuppression } from './instances/nms.ts'
export * from './loader/batch.ts'
export * from './loader/eval.ts'
export { DataLoader, type LoaderOptions, type Maker } from './loader/loader.ts'
export {
  LAST_BATCHES,
  type LastBatch,
  Order,
  type OrderOptions,
  type StepExamples,
} from './loader/order.ts'
export { type ImageClasses, rareClassWeights } from './loader/sampling.ts'
export { type AccumulateOptions, accumulated, microBatch } from './loop/accumulate.ts'
export { Ema, type EmaOptions } from './loop/ema.ts'
export { LossScale, type LossScaleOptions } from './loop/loss-scale.ts'
export { DivergedError } from './loop/meter.ts'
export { nanReportText } from './loop/nan-advice.ts'
export {
  findNonFinite,
  type NanReport,
  type NanSearch,
  type StepBefore,
} from './loop/nan-report.ts'
export type { Progress } from './loop/progress.ts'
export { type TrainOptions, train } from './loop.ts'
export * from './optimizers.ts'
export * from './pictures/heat-map.ts'
export { colourPng, palettePng } from './pictures/mask-png.ts'
export * from './pictures/picture.ts'
export {
  type Preview,
  type PreviewOptions,
  type PreviewRow,
  previewSheet,
} from './pictures/preview.ts'
export { resizeLabels } from './pictures/resize-labels.ts'
export { type Fitted, type FittedOptions, fittedPredictor } from './predict/fitted.ts'
export type { Needed } from './predict/needed.ts'
export { type Pixels, Predictor, type PredictorOptions, type PredictRun } from './predict.ts'
export { Random } from './random.ts'
export {
  atSize,
  type RecipeFile,
  recipeNamed,
  recipes,
  scaled,
  withAssignment,
  withValue,
} from './recipes/index.ts'
export { type BatchLoss, batchLoss, checkLoss, type LossConfig } from './recipes/loss.ts'
export * from './recipes/recipe.ts'
export { type SamplePictures, Samples } from './runs/samples.ts'
export {
  type EventTime,
  imageFrame,
  scalarFrame,
  startFrame,
  versionFrame,
} from './runs/tensorboard.ts'
export { CROWD_CLASSES, type CrowdOptions, crowdScenes } from './scenes/crowd.ts'
export { STREET_CLASSES, type StreetOptions, streetPainter, streetScenes } from './scenes/street.ts'
export * from './schedules.ts'
export {
  averagePrecision,
  type PrecisionRecall,
  type PrecisionRule,
  precisionRecall,
} from './scoring/average-precision.ts'
export * from './scoring/boundaries.ts'
export {
  type Classification,
  type ClassifiedImage,
  Classifier,
  type ClassifyOptions,
  classificationText,
  classifyValidation,
  imagenetTest,
  type TopShares,
} from './scoring/classify.ts'
export { type DistanceOptions, DistanceScores } from './scoring/distance-scores.ts'
export * from './scoring/index.ts'
export * from './scoring/instance-scores.ts'
export * from './scoring/metrics.ts'
export {
  checkTestTime,
  type TestSize,
  type TestTime,
  type TestWindow,
  testTimeNamed,
  testTimes,
  trainedOffset,
  trainedSize,
  usualTestTime,
} from './test-time.ts'
export { type Answered, type Snapshots, Training, type TrainingOptions } from './training.ts'
export * from './weights/index.ts'
export { readSafetensors, type SafeTensor, writeSafetensors } from './weights/safetensors.ts'
