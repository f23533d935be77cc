// Training, for browsers and everything else: no Node module is reachable from here.

export { type AccumulateOptions, accumulated, microBatch } from './accumulate.ts'
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
export {
  averagePrecision,
  type PrecisionRecall,
  type PrecisionRule,
  precisionRecall,
} from './average-precision.ts'
export * from './boundaries.ts'
export { type BoxesOptions, type BoxFit, BoxJudge, boxValidation } from './boxes-eval.ts'
export * from './chart.ts'
export {
  CHECKPOINT_FORMAT,
  type Checkpoint,
  type CheckpointInfo,
  checkpointModel,
  decodeCheckpoint,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from './checkpoint.ts'
export { type CheckpointFile, loadCheckpoint, openCheckpoint } from './checkpoint-blob.ts'
export {
  type Classification,
  type ClassifiedImage,
  Classifier,
  type ClassifyOptions,
  classificationText,
  classifyValidation,
  imagenetTest,
  type TopShares,
} from './classify.ts'
export * from './crf/index.ts'
export { CROWD_CLASSES, type CrowdOptions, crowdScenes } from './crowd.ts'
export {
  type DroppedDataset,
  type DroppedFile,
  type DroppedOptions,
  openDropped,
} from './data/dropped.ts'
export { knownClasses, numberedClasses } from './data/known-classes.ts'
export { type Preflight, type PreflightOptions, preflight } from './data/preflight.ts'
export * from './dataset.ts'
export { type DistanceOptions, DistanceScores } from './distance-scores.ts'
export { Ema, type EmaOptions } from './ema.ts'
export {
  checkEvaluation,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  validationOf,
} from './evaluate.ts'
export type * from './events.ts'
export { exactCrf } from './exact-crf.ts'
export * from './heat-map.ts'
export * from './instance-scores.ts'
export * from './instances/index.ts'
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
export { type TrainOptions, train } from './loop.ts'
export { LossScale, type LossScaleOptions } from './loss-scale.ts'
export { memorySvg, stackedSvg, tradeSvg } from './memory-chart.ts'
export { DivergedError } from './meter.ts'
export * from './metrics.ts'
export { nanReportText } from './nan-advice.ts'
export { findNonFinite, type NanReport, type NanSearch, type StepBefore } from './nan-report.ts'
export { type NmsOptions, type NmsResult, nonMaximumSuppression } from './nms.ts'
export * from './optimizers.ts'
export { pathLengthsSvg } from './path-chart.ts'
export {
  type PathBatch,
  type PathLength,
  type PathLengths,
  type PathOptions,
  pathLengths,
  residualUnits,
} from './path-lengths.ts'
export * from './picture.ts'
export { type Fitted, type FittedOptions, fittedPredictor } from './predict/fitted.ts'
export type { Needed } from './predict/needed.ts'
export { type Pixels, Predictor, type PredictorOptions, type PredictRun } from './predict.ts'
export { type Preview, type PreviewOptions, type PreviewRow, previewSheet } from './preview.ts'
export type { Progress } from './progress.ts'
export { Random } from './random.ts'
export {
  type FieldOptions,
  type FieldShare,
  type ValidField,
  validReceptiveField,
} from './receptive-field.ts'
export * from './recipe.ts'
export { type BatchLoss, batchLoss, checkLoss, type LossConfig } from './recipe-loss.ts'
export {
  atSize,
  type RecipeFile,
  recipeNamed,
  recipes,
  scaled,
  withAssignment,
  withValue,
} from './recipes/index.ts'
export { resizeLabels } from './resize-labels.ts'
export { readSafetensors, type SafeTensor, writeSafetensors } from './safetensors.ts'
export { type SamplePictures, Samples } from './samples.ts'
export * from './schedules.ts'
export * from './scoring/index.ts'
export { STREET_CLASSES, type StreetOptions, streetPainter, streetScenes } from './street.ts'
export { palettePng } from './submission/palette-png.ts'
export {
  type EventTime,
  imageFrame,
  scalarFrame,
  startFrame,
  versionFrame,
} from './tensorboard.ts'
export {
  checkTestTime,
  type TestSize,
  type TestTime,
  type TestWindow,
  testTimeNamed,
  testTimes,
  trainedSize,
  usualTestTime,
} from './test-time.ts'
export {
  type Answered,
  type LostEvent,
  type OpenEvent,
  type Snapshots,
  Training,
  type TrainingEvent,
  type TrainingOptions,
} from './training.ts'
export * from './weights/index.ts'
