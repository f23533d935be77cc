// What a run leaves for people when it is done: its best weights scored on a split, scores.json, loss.svg, and what is printed.
// What is scored, and how it reads, depends on what the network tells: of pixels, of images as a whole, or boxes.

import type { Device } from '../../engine/node.ts'
import type { Network } from '../../models/index.ts'
import { lossCurveSvg } from '../../train/charts/chart.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import type { Dataset } from '../../train/dataset.ts'
import type { Recipe } from '../../train/recipes/recipe.ts'
import type { RunFolder } from '../../train/runs/folder.ts'
import { seriesOf, validationsOf } from '../../train/runs/info.ts'
import type { TerminalProgress } from './progress.ts'
import { scoreBoxes } from './score-boxes.ts'
import { scoreImages } from './score-images.ts'
import { scorePixels } from './score-pixels.ts'
import { type Task, taskOf } from './task.ts'

export interface Finishing {
  readonly device: Device
  readonly run: RunFolder
  /** The split that is scored. */
  readonly dataset: Dataset
  readonly recipe: Recipe
  readonly progress: TerminalProgress
  readonly signal: AbortSignal
}

/** A run's best weights, ready to be scored. */
export interface Best extends Finishing {
  readonly model: Network
  /** Steps that they were trained for. */
  readonly step: number
  readonly onProgress: (done: number, of: number) => void
}

/** What a task makes of them. */
export interface Scored {
  readonly images: number
  /** In scores.json, beside split, images and step. */
  readonly kept: object
  /** The figures on standard output, with --json; and as text. */
  readonly json: object
  readonly text: readonly string[]
  /** What else it has put into the folder. */
  readonly files: readonly string[]
  /** What to do with the weights. */
  readonly next: string
}

const scorers: Record<Task, (best: Best) => Promise<Scored>> = {
  pixels: scorePixels,
  images: scoreImages,
  boxes: scoreBoxes,
}

/** What is printed of a run that is done. */
export interface Outcome {
  readonly text: string
  readonly json: object
}

/** Scores a run's best checkpoint and writes what came of it into its folder. Undefined where it was stopped: then the folder
 * has no scores.json, and the run is not done. */
export async function finish(finishing: Finishing): Promise<Outcome | undefined> {
  const { device, run, dataset, progress, signal } = finishing
  const { folder } = run
  const { split } = dataset
  const checkpoint = await readCheckpoint(folder, 'best')
  const model = checkpointModel(checkpoint)
  loadModel(device, model, checkpoint)
  const { step } = checkpoint.info.progress
  const onProgress = (done: number, of: number) =>
    progress.passing(`scoring ${done} of ${of} ${split} images`)
  const scored = await scorers[taskOf(dataset, model)]({ ...finishing, model, step, onProgress })
  progress.clear()
  if (signal.aborted) return undefined
  await writeCurve(run)
  const { images, kept, json, text, files, next } = scored
  // The last of them: with it the run is done.
  await run.writeJson('scores.json', { split, images, step, ...kept })
  const lines = [
    ...['', ...text, '', `in ${folder}:`],
    '  report.html               all of it on one page; events.out.* for TensorBoard',
    ...files,
    '  loss.svg, metrics.jsonl   the loss of every step, and the validations',
    '  scores.json, config.json  the figures above, and what was asked for',
    '  checkpoint*.safetensors   the last weights and the best ones, each described in a .json',
    ...['', next],
  ]
  return { text: lines.join('\n'), json: { run: folder, split, images, step, ...json } }
}

/** Draws the loss curve from what metrics.jsonl holds, so that a resumed run has the whole of it. */
async function writeCurve(run: RunFolder): Promise<void> {
  const records = await run.readMetrics()
  const validations = validationsOf(records)
  await run.write(
    'loss.svg',
    lossCurveSvg({
      title: run.folder.split(/[\\/]/).pop() ?? '',
      loss: seriesOf(records, 'loss'),
      score: validations.map(({ step, score }) => ({ step, value: score })),
      scoreName: validations.at(-1)?.scoreName ?? 'score',
    }),
  )
}
