// What a run that learned to classify images leaves for people: its accuracies on the test split and its loss curve.

import type { Device } from '../../engine/node.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint-files.ts'
import { type Classification, Classifier, classificationText } from '../../train/classify.ts'
import type { Dataset } from '../../train/dataset.ts'
import type { Recipe } from '../../train/recipe.ts'
import type { ClassifiedFile } from '../../train/report/from-run.ts'
import type { RunFolder } from '../../train/runs.ts'
import { typed } from './command.ts'
import type { TerminalProgress } from './progress.ts'
import { writeCurve } from './report.ts'

export interface ClassifiedOutcome {
  readonly classification: Classification
  /** Steps of the checkpoint that was scored: the best on the validation split. */
  readonly step: number
  readonly dataset: Dataset
}

/** Scores a run's best checkpoint on a split and writes scores.json and loss.svg into its folder. Undefined, and nothing is
 * written, where it was stopped. */
export async function reportClassified(
  device: Device,
  run: RunFolder,
  dataset: Dataset,
  { view }: Recipe,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<ClassifiedOutcome | undefined> {
  const checkpoint = await readCheckpoint(run.folder, 'best')
  const model = checkpointModel(checkpoint)
  loadModel(device, model, checkpoint)
  using classifier = new Classifier(device, model)
  const classification = await classifier.evaluate(dataset, {
    steps: view,
    signal,
    onProgress: (done, of) => progress.passing(`scoring ${done} of ${of} ${dataset.split} images`),
  })
  progress.clear()
  if (signal.aborted) return undefined
  await writeCurve(run)
  const { step } = checkpoint.info.progress
  const { images } = classification
  // The last of them: with it the run is done.
  await run.writeJson('scores.json', {
    ...{ split: dataset.split, images, step, classification },
  } satisfies ClassifiedFile)
  return { classification, step, dataset }
}

export const classifiedJson = (
  folder: string,
  { classification, step, dataset }: ClassifiedOutcome,
): string => {
  const { seconds: _, ...figures } = classification
  return JSON.stringify({ run: folder, split: dataset.split, step, ...figures }, null, 2)
}

export const classifiedText = (
  folder: string,
  { classification, step, dataset }: ClassifiedOutcome,
): string =>
  [
    '',
    `${dataset.name}, ${dataset.split} split, weights of step ${step}`,
    classificationText(classification),
    '',
    `in ${folder}:`,
    '  report.html               all of it on one page; events.out.* for TensorBoard',
    '  loss.svg, metrics.jsonl   the loss of every step, and the validations',
    '  scores.json, config.json  the figures above, and what was asked for',
    '  checkpoint*.safetensors   the last weights and the best ones, each described in a .json',
    '',
    `start a network for segmentation from it: ${typed(`train --data … --model … --init ${folder} --only backbone`)}`,
  ].join('\n')
