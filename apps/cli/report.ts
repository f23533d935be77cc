// What a run leaves for people: the scores on the test split, pictures of some of its images, and the loss curve.

import type { Device } from '../../engine/node.ts'
import { legendSvg, lossCurveSvg, type Point } from '../../train/chart.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint-files.ts'
import type { Dataset } from '../../train/dataset.ts'
import { type Evaluation, evaluate } from '../../train/evaluate.ts'
import { writePng } from '../../train/images.ts'
import { formatScores, percent, type Scores } from '../../train/metrics.ts'
import { type Picture, panel, stacked } from '../../train/picture.ts'
import { Predictor } from '../../train/predict.ts'
import type { RunFolder } from '../../train/runs.ts'
import type { TerminalProgress } from './progress.ts'

export interface Outcome {
  readonly evaluation: Evaluation
  /** Steps of the checkpoint that was scored: the best on the validation split. */
  readonly step: number
  readonly dataset: Dataset
}

const PICTURES = 6

/** Scores a run's best checkpoint on a split and writes scores.json, overlays and loss.svg into its folder. Undefined,
 * and nothing is written, where it was stopped. */
export async function report(
  device: Device,
  run: RunFolder,
  dataset: Dataset,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const checkpoint = await readCheckpoint(run.folder, 'best')
  const model = checkpointModel(checkpoint)
  loadModel(device, model, checkpoint)
  using predictor = new Predictor(device, model)
  const every = Math.max(1, Math.floor(dataset.size / PICTURES))
  const panels: { name: string; picture: Picture }[] = []
  const evaluation = await evaluate(predictor, dataset, {
    signal,
    onProgress: (done, of) => progress.passing(`scoring ${done} of ${of} ${dataset.split} images`),
    onExample: (example, prediction, i) => {
      if (i % every === 0 && panels.length < PICTURES)
        panels.push({ name: example.name, picture: panel(example, prediction, dataset.classes) })
    },
  })
  progress.clear()
  if (signal.aborted) return undefined
  const { step } = checkpoint.info.progress
  const { scores, baseline, images } = evaluation
  await writePictures(run, panels, dataset)
  await writeCurve(run)
  // The last of them: with it the run is done.
  await run.writeJson('scores.json', { split: dataset.split, images, step, scores, baseline })
  return { evaluation, step, dataset }
}

async function writePictures(
  run: RunFolder,
  panels: readonly { name: string; picture: Picture }[],
  { classes }: Dataset,
): Promise<void> {
  for (const { name, picture } of panels) await writePng(run.path(`overlays/${name}.png`), picture)
  const sameWidth = panels.every(({ picture }) => picture.width === panels[0].picture.width)
  if (sameWidth)
    await writePng(run.path('overlays.png'), stacked(panels.map(({ picture }) => picture)))
  await run.write('legend.svg', legendSvg(classes))
}

/** Draws the loss curve from what metrics.jsonl holds, so that a resumed run has the whole of it. */
async function writeCurve(run: RunFolder): Promise<void> {
  const loss: Point[] = []
  const score: Point[] = []
  for (const record of await run.readMetrics()) {
    if (typeof record['loss'] === 'number') loss.push({ step: record.step, value: record['loss'] })
    const { meanIoU } = (record['validation'] ?? {}) as Partial<Scores>
    if (typeof meanIoU === 'number') score.push({ step: record.step, value: meanIoU })
  }
  await run.write(
    'loss.svg',
    lossCurveSvg({
      title: run.folder.split(/[\\/]/).pop() ?? '',
      loss,
      score,
      scoreName: 'mean IoU',
    }),
  )
}

/** The table of an evaluation and how far it is above answering the commonest class. */
export function scoresText(
  { scores, baseline, images, seconds }: Evaluation,
  title: string,
): string {
  const gain = 100 * (scores.meanIoU - baseline.meanIoU)
  return [
    title,
    '',
    formatScores(scores),
    `always the commonest class: mean IoU ${percent(baseline.meanIoU)}, pixel accuracy ${percent(baseline.pixelAccuracy)}; ` +
      `this is ${Math.abs(gain).toFixed(1)} points ${gain < 0 ? 'below' : 'above'}`,
    `${images} images in ${seconds.toFixed(1)} s`,
  ].join('\n')
}
