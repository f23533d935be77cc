// The networks by name, and the way back from a stored configuration to a network.

import { OptionError } from '../engine/errors.ts'
import { suggest } from '../nn/near.ts'
import { type FcrnOptions, fcrn, fcrnChecks } from './fcrn.ts'
import { frrnA, frrnB, frrnChecks } from './frrn.ts'
import { frrnBaseline, frrnBaselineChecks } from './frrn-baseline.ts'
import { type GcnOptions, type GcnVariant, gcn, gcnChecks } from './gcn.ts'
import { gcnResNet, gcnResNetChecks } from './gcn-backbone.ts'
import { type LocalizationOptions, localizationChecks, localizationNet } from './localization.ts'
import type { ModelConfig, Network } from './network.ts'
import type { Check } from './options.ts'
import {
  type ResNetDepth,
  type ResNetOptions,
  resNet,
  resNetChecks,
  resNetDepths,
} from './resnet.ts'
import { cifarChecks, cifarResNet } from './resnet-cifar.ts'
import { type WiderOptions, wider, widerChecks, widerVariants } from './wider.ts'

/** A network by name. */
export interface ModelEntry {
  /** One line for `--help`. */
  readonly summary: string
  readonly options: Readonly<Record<string, Check>>
  build(options: never): Network
}

const resNets = Object.fromEntries(
  resNetDepths.map((depth: ResNetDepth) => [
    `resnet-${depth}`,
    {
      summary: `ResNet-${depth} (He et al. 2016): a classifier, and the backbone of others`,
      options: resNetChecks,
      build: (options: ResNetOptions) => resNet(depth, options),
    },
  ]),
)

const widers = Object.fromEntries(
  widerVariants.map((variant) => [
    `model-${variant}`,
    {
      summary: `Model ${variant.toUpperCase()} (Wu et al. 2019): wide, to segment or to classify`,
      options: widerChecks,
      build: (options: WiderOptions) => wider(variant, options),
    },
  ]),
)

const gcns = Object.fromEntries(
  [...resNetDepths, '50-gcn' as const].map((variant: GcnVariant) => [
    `gcn-${variant}`,
    {
      summary: `GCN (Peng et al. 2017) on ResNet${variant === '50-gcn' ? '50-GCN' : `-${variant}`}`,
      options: gcnChecks(variant),
      build: (options: GcnOptions) => gcn(variant, options),
    },
  ]),
)

const fcrns = Object.fromEntries(
  resNetDepths.map((depth: ResNetDepth) => [
    `fcrn-${depth}`,
    {
      summary: `FCRN (Wu et al. 2016): a dilated ResNet-${depth} that segments on a grid of 1/8`,
      options: fcrnChecks,
      build: (options: FcrnOptions) => fcrn(depth, options),
    },
  ]),
)

const localizations = Object.fromEntries(
  resNetDepths.map((depth: ResNetDepth) => [
    `localization-${depth}`,
    {
      summary: `The localization net (Wu et al. 2016) on ResNet-${depth}: boxes on a grid of 1/8`,
      options: localizationChecks,
      build: (options: LocalizationOptions) => localizationNet(depth, options),
    },
  ]),
)

/** Networks by name. */
export const models: Readonly<Record<string, ModelEntry>> = {
  ...resNets,
  'resnet-110': {
    summary: 'ResNet-110 (He et al. 2016): a classifier of CIFAR-10',
    options: cifarChecks,
    build: cifarResNet,
  },
  ...fcrns,
  ...localizations,
  'resnet-50-gcn': {
    summary: 'ResNet50-GCN (Peng et al. 2017): a classifier with large kernels in its last stages',
    options: gcnResNetChecks,
    build: gcnResNet,
  },
  ...gcns,
  'frrn-a': {
    summary: 'FRRN A (Pohlen et al. 2017): full resolution, 4 poolings',
    options: frrnChecks,
    build: frrnA,
  },
  'frrn-b': {
    summary: 'FRRN B (Pohlen et al. 2017): full resolution, 5 poolings',
    options: frrnChecks,
    build: frrnB,
  },
  'frrn-baseline': {
    summary: 'The ResNet with long skips that FRRN A is compared with (Pohlen et al. 2017)',
    options: frrnBaselineChecks,
    build: frrnBaseline,
  },
  ...widers,
}

/** The network that a configuration describes; options left out take the network's defaults. Throws OptionError for
 * a name, an option or a value that does not exist. */
export function buildModel({ name, options }: ModelConfig): Network {
  if (!Object.hasOwn(models, name))
    throw new OptionError(`there is no model ${name}`, suggest(name, Object.keys(models)))
  return models[name].build(options as never)
}
