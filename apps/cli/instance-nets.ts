// The two networks that instances are found with, as arguments name them, and the options of the pipeline. `instances` and
// `eval-instances` share them.

import { OptionError } from '../../engine/errors.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import {
  type InstanceNets,
  type InstanceOptions,
  instanceNets,
  instanceSettings,
} from '../../train/instances/index.ts'
import type { Args, Options } from './command.ts'
import { testOptions } from './test-time.ts'
import { type ChosenThreshold, chosenThreshold } from './threshold.ts'

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
  threshold: {
    value: 'IOU',
    help: 'boxes that overlap more are of one instance; default what `eval-instances --search` has found, else 0.5',
  },
  overlap: { value: 'IOU', help: 'regions that overlap more are one; default 0.3' },
  cells: { value: 'N', help: 'regions of fewer cells are dropped; default 16' },
  step: { value: 'PIXELS', help: 'from one cell of the grid to the next; default 2' },
} as const satisfies Options

export interface Nets extends InstanceNets {
  readonly instances: InstanceOptions
  /** Where the threshold was found on a split and not given. */
  readonly chosen: ChosenThreshold | undefined
}

/** One line of a threshold that nobody gave. */
export const sayChosen = ({ chosen }: Nets): string[] =>
  chosen
    ? [`threshold ${chosen.threshold}, found on the ${chosen.split} split: ${chosen.file}`]
    : []

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
  const nets = instanceNets(semantic, localization)
  const share = (name: string) => {
    const text = args.text(name)
    return text === undefined ? undefined : Number(text)
  }
  const search = args.has('search') || args.has('threshold')
  const chosen = search ? undefined : await chosenThreshold(localization)
  const instances = {
    ...{ masks: args.whole('masks'), leastCells: args.whole('cells'), step: args.whole('step') },
    ...{ threshold: share('threshold') ?? chosen?.threshold, overlap: share('overlap') },
  }
  const given = Object.fromEntries(Object.entries(instances).filter(([, v]) => v !== undefined))
  instanceSettings(given)
  return { ...nets, instances: given, chosen }
}
