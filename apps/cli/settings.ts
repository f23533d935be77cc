// From arguments to a recipe: that of a new run, and that of one that goes on.

import { resolve } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { findModel } from '../../models/catalog.ts'
import { buildModel, type ModelConfig, models } from '../../models/index.ts'
import { type FormatName, formatNames, formatOf, openFiles } from '../../train/data/formats.ts'
import type { Overfit } from '../../train/data/overfit.ts'
import {
  atSize,
  type RecipeFile,
  recipeNamed,
  scaled,
  withAssignment,
} from '../../train/recipes/index.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import {
  type AlsoSource,
  checkRecipe,
  type DataSource,
  type Recipe,
} from '../../train/recipes/recipe.ts'
import { CROWD_CLASSES } from '../../train/scenes/crowd.ts'
import { STREET_CLASSES } from '../../train/scenes/street.ts'
import type { Args } from './command.ts'
import { batchOf, givenOptions, precisionOf } from './model.ts'
import { falls, resumable } from './train-options.ts'

/** Of a network whose weights are new: nothing is normalised yet. */
const fresh = { frozen: 'none' }

/** A data set in files, as far as a recipe needs to know it. */
export interface FoundData {
  readonly kind: FormatName
  readonly folder: string
  readonly classes: number
  readonly also?: readonly AlsoSource[]
}

/** The folder of --data and what it is; undefined where none is named. Throws DataError for one that is laid out as nothing known. */
export async function findData(args: Args): Promise<FoundData | undefined> {
  const [named, format] = [args.text('data'), args.choice('format', formatNames)]
  if (named === undefined || named === 'street' || named === 'crowd') {
    for (const name of ['format', 'also'])
      if (args.has(name)) throw new OptionError(`--${name} is of a folder`, 'name it with --data')
    return undefined
  }
  const folder = resolve(named)
  const kind = format ?? (await formatOf(folder))
  const { classes } = await openFiles(kind, folder, 'train')
  const also = await Promise.all(
    args.texts('also').map(async (text): Promise<AlsoSource> => {
      if (text === 'coarse') return { kind: 'cityscapes', folder, coarse: true }
      const other = resolve(text)
      return { kind: await formatOf(other), folder: other }
    }),
  )
  return { kind, folder, classes: classes.length, also }
}

/** The recipe of a new run, and what a person should know of it. Throws OptionError for arguments that do not go together. */
export function newRecipe(
  args: Args,
  found: FoundData | undefined,
  note: (line: string) => void = () => {},
): Recipe {
  const file = fileOf(args, found, note)
  const seed = args.whole('seed', 0) ?? 1
  const { name, data, summary: _, source: __, fresh: ___, rateFor: ____, from, ...rest } = file
  const own: Recipe = {
    name,
    data: dataOf(args, found, data.size, seed),
    ...rest,
    model: modelOf(args, file, found?.classes ?? drawnClasses(args).length, seed),
    ...startOf(args),
    seed,
  }
  if (from && own.init === undefined)
    note(`${name} starts from ${from}; without --init its network starts from random values`)
  const changed = args.texts('set').reduce(withAssignment, withFlags(own, args))
  return buildable(checkRecipe(changed))
}

/** The recipe that is named, or the usual one for the data, at the size and scale that are asked for. */
function fileOf(
  args: Args,
  found: FoundData | undefined,
  note: (line: string) => void,
): RecipeFile {
  const [name] = args.positionals.length ? args.expect('RECIPE') : []
  const file = recipeNamed(name ?? usualFor(found))
  if (name !== undefined && !args.has('data') && name !== 'street')
    throw new OptionError(
      `${name} needs images and labels`,
      `name a folder (${[...file.data.formats, 'or your own'].join(', ')}) with --data, or --data street`,
    )
  const { formats } = file.data
  if (name !== undefined && found && formats.length && !formats.includes(found.kind))
    note(`note: ${name} is for ${formats.join(', ')}; this is ${found.kind}`)
  const model = modelNamed(args, file.model)
  const own = { ...file, model, rate: rateFor(file, model.name) }
  const scale = args.positive('scale')
  const small =
    scale === undefined ? own : scaled(own, scale, Object.keys(models[own.model.name].options))
  const size = args.size('size') ?? (!found && !small.data.size ? ([48, 64] as const) : undefined)
  return size ? atSize(small, size) : small
}

const usualFor = (found: FoundData | undefined): string =>
  !found ? 'street' : found.kind === 'imagenet' ? 'images' : 'folder'

const isCrowd = (args: Args): boolean => args.text('data') === 'crowd'

const drawnClasses = (args: Args) => (isCrowd(args) ? CROWD_CLASSES : STREET_CLASSES)

function dataOf(
  args: Args,
  found: FoundData | undefined,
  size: readonly [height: number, width: number] | undefined,
  seed: number,
): DataSource {
  const overfit = overfitOf(args)
  if (!found) {
    if (overfit !== undefined && typeof overfit !== 'number')
      throw Number.isNaN(Number(args.text('overfit')))
        ? new OptionError('drawn scenes have no names', 'give their number: --overfit 8')
        : new OptionError(
            `--overfit cannot be '${args.text('overfit')}'`,
            'give a whole number from 1',
          )
    const few = overfit !== undefined && { overfit }
    const scenes = isCrowd(args) && { scenes: 'crowd' as const }
    // Recipes of images that have one class each name no size of theirs.
    const [h, w] = size ?? args.size('size') ?? [48, 64]
    return { kind: 'street', ...scenes, seed, height: h, width: w, ...few }
  }
  const { kind, folder, also = [] } = found
  const [height, width] = size ?? []
  return {
    ...{ kind, folder, ...(size && { height, width }) },
    ...(also.length > 0 && { also }),
    ...(overfit !== undefined && { overfit }),
  }
}

/** A number without leading zeros counts, as names of images have them. */
function overfitOf(args: Args): Overfit | undefined {
  const text = args.text('overfit')
  if (text === undefined) return undefined
  return /^[1-9]\d*$/.test(text) ? Number(text) : text.split(',')
}

/** What single options change in a recipe. */
function withFlags(recipe: Recipe, args: Args): Recipe {
  const [steps, minutes] = [args.whole('steps'), args.positive('minutes')]
  if (steps !== undefined && minutes !== undefined)
    throw new OptionError('--steps and --minutes exclude each other', 'give one of them')
  const { steps: _, minutes: __, ...unlimited } = recipe
  const limit = { ...(steps !== undefined && { steps }), ...(minutes !== undefined && { minutes }) }
  const validateEvery = args.whole('eval-every')
  return {
    ...(steps === undefined && minutes === undefined ? recipe : { ...unlimited, ...limit }),
    rate: rateOf(recipe.rate, args),
    loss: lossOf(recipe.loss, args.positive('keep')),
    ...(args.has('batch') || args.has('accumulate')
      ? batchOf(args, recipe.batch / (recipe.accumulate ?? 1))
      : {}),
    ...precisionOf(args),
    ...(validateEvery !== undefined && { validateEvery }),
  }
}

function rateOf(rate: Recipe['rate'], args: Args): Recipe['rate'] {
  const [lr, schedule] = [args.positive('lr'), args.choice('schedule', falls)]
  const first = rate[0].lr
  const phases =
    schedule === undefined
      ? rate
      : [{ lr: first, steps: rate.reduce((sum, { steps }) => sum + steps, 0), schedule }]
  if (lr === undefined) return phases
  return scaledTo(phases, lr)
}

/** Phases that begin with another rate, in proportion. */
const scaledTo = (phases: Recipe['rate'], lr: number): Recipe['rate'] =>
  phases.map((phase) => ({ ...phase, lr: phase.lr * (lr / phases[0].lr) }))

/** The rate of a recipe whose network may have been replaced. */
function rateFor({ model, rate, rateFor = {} }: RecipeFile, name: string): Recipe['rate'] {
  const [, lr] = Object.entries(rateFor).find(([begin]) => name.startsWith(begin)) ?? []
  return lr === undefined || name === model.name ? rate : scaledTo(rate, lr)
}

function lossOf(loss: Recipe['loss'], keep: number | undefined): Recipe['loss'] {
  if (keep === undefined) return loss
  if (loss.name === 'boxes') return { ...loss, keep }
  const { keep: _, threshold: __, scope: ___, divisor: ____, weights: _____, ...where } = loss
  return keep === 1 ? { ...where, name: 'crossEntropy' } : { ...loss, name: 'bootstrap', keep }
}

function startOf(args: Args): Pick<Recipe, 'init' | 'only'> {
  const [init, only] = [args.text('init'), args.text('only')]
  if (init !== undefined) return { init: resolve(init), ...(only !== undefined && { only }) }
  if (only === undefined) return {}
  throw new OptionError('--only is of the network that weights go into', 'name them with --init')
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
  const folder = args.text('data')
  if (folder !== undefined && recipe.data.kind === 'street')
    throw new OptionError(`--data cannot change: this run trains on ${recipe.data.kind}`)
  const [steps, minutes] = [args.whole('steps'), args.positive('minutes')]
  if (steps !== undefined && minutes !== undefined)
    throw new OptionError('--steps and --minutes exclude each other', 'give one of them')
  const { steps: ofSteps, minutes: ofMinutes, ...rest } = recipe
  const before = {
    ...(ofSteps !== undefined && { steps: ofSteps }),
    ...(ofMinutes !== undefined && { minutes: ofMinutes }),
  }
  const asked = { ...(steps !== undefined && { steps }), ...(minutes !== undefined && { minutes }) }
  const validateEvery = args.whole('eval-every') ?? recipe.validateEvery
  return {
    ...rest,
    ...(folder !== undefined && {
      data: { ...recipe.data, folder: resolve(folder) } as DataSource,
    }),
    ...((steps ?? minutes) ? asked : before),
    ...(validateEvery !== undefined && { validateEvery }),
  }
}

/** The network to train, of the recipe or another one. */
function modelOf(args: Args, file: RecipeFile, classes: number, seed: number): ModelConfig {
  if (args.texts('option').some((text) => text.startsWith('classes=')))
    throw new OptionError('the data decides the number of classes', 'leave classes out')
  const { name, options: own } = file.model
  // Background is no object, and has no boxes.
  const told = file.loss.name === 'boxes' ? classes - 1 : classes
  const start = { ...(args.has('init') ? {} : (file.fresh ?? fresh)), seed }
  const known = Object.entries(start).filter(([key]) => key in models[name].options)
  return {
    name,
    options: { ...Object.fromEntries(known), ...own, ...givenOptions(args, name), classes: told },
  }
}

/** The network of a recipe, or the one that is named instead, with those of the recipe's options that it has too. */
function modelNamed(args: Args, { name, options }: ModelConfig): ModelConfig {
  const text = args.text('model')
  if (text === undefined) return { name, options }
  const found = findModel(text)
  const kept = Object.entries(options).filter(([key]) => key in models[found.name].options)
  const { classes: _, ...own } = found.options
  return { name: found.name, options: { ...Object.fromEntries(kept), ...own } }
}

/** Throws OptionError where the network cannot be built, or its loss not be taken. */
function buildable(recipe: Recipe): Recipe {
  batchLoss(recipe.loss, buildModel(recipe.model))
  return recipe
}
