// The networks of the papers, and what is said of them.

export { type Configuration, configurations, findModel, usualForm } from './catalog.ts'
export { Fcrn, type FcrnOptions, fcrn } from './fcrn.ts'
export {
  checkFieldOfView,
  type DilatedClassifier,
  type FieldOfView,
  fieldOfView,
  fieldOfViewOf,
} from './field-of-view.ts'
export { type Block, Frrn, type FrrnOptions, frrnA, frrnB, type Tensors } from './frrn.ts'
export { FrrnBaseline, type FrrnBaselineOptions, frrnBaseline, type Join } from './frrn-baseline.ts'
export { Gcn, type GcnOptions, type GcnVariant, gcn, type ScoreBlock } from './gcn.ts'
export {
  GcnBackbone,
  type GcnBackboneOptions,
  GcnResNet,
  type GcnResNetOptions,
  gcnResNet,
} from './gcn-backbone.ts'
export {
  BoundaryRefinement,
  ConvolutionStack,
  Deconvolution,
  type DeconvolutionForm,
  GlobalConvolution,
  plainConvolution,
} from './gcn-units.ts'
export { Head, type HeadOptions } from './heads.ts'
export { type ImagePadding, type InputForm, inForm } from './input.ts'
export { type KeyMap, keyMaps } from './keys/index.ts'
export { mapillaryOptions } from './keys/mapillary.ts'
export { type Layer, layersOf } from './layers.ts'
export { LocalizationNet, type LocalizationOptions, localizationNet } from './localization.ts'
export {
  type ImageSize,
  type Measurement,
  measure,
  type ParameterCounts,
  type Traced,
  traceStep,
} from './measure.ts'
export { type ModelConfig, Network } from './network.ts'
export { type Check, type NormOptions, optionOf } from './options.ts'
export { buildModel, type ModelEntry, models } from './registry.ts'
export {
  Backbone,
  type BackboneOptions,
  ResNet,
  type ResNetDepth,
  type ResNetOptions,
  resNet,
} from './resnet.ts'
export { type CifarOptions, CifarResNet, cifarResNet } from './resnet-cifar.ts'
export {
  passOffsets,
  type ShiftedLossOptions,
  shiftedLoss,
  shiftedPass,
  shiftedPasses,
  shiftedPassLoss,
  shiftedScores,
} from './shifted.ts'
export { Wider, type WiderOptions, type WiderVariant, wider } from './wider.ts'
