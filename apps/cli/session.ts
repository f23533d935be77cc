// One training session: a recipe, a run folder and a device, from the first step to the report.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { DataError, OptionError } from '../../engine/errors.ts'
import type { Device } from '../../engine/node.ts'
import type { Variable } from '../../engine/tensor.ts'
import { checkFieldOfView } from '../../models/field-of-view.ts'
import { buildModel, type Network } from '../../models/index.ts'
import type { BatchStream } from '../../train/batches.ts'
import {
  type Checkpoint,
  checkpointModel,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from '../../train/checkpoint.ts'
import { readCheckpoint, writeCheckpoint } from '../../train/checkpoint-files.ts'
import { type Evaluation, evaluate } from '../../train/evaluate.ts'
import type { EndEvent, TrainEvent, Validation } from '../../train/events.ts'
import { train } from '../../train/loop.ts'
import { Predictor } from '../../train/predict.ts'
import type { Progress } from '../../train/progress.ts'
import {
  checkRecipe,
  type Recipe,
  recipeBatches,
  recipeOptimizer,
  recipeRate,
  recipeSteps,
} from '../../train/recipe.ts'
import { batchLoss } from '../../train/recipe-loss.ts'
import { createRun, openRun, type RunFolder } from '../../train/runs.ts'
import { openSplits, readAll, type Splits } from '../../train/sources.ts'
import { readWeights } from '../../train/weights/files.ts'
import { matchWeights } from '../../train/weights/load.ts'
import { checkReport } from '../../train/weights/report.ts'
import type { Args } from './command.ts'
import { openSaying } from './open.ts'
import type { TerminalProgress } from './progress.ts'
import { type Outcome, report } from './report.ts'
import { findData, newRecipe, resumedRecipe } from './settings.ts'

interface Prepared {
  readonly recipe: Recipe
  readonly splits: Splits
  readonly model: Network
  readonly batches: BatchStream
  readonly run: RunFolder
  readonly checkpoint: Checkpoint | undefined
  /** What a weight file gives the model; empty once it has it. */
  readonly start: Map<Variable, Float32Array>
}

/** Everything that can be refused without a GPU is refused before it is opened and before a folder is made. */
async function prepare(
  args: Args,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<Prepared> {
  const folder = args.text('resume')
  const run = folder === undefined ? undefined : await openRun(folder)
  const checkpoint = run && (await readCheckpoint(run.folder, 'last'))
  const recipe = checkpoint
    ? resumedRecipe(args, recipeOf(checkpoint))
    : newRecipe(args, await findData(args), (line) => progress.say(line))
  const step = checkpoint?.info.progress.step ?? 0
  if (checkpoint && run) refuseFinished(run, recipe, checkpoint.info.progress)
  const splits = await openSplits(recipe.data)
  const model = checkpoint ? checkpointModel(checkpoint) : buildModel(recipe.model)
  const start = checkpoint ? new Map() : await startOf(recipe, model, progress)
  const batches = recipeBatches(recipe, splits.train, model)
  const { height, width } = recipe.data
  const warning = height && width && checkFieldOfView(model, [height, width])
  if (warning) progress.say(`note: ${warning}`)
  await readFiles(recipe, splits, progress, signal)
  if (run) await run.truncateMetrics(step)
  return {
    recipe,
    splits,
    model,
    batches,
    run: run ?? (await createRun(splits.train.name, { out: args.text('out') })),
    checkpoint,
    start,
  }
}

/** The values of the recipe's weight file, for which the network must have a place. */
async function startOf(
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

/** More images than this are not read ahead: it would take minutes, and they would not stay in memory. */
const READ_AHEAD = 4000

async function readFiles(
  { data }: Recipe,
  splits: Splits,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<void> {
  const all = Object.values(splits)
  const images = all.reduce((sum, { size }) => sum + size, 0)
  if (data.kind === 'street' || images > READ_AHEAD) return
  await readAll(all, (done) => progress.passing(`reading ${done} of ${images} images`), signal)
  progress.clear()
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

/** A run's own copy of the tuning table, which decides the last bits of its sums. */
const TUNING = 'tuning.json'

/** The device with the table that the run began with. */
async function openResumed(run: RunFolder, say: (line: string) => void): Promise<Device> {
  const file = run.path(TUNING)
  if (!existsSync(file)) return openSaying(say, 'shipped')
  try {
    return await openSaying(say, { file })
  } catch (error) {
    if (!(error instanceof DataError && error.file === file)) throw error
    say(`note: ${error.message.split('\n')[0]}; sums go on in another order`)
    return openSaying(say)
  }
}

/** Trains, then scores the test split and writes the report. Undefined where it was stopped. */
export async function trainSession(
  args: Args,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<{
  readonly run: RunFolder
  readonly outcome: Outcome | undefined
  readonly step: number
}> {
  const prepared = await prepare(args, progress, signal)
  const { run, checkpoint, recipe, splits } = prepared
  let device: Device | undefined
  try {
    const say = (line: string) => progress.say(line)
    device = checkpoint ? await openResumed(run, say) : await openSaying(say)
    progress.say(`run folder: ${run.folder}`)
    const { line, tuning } = device
    if (!checkpoint) {
      await run.writeConfig({ recipe, device: line, tuning: tuning.hash })
      await run.write(TUNING, tuning.text)
    }
    const end = await runLoop(prepared, device, progress, signal, args.has('watch-nan'))
    if (end.reason === 'stopped') return { run, outcome: undefined, step: end.step }
    const outcome = await report(device, run, splits.test, progress, signal)
    return { run, outcome, step: end.step }
  } catch (error) {
    // A run that never came to a checkpoint is of no use to anyone, unless its losses tell why it diverged.
    const started =
      existsSync(run.path('metrics.jsonl')) || existsSync(run.path('checkpoint.safetensors'))
    if (!checkpoint && !started) await rm(run.folder, { recursive: true, force: true })
    throw error
  } finally {
    device?.close()
  }
}

async function runLoop(
  { recipe, splits, model, batches, run, checkpoint, start }: Prepared,
  device: Device,
  progress: TerminalProgress,
  signal: AbortSignal,
  watch: boolean,
): Promise<EndEvent> {
  const optimizer = recipeOptimizer(recipe, model)
  for (const [variable, values] of start) device.write(variable, values)
  start.clear()
  if (checkpoint) {
    loadModel(device, model, checkpoint)
    loadOptimizer(device, optimizer, checkpoint)
  }
  using predictor = new Predictor(device, model)
  const size = [splits.train, await splits.train.get(0)] as const
  const info = {
    classes: splits.train.classes,
    size: [size[1].height, size[1].width] as const,
    recipe,
  }
  const events = train({
    device,
    model,
    optimizer,
    loss: batchLoss(recipe.loss, model),
    accumulate: recipe.accumulate,
    precision: recipe.precision,
    batch: (step) => batches.batch(step),
    rate: recipeRate(recipe),
    steps: recipeSteps(recipe),
    minutes: recipe.minutes,
    validateEvery: recipe.validateEvery,
    seed: recipe.seed,
    from: checkpoint?.info.progress,
    signal,
    watch,
    onCompile: ({ made, total }) => progress.passing(`compiling ${made} of ${total} kernels`),
    validate: async () => {
      const onProgress = (done: number, of: number) =>
        progress.passing(`validating ${done} of ${of}`)
      return validationOf(await evaluate(predictor, splits.val, { signal, onProgress }))
    },
    save: async (which, at: Progress) => {
      const encoded = await encodeCheckpoint(device, model, optimizer, { ...info, progress: at })
      await writeCheckpoint(run, which, encoded)
    },
  })
  for await (const event of events) {
    record(run, event)
    progress.on(event)
    if (event.kind === 'end') return event
  }
  throw new Error('training ended without saying so')
}

const validationOf = ({ scores }: Evaluation): Validation => {
  const { meanIoU, pixelAccuracy, meanAccuracy, perClass } = scores
  const figures = { meanIoU, pixelAccuracy, meanAccuracy }
  const known = perClass.flatMap(({ name, iou }) => (iou === null ? [] : [{ name, iou }]))
  return { score: meanIoU, scoreName: 'mean IoU', figures, perClass: known }
}

function record(run: RunFolder, event: TrainEvent): void {
  if (event.kind === 'step')
    for (const { step, value: loss } of event.losses)
      run.appendMetrics({
        step,
        loss,
        lr: event.lr,
        imagesPerSecond: +event.imagesPerSecond.toPrecision(4),
      })
  if (event.kind === 'validation') {
    const { step, score, scoreName, figures, perClass = [], seconds } = event
    const ious = Object.fromEntries(perClass.map(({ name, iou }) => [name, iou]))
    run.appendMetrics({ step, validation: { score, scoreName, ...figures, seconds, ious } })
  }
}
