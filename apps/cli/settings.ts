// From arguments to a recipe: the options of training, their defaults, and what a resumed run may still change.

import { resolve } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { buildModel, type ModelConfig, models } from '../../models/index.ts'
import { needPixelScores } from '../../models/network.ts'
import { NO_AUGMENTATION } from '../../train/augment.ts'
import { type FormatName, formatNames, formatOf, openFiles } from '../../train/data/formats.ts'
import {
  type DataSource,
  frrnAugmentation,
  type Recipe,
  scheduleNames,
} from '../../train/recipe.ts'
import { STREET_CLASSES } from '../../train/street.ts'
import { type Args, helpOption, jsonOption, type Options } from './command.ts'
import { batchOf, chosenModel, modelOptions, precisionOf, precisionOption } from './model.ts'

export const trainOptions: Options = {
  data: {
    value: 'FOLDER',
    help: "a data set's folder, as published or your own (images/, labels/, classes.txt), or 'street' (default): drawn scenes",
  },
  format: {
    value: 'NAME',
    help: `layout of the folder, if not told by its files: ${formatNames.join(', ')}`,
  },
  size: { value: 'HxW', help: 'size that images are trained at; street 48x64, folders 96x128' },
  minutes: { value: 'N', help: 'time for training; street 1.8, folders 15' },
  steps: { value: 'N', help: 'number of steps instead; such a run repeats to the bit' },
  batch: { value: 'N', help: 'images in a batch' },
  accumulate: {
    value: 'N',
    help: 'compute a batch in N parts, each in the same memory; without --batch it is N times the usual',
  },
  precision: precisionOption,
  model: { value: 'NAME', help: 'a network that segments, of `atrous models`; default frrn-a' },
  option: modelOptions.option,
  width: { value: 'N', help: "channels of its first convolution; default 8, the papers' is 64" },
  base: { value: 'N', help: "the same of FRRN; default 8, the paper's is 48" },
  lanes: { value: 'N', help: "channels of FRRN's residual stream; default 8, the paper's is 32" },
  weights: {
    value: 'FILE',
    help: 'start from these: torchvision, timm, mapillary … (see `atrous weights`); the network then has its full width',
  },
  part: { value: 'PATH', help: 'start this part of the network only from them, such as backbone' },
  lr: { value: 'RATE', help: "Adam's first learning rate" },
  schedule: { value: 'NAME', help: `how it falls: ${scheduleNames.join(', ')}` },
  keep: { value: 'SHARE', help: 'share of the pixels that bootstrapping keeps; 1 keeps all' },
  seed: { value: 'N', help: 'of starting values, order and augmentation; default 1' },
  'eval-every': { value: 'STEPS', help: 'steps between validations; else four in a run' },
  out: { value: 'FOLDER', help: 'run folder, new or empty; default runs/street-1, -2, …' },
  resume: { value: 'RUN', help: 'go on with a run that was stopped, from its last checkpoint' },
  'watch-nan': { help: 'name the first value that is not finite; slow' },
  json: jsonOption,
  help: helpOption,
}

/** What may change when a run goes on; anything else would make it another run. */
const resumable = new Set(['resume', 'steps', 'minutes', 'eval-every', 'data', 'watch-nan', 'json'])

const defaults = {
  street: { size: [48, 64], minutes: 1.8, batch: 2, lr: 8e-3, keep: 1 },
  files: { size: [96, 128], minutes: 15, batch: 2, lr: 6e-3, keep: 0.25 },
} as const

/** Of whatever network: narrow, and with batch statistics, since its weights are new and nothing is normalised yet. */
const narrow = { width: 8, base: 8, lanes: 8, frozen: 'none' }

/** A data set in files, as far as a recipe needs to know it. */
export interface FoundData {
  readonly kind: FormatName
  readonly folder: string
  readonly classes: number
}

/** The folder of --data and what it is; undefined where none is named. Throws DataError for one that is laid out as nothing known. */
export async function findData(args: Args): Promise<FoundData | undefined> {
  const [named, format] = [args.text('data'), args.choice('format', formatNames)]
  if (named === undefined || named === 'street') {
    if (format) throw new OptionError(`--format ${format} is of a folder`, 'name it with --data')
    return undefined
  }
  const folder = resolve(named)
  const kind = format ?? (await formatOf(folder))
  const { classes } = await openFiles(kind, folder, 'train')
  return { kind, folder, classes: classes.length }
}

/** The recipe of a new run, on drawn scenes or on a folder. */
export function newRecipe(args: Args, found?: FoundData): Recipe {
  args.expect()
  const d = defaults[found ? 'files' : 'street']
  const [height, width] = args.size('size') ?? d.size
  const seed = args.whole('seed', 0) ?? 1
  const data: DataSource =
    found === undefined
      ? { kind: 'street', seed, height, width }
      : { kind: found.kind, folder: found.folder, height, width }
  const steps = args.whole('steps')
  const minutes = args.positive('minutes')
  refuseBoth(steps, minutes)
  const classes = found?.classes ?? STREET_CLASSES.length
  return {
    data,
    model: modelConfig(args, classes, seed),
    lr: args.positive('lr') ?? d.lr,
    schedule: args.choice('schedule', scheduleNames) ?? 'linear',
    keep: share(args) ?? d.keep,
    // Drawn scenes never repeat within a short run.
    augmentation: found ? frrnAugmentation(width) : NO_AUGMENTATION,
    ...batchOf(args, d.batch),
    seed,
    ...(steps === undefined ? { minutes: minutes ?? d.minutes } : { steps }),
    validateEvery: args.whole('eval-every'),
    ...precisionOf(args),
    ...startOf(args),
  }
}

function startOf(args: Args): Pick<Recipe, 'weights' | 'part'> {
  const [weights, part] = [args.text('weights'), args.text('part')]
  if (weights !== undefined)
    return { weights: resolve(weights), ...(part !== undefined && { part }) }
  if (part === undefined) return {}
  throw new OptionError('--part is of the network that weights go into', 'name them with --weights')
}

/** The recipe of a stopped run, with what the arguments change in it. */
export function resumedRecipe(args: Args, recipe: Recipe): Recipe {
  args.expect()
  const fixed = args.given.find((name) => !resumable.has(name))
  if (fixed)
    throw new OptionError(
      `--${fixed} cannot change when a run goes on`,
      'leave it out, or start a new run without --resume',
    )
  const steps = args.whole('steps')
  const minutes = args.positive('minutes')
  refuseBoth(steps, minutes)
  const folder = args.text('data')
  if (folder !== undefined && recipe.data.kind === 'street')
    throw new OptionError(`--data cannot change: this run trains on ${recipe.data.kind}`)
  return {
    ...recipe,
    ...(folder !== undefined && {
      data: { ...recipe.data, folder: resolve(folder) } as DataSource,
    }),
    ...(steps !== undefined && { steps, minutes: undefined }),
    ...(minutes !== undefined && { minutes, steps: undefined }),
    validateEvery: args.whole('eval-every') ?? recipe.validateEvery,
  }
}

/** The network to train. Throws OptionError for one that does not exist or does not score pixels. */
function modelConfig(args: Args, classes: number, seed: number): ModelConfig {
  if (args.texts('option').some((text) => text.startsWith('classes=')))
    throw new OptionError('the data decides the number of classes', 'leave classes out')
  const { name, options } = chosenModel(args, args.text('model') ?? 'frrn-a')
  const start = args.has('weights') ? { seed } : { ...narrow, seed }
  const own = Object.entries(start).filter(([key]) => key in models[name].options)
  const config = { name, options: { ...Object.fromEntries(own), ...options, classes } }
  needPixelScores(buildModel(config), 'training')
  return config
}

function refuseBoth(steps: number | undefined, minutes: number | undefined): void {
  if (steps === undefined || minutes === undefined) return
  throw new OptionError('--steps and --minutes exclude each other', 'give one of them')
}

function share(args: Args): number | undefined {
  const value = args.positive('keep')
  if (value !== undefined && value > 1)
    throw new OptionError(`--keep cannot be ${value}`, 'give a share of the pixels, such as 0.25')
  return value
}
