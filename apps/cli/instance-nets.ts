// The two networks that instances are found with, as arguments name them, and the options of the pipeline. `instances` and
// `eval-instances` share them.

import { OptionError } from '../../engine/errors.ts'
import type { Device } from '../../engine/node.ts'
import type { Network } from '../../models/network.ts'
import { type Checkpoint, checkpointModel, loadModel } from '../../train/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint-files.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import {
  checkPair,
  InstanceFinder,
  type InstanceOptions,
  instanceSettings,
} from '../../train/instances/index.ts'
import { checkModels } from '../../train/predict/scorer.ts'
import type { Recipe } from '../../train/recipe.ts'
import type { TestSize, TestTime } from '../../train/test-time.ts'
import type { Args, Options } from './command.ts'
import { testOptions } from './test-time.ts'

export const netOptions = {
  semantic: {
    value: 'RUN|CHECKPOINT',
    help: 'the category net, which says what each pixel is; options of looking are its own',
  },
  localization: {
    value: 'RUN|CHECKPOINT',
    help: 'the localization net, which says where the instance around a pixel is',
  },
  ...testOptions,
  masks: { value: 'N', help: 'nested masks of each class; default 3' },
  threshold: { value: 'IOU', help: 'boxes that overlap more are of one instance; default 0.5' },
  overlap: { value: 'IOU', help: 'regions that overlap more are one; default 0.3' },
  cells: { value: 'N', help: 'regions of fewer cells are dropped; default 16' },
  step: { value: 'PIXELS', help: 'from one cell of the grid to the next; default 2' },
} as const satisfies Options

export interface Nets {
  readonly semantic: Checkpoint
  readonly localization: Checkpoint
  readonly models: readonly [semantic: Network, localization: Network]
  readonly classes: readonly ClassInfo[]
  readonly instances: InstanceOptions
}

/** Reads the checkpoints. Throws OptionError where one is not named, for networks that do not belong together, and for options of
 * the pipeline that mean nothing. */
export async function readNets(args: Args): Promise<Nets> {
  const [semantic, localization] = await Promise.all(
    (['semantic', 'localization'] as const).map((name) => {
      const path = args.text(name)
      if (path !== undefined) return readCheckpoint(path, 'best')
      throw new OptionError(
        `--${name} is missing`,
        'instances take a category net and a localization net: --semantic RUN --localization RUN',
      )
    }),
  )
  const models = [checkpointModel(semantic), checkpointModel(localization)] as const
  const list = ({ info }: Checkpoint) => info.classes.map(({ name }) => name).join(', ')
  if (list(semantic) !== list(localization))
    throw new OptionError(
      `${semantic.file} knows the classes ${list(semantic)}; ${localization.file} has boxes of ${list(localization)}`,
      'both networks must be trained on the same classes, in one order',
    )
  checkPair(...models)
  const share = (name: string) => {
    const text = args.text(name)
    return text === undefined ? undefined : Number(text)
  }
  const instances = {
    ...{ masks: args.whole('masks'), leastCells: args.whole('cells'), step: args.whole('step') },
    ...{ threshold: share('threshold'), overlap: share('overlap') },
  }
  const given = Object.fromEntries(Object.entries(instances).filter(([, v]) => v !== undefined))
  instanceSettings(given)
  return { semantic, localization, models, classes: semantic.info.classes, instances: given }
}

/** The networks on a device, by the procedure of the category net, the localization net looking at its own size. */
export function openFinder(
  device: Device,
  { semantic, localization, models, instances }: Nets,
  test: TestTime,
  resize: TestSize | undefined,
): InstanceFinder {
  checkModels([models[0]], test)
  loadModel(device, models[0], semantic)
  loadModel(device, models[1], localization)
  const { loss } = (localization.info.recipe as Partial<Recipe> | undefined) ?? {}
  return new InstanceFinder(device, ...models, { instances, test, resize, loss })
}

/** The scale that a network was trained at: the height that its images were brought to, the width following a picture's shape.
 * Undefined where they kept their own. */
export function trainedSize({ info }: Checkpoint): TestSize | undefined {
  const { height } = (info.recipe as Partial<Recipe> | undefined)?.data ?? {}
  return height ? { height } : undefined
}
