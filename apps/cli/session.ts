// One training session: a recipe, a run folder and a device, from the first step to the report.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { DataError, OptionError } from '../../engine/errors.ts'
import type { Device } from '../../engine/node.ts'
import type { Variable } from '../../engine/tensor.ts'
import { checkFieldOfView } from '../../models/field-of-view.ts'
import { buildModel, type Network } from '../../models/index.ts'
import {
  type Checkpoint,
  checkpointModel,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from '../../train/checkpoint.ts'
import { readCheckpoint, writeCheckpoint } from '../../train/checkpoint-files.ts'
import { codeVersion } from '../../train/code-version.ts'
import type { EndEvent } from '../../train/events.ts'
import type { DataLoader } from '../../train/loader/loader.ts'
import { openLoader } from '../../train/loader/open.ts'
import { train } from '../../train/loop.ts'
import type { Optimizer } from '../../train/optimizers.ts'
import type { Progress } from '../../train/progress.ts'
import {
  checkRecipe,
  loaderOptions,
  needsObjects,
  type Recipe,
  recipeOptimizer,
  recipeRate,
  recipeSteps,
} from '../../train/recipe.ts'
import { batchLoss } from '../../train/recipe-loss.ts'
import { RunWriter } from '../../train/run-writer.ts'
import { createRun, openRun, type RunFolder } from '../../train/runs.ts'
import { openSplits, type Splits } from '../../train/sources.ts'
import { readWeights } from '../../train/weights/files.ts'
import { matchWeights } from '../../train/weights/load.ts'
import { checkReport } from '../../train/weights/report.ts'
import { type BoxesOutcome, reportBoxes } from './boxed.ts'
import { explainBroken } from './broken-run.ts'
import { type ClassifiedOutcome, reportClassified } from './classified.ts'
import { type Args, commandLine } from './command.ts'
import { judgeOf } from './judge.ts'
import { lookThrough, samplingWeights } from './look-through.ts'
import { openSaying } from './open.ts'
import type { TerminalProgress } from './progress.ts'
import { type Outcome, report, reportOf } from './report.ts'
import { findData, newRecipe, resumedRecipe } from './settings.ts'

interface Prepared {
  readonly recipe: Recipe
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
async function prepare(
  args: Args,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<Prepared> {
  const folder = args.text('resume')
  const run = folder === undefined ? undefined : await openRun(folder)
  const before = await run?.hold()
  const checkpoint = run && (await readCheckpoint(run.folder, 'last'))
  const recipe = checkpoint
    ? resumedRecipe(args, recipeOf(checkpoint))
    : newRecipe(args, await findData(args), (line) => progress.say(line))
  const step = checkpoint?.info.progress.step ?? 0
  if (checkpoint && run) refuseFinished(run, recipe, checkpoint.info.progress)
  const objects = needsObjects(recipe)
  const splits = await openSplits(recipe.data, { objects })
  const model = checkpoint ? checkpointModel(checkpoint) : buildModel(recipe.model)
  const optimizer = recipeOptimizer(recipe, model)
  const start = checkpoint ? new Map() : await startOf(recipe, model, progress)
  const options = loaderOptions(recipe, splits.train, model)
  const { height, width } = recipe.data
  const warning = height && width && checkFieldOfView(model, [height, width])
  if (warning) progress.say(`note: ${warning}`)
  const found = await lookThrough(recipe, progress, signal)
  const batches = openLoader(splits.train, {
    ...options,
    weights: signal.aborted ? undefined : samplingWeights(recipe, found),
    // Scenes are drawn faster than a thread begins.
    ...('folder' in recipe.data && { spec: { source: recipe.data, split: 'train', objects } }),
  })
  if (run) await run.truncateMetrics(step)
  const own = run ?? (await createRun(splits.train.name, { out: args.text('out') }))
  const held = before ?? (await own.hold())
  return { recipe, splits, model, optimizer, batches, run: own, held, checkpoint, start }
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
  readonly outcome: Outcome | ClassifiedOutcome | BoxesOutcome | undefined
  readonly step: number
}> {
  const prepared = await prepare(args, progress, signal)
  const { run, checkpoint, recipe, splits } = prepared
  const objects = needsObjects(recipe)
  using _ = prepared.held
  let device: Device | undefined
  let writer: RunWriter | undefined
  try {
    const say = (line: string) => progress.say(line)
    device = checkpoint ? await openResumed(run, say) : await openSaying(say)
    progress.say(`run folder: ${run.folder}`)
    const { line, tuning } = device
    if (!checkpoint) {
      const [code, command] = [await codeVersion(), commandLine()]
      await run.writeConfig({ recipe, device: line, tuning: tuning.hash, code, command })
      await run.write(TUNING, tuning.text)
    }
    writer = new RunWriter(run, { from: checkpoint?.info.progress, say })
    const end = await runLoop(prepared, device, writer, progress, signal, {
      watch: args.has('watch-nan'),
      keep: args.whole('checkpoints'),
    })
    if (end.reason === 'stopped') return { run, outcome: undefined, step: end.step }
    const outcome =
      splits.test.labelled === 'image'
        ? await reportClassified(device, run, splits.test, recipe, progress, signal)
        : objects
          ? await reportBoxes(device, run, splits.test, recipe, progress, signal)
          : await report(device, run, splits.test, progress, signal)
    if (outcome) writer.finish()
    return { run, outcome, step: end.step }
  } catch (error) {
    // A run that never came to a checkpoint is of no use to anyone, unless it tells why it diverged.
    const started = ['metrics.jsonl', 'checkpoint.safetensors', 'nan-report.txt'].some((file) =>
      existsSync(run.path(file)),
    )
    writer?.fail(error)
    await writer?.close()
    if (!checkpoint && !started) await rm(run.folder, { recursive: true, force: true })
    throw error
  } finally {
    device?.close()
    await prepared.batches.close()
    await writer?.close()
    if (existsSync(run.path('metrics.jsonl'))) await reportOf(run, progress)
  }
}

async function runLoop(
  { recipe, splits, model, optimizer, batches, run, checkpoint, start }: Prepared,
  device: Device,
  writer: RunWriter,
  progress: TerminalProgress,
  signal: AbortSignal,
  { watch, keep }: { readonly watch: boolean; readonly keep: number | undefined },
): Promise<EndEvent> {
  for (const [variable, values] of start) device.write(variable, values)
  start.clear()
  if (checkpoint) {
    loadModel(device, model, checkpoint)
    loadOptimizer(device, optimizer, checkpoint)
  }
  using judge = judgeOf(device, model, splits.val, recipe)
  const { height, width } = await splits.train.get(0)
  // Images that are classified as a whole may have any size; their recipe says what is made of them.
  const size = splits.train.labelled === 'image' ? undefined : ([height, width] as const)
  const info = { classes: splits.train.classes, size, recipe }
  // Averaged weights are what is scored, and what is kept as the best, without the optimiser: its state is the others'.
  const averaged = <T>(use: () => Promise<T>) => optimizer.ema?.withAveraged(device, use) ?? use()
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
    patience: recipe.patience,
    seed: recipe.seed,
    from: checkpoint?.info.progress,
    signal,
    watch,
    onCompile: ({ made, total }) => progress.passing(`compiling ${made} of ${total} kernels`),
    validate: async () => {
      const onProgress = (done: number, of: number) =>
        progress.passing(`validating ${done} of ${of}`)
      return averaged(() => judge.validate({ signal, onProgress }))
    },
    save: async (which, at: Progress) => {
      const encode = (state: Optimizer | undefined) =>
        encodeCheckpoint(device, model, state, { ...info, progress: at })
      const best = which === 'best' && optimizer.ema
      const encoded = best ? await averaged(() => encode(undefined)) : await encode(optimizer)
      await writeCheckpoint(run, which, encoded, { keep })
    },
  })
  let step = checkpoint?.info.progress.step ?? 0
  try {
    for await (const event of events) {
      writer.on(event)
      if (event.kind === 'validation') writer.samples(event.step, judge.samples())
      progress.on(event)
      step = event.step
      if (event.kind === 'end') return event
    }
  } catch (error) {
    const begin = () => startOf(recipe, model, progress)
    const broken = { device, run, recipe, model, optimizer, batches, start: begin, step }
    await explainBroken(broken, error, progress, signal)
    throw error
  }
  throw new Error('training ended without saying so')
}
