// A run that broke off since a loss was not finite: it is repeated from its last checkpoint, and why it broke is left in its folder.

import { existsSync } from 'node:fs'
import { NonFiniteError } from '../../engine/errors.ts'
import type { Device } from '../../engine/node.ts'
import type { Variable } from '../../engine/tensor.ts'
import type { Network } from '../../models/index.ts'
import { loadModel, loadOptimizer } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import type { DataLoader } from '../../train/loader/loader.ts'
import { DivergedError } from '../../train/loop/meter.ts'
import { nanReportText } from '../../train/loop/nan-advice.ts'
import { findNonFinite } from '../../train/loop/nan-report.ts'
import type { Optimizer } from '../../train/optimizers.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import { type Recipe, recipeRate, recipeSteps } from '../../train/recipes/recipe.ts'
import type { RunFolder } from '../../train/runs/folder.ts'
import type { TerminalProgress } from './progress.ts'

export interface BrokenRun {
  readonly device: Device
  readonly run: RunFolder
  readonly recipe: Recipe
  readonly model: Network
  readonly optimizer: Optimizer
  readonly batches: DataLoader
  /** What a weight file gave the model at the beginning. */
  readonly start: () => Promise<ReadonlyMap<Variable, Float32Array>>
  /** Steps that had been done when it was last heard of. */
  readonly step: number
}

/** Writes nan-report.txt and nan-report.json into the folder of a run that ended in `error`, and says so. Nothing where that names the
 * first value already, or is another error. Of what fails on the way only a note is made: the run's own error counts. */
export async function explainBroken(
  broken: BrokenRun,
  error: unknown,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<void> {
  if (!(error instanceof NonFiniteError) || error.seen) return
  const { run, recipe } = broken
  const failed = error instanceof DivergedError ? error.step : broken.step
  progress.say('the run is repeated from its last checkpoint, to see which value broke first')
  try {
    const report = await findNonFinite({
      ...broken,
      loss: batchLoss(recipe.loss, broken.model),
      accumulate: recipe.accumulate,
      precision: recipe.precision,
      seed: recipe.seed,
      batch: (step) => broken.batches.batch(step),
      rate: await ratesOf(broken),
      restore: () => restored(broken),
      ...{ failed, signal },
      onStep: (done, of) => progress.passing(`repeating step ${done} of ${of}`),
    })
    progress.clear()
    await run.writeJson('nan-report.json', report)
    progress.say(`why: ${await run.write('nan-report.txt', nanReportText(report))}`)
    for (const line of report.advice) progress.say(`  ${line}`)
  } catch (problem) {
    progress.clear()
    progress.say(`note: no nan-report.txt: ${(problem as Error).message.split('\n')[0]}`)
  }
}

/** As the run had them: under a time limit, as it wrote them down. */
async function ratesOf({ run, recipe }: BrokenRun): Promise<(step: number) => number> {
  const rate = recipeRate(recipe)
  if (recipeSteps(recipe) !== undefined) return (step) => rate(step, 0)
  const written = new Map<number, number>()
  for (const { step, lr } of await run.readMetrics())
    if (typeof lr === 'number') written.set(step, lr)
  const last = [...written.values()].pop() ?? rate(0, 0)
  return (step) => written.get(step + 1) ?? last
}

async function restored({ device, run, model, optimizer, start }: BrokenRun): Promise<number> {
  if (existsSync(run.path('checkpoint.safetensors'))) {
    const checkpoint = await readCheckpoint(run.folder, 'last')
    loadModel(device, model, checkpoint)
    loadOptimizer(device, optimizer, checkpoint)
    return checkpoint.info.progress.step
  }
  for (const v of [...model.stateDict().values(), ...optimizer.stateDict().values()])
    device.write(v, v.initial() as Float32Array)
  for (const [v, values] of await start()) device.write(v, values)
  return 0
}
