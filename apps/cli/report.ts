// What a run leaves for people: the scores on the test split, pictures of some of its images, and report.html with all of it;
// and `report`, which writes that page again at any time.

import { resolve } from 'node:path'
import type { Device } from '../../engine/node.ts'
import { legendSvg, lossCurveSvg } from '../../train/chart.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint-files.ts'
import type { Dataset, Example } from '../../train/dataset.ts'
import { type Evaluation, evaluate } from '../../train/evaluate.ts'
import { writeAtomic } from '../../train/files.ts'
import { writePng } from '../../train/images.ts'
import { formatScores, percent } from '../../train/metrics.ts'
import { type Picture, panel, stacked } from '../../train/picture.ts'
import { Predictor } from '../../train/predict.ts'
import type { Recipe } from '../../train/recipe.ts'
import {
  reportData,
  type ScoredExample,
  type ScoresFile,
  writeReport,
} from '../../train/report/from-run.ts'
import { reportHtml } from '../../train/report/html.ts'
import { seriesOf, validationsOf } from '../../train/run-info.ts'
import { openRun, type RunFolder } from '../../train/runs.ts'
import type { TestTime } from '../../train/test-time.ts'
import { type Args, type Command, helpOption } from './command.ts'
import type { TerminalProgress } from './progress.ts'
import { outFile } from './subject.ts'

export interface Outcome {
  readonly evaluation: Evaluation
  /** Steps of the checkpoint that was scored: the best on the validation split. */
  readonly step: number
  readonly dataset: Dataset
  /** How its images were looked at, as the run's recipe says. */
  readonly test: TestTime
}

/** Evenly spread over the split, whatever their scores. */
const PICTURES = 6
/** Of the worst images, and of the best. */
const EXTREMES = 3

/** Scores a run's best checkpoint on a split, by its recipe's test-time procedure, and writes scores.json, pictures and report.html into its folder. Undefined, and
 * nothing is written, where it was stopped. */
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
  const { test = {} } = (checkpoint.info.recipe as Partial<Recipe> | undefined) ?? {}
  using predictor = new Predictor(device, model, test)
  const every = Math.max(1, Math.floor(dataset.size / PICTURES))
  const panels: { name: string; picture: Picture }[] = []
  const evaluation = await evaluate(predictor, dataset, {
    signal,
    perImage: true,
    examples: (i) => i % every === 0 && i < PICTURES * every,
    onProgress: (done, of) => progress.passing(`scoring ${done} of ${of} ${dataset.split} images`),
    onExample: (example, prediction) =>
      panels.push({ name: example.name, picture: panelOf(example, prediction, dataset) }),
  })
  progress.clear()
  if (signal.aborted) return undefined
  await writePictures(run, panels, dataset)
  const examples = await writeExtremes(run, predictor, dataset, evaluation)
  await writeCurve(run)
  const { step } = checkpoint.info.progress
  const { scores, baseline, images, confusion } = evaluation
  // The last of them: with it the run is done.
  await run.writeJson('scores.json', {
    ...{ split: dataset.split, images, step, test, scores, baseline },
    ...{ confusion: [...confusion.counts], examples },
  } satisfies ScoresFile)
  return { evaluation, step, dataset, test }
}

const panelOf = (example: Example, prediction: Uint8Array, { classes }: Dataset): Picture =>
  panel(example, prediction, classes)

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

/** Panels of the images with the lowest and the highest mean IoU, each looked at once more. */
async function writeExtremes(
  run: RunFolder,
  predictor: Predictor,
  dataset: Dataset,
  { perImage = [] }: Evaluation,
): Promise<ScoredExample[]> {
  const order = perImage
    .filter(({ labelledPixels }) => labelledPixels > 0)
    .sort((a, b) => a.meanIoU - b.meanIoU)
  const count = Math.min(EXTREMES, Math.floor(order.length / 2))
  const chosen = [
    ...order.slice(0, count).map((image) => ({ ...image, kind: 'worst' as const })),
    ...order
      .slice(order.length - count)
      .reverse()
      .map((image) => ({ ...image, kind: 'best' as const })),
  ]
  const out: ScoredExample[] = []
  for (const [i, { index, name, kind, meanIoU }] of chosen.entries()) {
    const example = await dataset.get(index)
    const { image: data, height, width } = example
    const prediction = await predictor.picture({ data, height, width })
    const file = `overlays/${kind}-${1 + (i % count)}.png`
    await writePng(run.path(file), panelOf(example, prediction, dataset))
    out.push({ file, name, kind, score: meanIoU })
  }
  return out
}

/** Draws the loss curve from what metrics.jsonl holds, so that a resumed run has the whole of it. */
export async function writeCurve(run: RunFolder): Promise<void> {
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

/** What was scored, and how it was looked at, in a line. */
export function scoredTitle({ name, split }: Dataset, step: number, test: TestTime): string {
  const how = Object.keys(test).length ? `, looked at by ${JSON.stringify(test)}` : ''
  return `${name}, ${split} split, weights of step ${step}${how}`
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

async function run(args: Args): Promise<number> {
  const [folder] = args.expect('RUN')
  const out = await outFile(args, ['.html'])
  const run = await openRun(folder)
  if (out === undefined) console.log(await writeReport(run))
  else {
    await writeAtomic(out, reportHtml(await reportData(run)))
    console.log(resolve(out))
  }
  return 0
}

export const reportCommand: Command = {
  name: 'report',
  summary: "write a run's report, one page that needs no other file, at any time",
  usage: 'RUN [options]',
  options: {
    out: { value: 'FILE', help: 'where to; default report.html in the run folder' },
    help: helpOption,
  },
  examples: [
    ['atrous report runs/camvid-1', 'also while it trains, or when it was stopped'],
    ['atrous report runs/camvid-1 --out camvid.html', 'to send to somebody'],
  ],
  run,
}

/** The page for people, of a run that was stopped too; nothing that a run should fail for. */
export async function reportOf(run: RunFolder, progress: TerminalProgress): Promise<void> {
  try {
    await writeReport(run)
  } catch (error) {
    progress.say(`note: no report.html: ${(error as Error).message.split('\n')[0]}`)
  }
}
