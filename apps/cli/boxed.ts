// What a run of a localization net leaves for people: how its boxes fit the instances of the test split, and its loss curve.

import type { Device } from '../../engine/node.ts'
import { type BoxFit, BoxJudge } from '../../train/boxes-eval.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint-files.ts'
import type { Dataset } from '../../train/dataset.ts'
import { percent } from '../../train/metrics.ts'
import type { Recipe } from '../../train/recipe.ts'
import type { RunFolder } from '../../train/runs.ts'
import { aligned, typed } from './command.ts'
import type { TerminalProgress } from './progress.ts'
import { writeCurve } from './report.ts'

export interface BoxesOutcome {
  readonly fit: BoxFit
  /** Steps of the checkpoint that was looked at: the best on the validation split. */
  readonly step: number
  readonly dataset: Dataset
}

/** Looks at a run's best checkpoint on a split and writes scores.json and loss.svg into its folder. Undefined, and nothing is
 * written, where it was stopped. */
export async function reportBoxes(
  device: Device,
  run: RunFolder,
  dataset: Dataset,
  { loss }: Recipe,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<BoxesOutcome | undefined> {
  const checkpoint = await readCheckpoint(run.folder, 'best')
  const model = checkpointModel(checkpoint)
  loadModel(device, model, checkpoint)
  using judge = new BoxJudge(device, model, loss)
  const fit = await judge.evaluate(dataset, {
    signal,
    onProgress: (done, of) => progress.passing(`scoring ${done} of ${of} ${dataset.split} images`),
  })
  progress.clear()
  if (signal.aborted) return undefined
  await writeCurve(run)
  const { step } = checkpoint.info.progress
  // The last of them: with it the run is done.
  await run.writeJson('scores.json', { split: dataset.split, images: fit.images, step, boxes: fit })
  return { fit, step, dataset }
}

export const boxesJson = (folder: string, { fit, step, dataset }: BoxesOutcome): string => {
  const { seconds: _, ...figures } = fit
  return JSON.stringify({ run: folder, split: dataset.split, step, ...figures }, null, 2)
}

export const boxesText = (folder: string, { fit, step, dataset }: BoxesOutcome): string =>
  [
    '',
    `${dataset.name}, ${dataset.split} split, weights of step ${step}`,
    `boxes: mean IoU ${percent(fit.meanIoU)} over ${fit.cells} cells with an instance, ${percent(fit.above)} of them above 0.5`,
    ...aligned(
      fit.perClass.flatMap(({ name, iou }) => (iou === undefined ? [] : [[name, percent(iou)]])),
    ),
    '',
    `in ${folder}:`,
    '  report.html               all of it on one page; events.out.* for TensorBoard',
    '  loss.svg, metrics.jsonl   the loss of every step, and the validations',
    '  scores.json, config.json  the figures above, and what was asked for',
    '  checkpoint*.safetensors   the last weights and the best ones, each described in a .json',
    '',
    `instances of a picture of yours: ${typed(`instances photo.jpg --semantic RUN --localization ${folder} --out found`)}`,
  ].join('\n')
