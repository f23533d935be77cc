// The two networks that instances are found with, from their checkpoints, and the finder that looks as they were trained.

import type { Device } from '../../engine/device.ts'
import { OptionError } from '../../engine/errors.ts'
import type { Network } from '../../models/network.ts'
import {
  type Checkpoint,
  checkpointModel,
  type ListedCheckpoint,
  loadModel,
} from '../checkpoint/checkpoint.ts'
import type { ClassInfo } from '../dataset.ts'
import { checkModels } from '../predict/scorer.ts'
import type { Recipe } from '../recipes/recipe.ts'
import {
  type TestSize,
  type TestTime,
  trainedOffset,
  trainedSize,
  usualTestTime,
} from '../test-time.ts'
import { checkPair, InstanceFinder } from './finder.ts'
import type { InstanceOptions } from './options.ts'

export interface InstanceNets<Read extends ListedCheckpoint = Checkpoint> {
  readonly semantic: Read
  readonly localization: Read
  readonly models: readonly [semantic: Network, localization: Network]
  readonly classes: readonly ClassInfo[]
}

/** A category net and a localization net that belong together. Throws OptionError for networks of other classes or purposes, and
 * DataError for a checkpoint that no network can be built of. */
export function instanceNets<Read extends ListedCheckpoint>(
  semantic: Read,
  localization: Read,
): InstanceNets<Read> {
  const models = [checkpointModel(semantic), checkpointModel(localization)] as const
  // First, since a network in the other's place has other classes too.
  checkModels([models[0]], {})
  const list = ({ info }: Read) => info.classes.map(({ name }) => name).join(', ')
  if (list(semantic) !== list(localization))
    throw new OptionError(
      `${semantic.file} knows the classes ${list(semantic)}; ${localization.file} has boxes of ${list(localization)}`,
      'both networks must be trained on the same classes, in one order',
    )
  checkPair(...models)
  return { semantic, localization, models, classes: semantic.info.classes }
}

export interface OpenFinderOptions {
  readonly instances?: InstanceOptions
  /** The procedure of the category net; default that of its recipe. */
  readonly test?: TestTime
  /** At which size the localization net looks; default that of its training. */
  readonly resize?: TestSize | undefined
}

/** The networks with their trained values on a device. Throws as `finderOf`. */
export function openFinder(
  device: Device,
  nets: InstanceNets,
  options: OpenFinderOptions = {},
): InstanceFinder {
  const { semantic, localization, models } = nets
  loadModel(device, models[0], semantic)
  loadModel(device, models[1], localization)
  return finderOf(device, nets, options)
}

/** The same, of networks that somebody else gives their values. Throws OptionError for a procedure that the category net cannot be
 * applied by, and for options that mean nothing. */
export function finderOf(
  device: Device,
  { semantic, localization, models }: InstanceNets<ListedCheckpoint>,
  options: OpenFinderOptions = {},
): InstanceFinder {
  const { instances, test = usualTestTime(semantic.info) } = options
  const resize = 'resize' in options ? options.resize : trainedSize(localization.info)
  checkModels([models[0]], test)
  const offset = trainedOffset(semantic.info)
  const { loss } = (localization.info.recipe as Partial<Recipe> | undefined) ?? {}
  return new InstanceFinder(device, ...models, { instances, test, offset, resize, loss })
}
