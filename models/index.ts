// The networks by name, and the way back from a stored configuration to a network.

import { OptionError } from '../engine/errors.ts'
import { suggest } from '../nn/near.ts'
import { frrnA, frrnB, frrnChecks } from './frrn.ts'
import type { ModelConfig, Network } from './network.ts'
import type { Check } from './options.ts'
import {
  ResNet,
  type ResNetDepth,
  type ResNetOptions,
  resNetChecks,
  resNetDepths,
} from './resnet.ts'

export { Frrn, type FrrnOptions, frrnA, frrnB } from './frrn.ts'
export { type InputForm, inForm } from './input.ts'
export { type ModelConfig, Network } from './network.ts'
export type { NormOptions } from './options.ts'
export {
  Backbone,
  type BackboneOptions,
  ResNet,
  type ResNetDepth,
  type ResNetOptions,
} from './resnet.ts'

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
      build: (options: ResNetOptions) => new ResNet(depth, options),
    },
  ]),
)

/** Networks by name. */
export const models: Readonly<Record<string, ModelEntry>> = {
  ...resNets,
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
}

/** The network that a configuration describes; options left out take the network's defaults. Throws OptionError for
 * a name, an option or a value that does not exist. */
export function buildModel({ name, options }: ModelConfig): Network {
  if (!Object.hasOwn(models, name))
    throw new OptionError(`there is no model ${name}`, suggest(name, Object.keys(models)))
  return models[name].build(options as never)
}
