// One training session: a recipe, a run folder and a device, from the first step to the report.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { DataError } from '../../engine/errors.ts'
import type { Device } from '../../engine/node.ts'
import { encodeCheckpoint, loadModel, loadOptimizer } from '../../train/checkpoint/checkpoint.ts'
import { writeCheckpoint } from '../../train/checkpoint/files.ts'
import type { EndEvent } from '../../train/events.ts'
import type { Progress } from '../../train/loop/progress.ts'
import { train } from '../../train/loop.ts'
import type { Optimizer } from '../../train/optimizers.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import { recipeRate, recipeSteps } from '../../train/recipes/recipe.ts'
import { codeVersion } from '../../train/runs/code-version.ts'
import type { RunFolder } from '../../train/runs/folder.ts'
import { RunWriter } from '../../train/runs/writer.ts'
import { explainBroken } from './broken-run.ts'
import { type Args, commandLine } from './command.ts'
import { finish, type Outcome } from './finish.ts'
import { judgeOf } from './judge.ts'
import { openSaying } from './open.ts'
import { type Prepared, prepareRun, startOf } from './prepare.ts'
import type { TerminalProgress } from './progress.ts'
import { reportOf } from './report.ts'

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
  const keep = args.whole('checkpoints')
  const prepared = await prepareRun(args, progress, signal)
  const { run, checkpoint, recipe, splits } = prepared
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
      keep,
    })
    if (end.reason === 'stopped') return { run, outcome: undefined, step: end.step }
    const outcome = await finish({ device, run, dataset: splits.test, recipe, progress, signal })
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
