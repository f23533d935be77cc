export { type BootstrapOptions, bootstrappedCrossEntropy } from './bootstrap.ts'
export { boxIou, type DecodeOptions, decodeBoxes } from './boxes.ts'
export { type Captured, capture } from './capture.ts'
export {
  bilinear,
  Conv2d,
  type Conv2dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  Linear,
  type LinearOptions,
} from './conv.ts'
export { Dropout, Dropout2d } from './dropout.ts'
export {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  type ElementLossOptions,
  type HuberOptions,
  huber,
  type SmoothL1Options,
  smoothL1,
} from './elementwise-losses.ts'
export {
  type GridOptions,
  type LabelGridOptions,
  labelsOnGrid,
  type ScoreOptions,
  scoresOnImage,
} from './grid.ts'
export {
  filled,
  type HeOptions,
  heNormal,
  heUniform,
  type Initializer,
  ones,
  zeros,
} from './init.ts'
export { type HostLocalizationTargets, hostLocalizationTargets } from './localization-host.ts'
export { type LocalizationLossOptions, localizationLoss } from './localization-loss.ts'
export {
  type LocalizationTargetOptions,
  type LocalizationTargets,
  localizationTargets,
} from './localization-targets.ts'
export {
  type ClassLossOptions,
  crossEntropy,
  type Loss,
  type LossOptions,
  nllLoss,
  type PixelLosses,
  pixelCrossEntropy,
  predict,
  type Reduction,
} from './losses.ts'
export { type AnyModule, joined, type Mode, Module, nameVariables } from './module.ts'
export { nearest, suggest } from './near.ts'
export { BatchNorm2d, type BatchNormOptions } from './norm.ts'
export { buffer, isBuffer, parameter } from './parameter.ts'
export { checkState, countParameters } from './state.ts'
