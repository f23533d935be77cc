// What a training session begins with, found and checked before a device is opened.

import { existsSync } from 'node:fs'
import { DataError, OptionError } from '../../engine/errors.ts'
import type { Variable } from '../../engine/tensor.ts'
import { checkFieldOfView } from '../../models/field-of-view.ts'
import { buildModel, type Network } from '../../models/index.ts'
import { type Checkpoint, checkpointModel } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import type { Split } from '../../train/dataset.ts'
import { DataLoader } from '../../train/loader/loader.ts'
import { openAhead, openLoader, specOf } from '../../train/loader/open.ts'
import type { Progress } from '../../train/loop/progress.ts'
import type { Optimizer } from '../../train/optimizers.ts'
import {
  checkRecipe,
  loaderOptions,
  needsObjects,
  type Recipe,
  recipeOptimizer,
  recipeSteps,
} from '../../train/recipes/recipe.ts'
import { createRun, openRun, type RunFolder } from '../../train/runs/folder.ts'
import { openSplits, type Splits } from '../../train/sources.ts'
import { readWeights } from '../../train/weights/files.ts'
import { matchWeights } from '../../train/weights/load.ts'
import { checkReport } from '../../train/weights/report.ts'
import type { Args } from './command.ts'
import { lookThrough, samplingWeights } from './look-through.ts'
import type { TerminalProgress } from './progress.ts'
import { findData, newRecipe, resumedRecipe } from './settings.ts'

/** What a session begins with. */
export interface Prepared {
  readonly recipe: Recipe
  /** Val and test are read ahead, by the threads of the batches. */
  readonly splits: Splits
  readonly model: Network
  readonly optimizer: Optimizer
  readonly batches: DataLoader
  readonly run: RunFolder
  /** That no other process works on the run. */
  readonly held: Disposable
  readonly checkpoint: Checkpoint | undefined
  /** What a weight file gives the model; empty once it has it. */
  readonly start: Map<Variable, Float32Array>
}

/** Everything that can be refused without a GPU is refused before it is opened and before a folder is made. */
export async function prepareRun(
  args: Args,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<Prepared> {
  const folder = args.text('resume')
  if (folder === undefined) return prepare(args, undefined, progress, signal)
  const run = await openRun(folder)
  const held = await run.hold()
  try {
    return await prepare(args, { run, held }, progress, signal)
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}

async function prepare(
  args: Args,
  before: Pick<Prepared, 'run' | 'held'> | undefined,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<Prepared> {
  const checkpoint = before && (await readCheckpoint(before.run.folder, 'last'))
  const recipe = checkpoint
    ? resumedRecipe(args, recipeOf(checkpoint))
    : newRecipe(args, await findData(args), (line) => progress.say(line))
  const step = checkpoint?.info.progress.step ?? 0
  if (checkpoint) refuseFinished(before.run, recipe, checkpoint.info.progress)
  const objects = needsObjects(recipe)
  const splits = await openSplits(recipe.data, { objects })
  const model = checkpoint ? checkpointModel(checkpoint) : buildModel(recipe.model)
  const optimizer = recipeOptimizer(recipe, model)
  const start = checkpoint ? new Map() : await startOf(recipe, model, progress)
  const options = loaderOptions(recipe, splits.train, model)
  // A batch of more images than there are is refused before files are looked through, which may take minutes.
  new DataLoader(splits.train, options)
  const { height, width } = recipe.data
  const warning = height && width && checkFieldOfView(model, [height, width])
  if (warning) progress.say(`note: ${warning}`)
  const found = await lookThrough(recipe, progress, signal)
  const weights = signal.aborted ? undefined : samplingWeights(recipe, found)
  await before?.run.truncateMetrics(step)
  const run = before?.run ?? (await createRun(splits.train.name, { out: args.text('out') }))
  const held = before?.held ?? (await run.hold())
  const spec = specOf(recipe.data, 'train', objects)
  const batches = openLoader(splits.train, { ...options, weights, spec })
  const aheadOf = (split: Split) =>
    openAhead(splits[split], { spec: specOf(recipe.data, split, objects), loader: batches })
  const ahead = { train: splits.train, val: aheadOf('val'), test: aheadOf('test') }
  return { recipe, splits: ahead, model, optimizer, batches, run, held, checkpoint, start }
}

/** The values of the recipe's weight file, for which the network must have a place. */
export async function startOf(
  { init, only }: Recipe,
  model: Network,
  progress: TerminalProgress,
): Promise<Prepared['start']> {
  if (init === undefined) return new Map()
  const { report, values } = matchWeights(model, await readWeights(init), {
    ...(only !== undefined && { part: only }),
  })
  checkReport(report)
  progress.say(`weights: ${init}, ${report.text}`)
  return new Map(values)
}

/** A run that was stopped between its last step and its report may still be resumed, to report. */
function refuseFinished(run: RunFolder, recipe: Recipe, at: Progress): void {
  const [steps, { minutes }] = [recipeSteps(recipe), recipe]
  const over = steps === undefined ? at.seconds >= 60 * minutes! : at.step >= steps
  if (!over || !existsSync(run.path('scores.json'))) return
  const [done, more] =
    steps === undefined
      ? [`had its ${minutes} minutes`, `--minutes ${2 * minutes!}`]
      : [`done its ${steps} steps`, `--steps ${2 * steps}`]
  throw new OptionError(`${run.folder} has ${done}`, `to go on, ask for more: ${more}`)
}

function recipeOf({ file, info }: Checkpoint): Recipe {
  const recipe = info.recipe as Recipe | undefined
  if (recipe?.data?.kind && recipe.rate) return checkRecipe(recipe)
  throw new DataError(
    file,
    'does not say how it was trained, or as an older version does',
    'start a new run; --init takes its weights',
  )
}
