// How well a network names the class of every pixel of a split, and pictures of some of its images.

import { legendSvg } from '../../train/charts/chart.ts'
import type { Dataset, Example } from '../../train/dataset.ts'
import { type Evaluation, evaluate } from '../../train/evaluate.ts'
import { writePng } from '../../train/pictures/images.ts'
import { type Picture, panel, stacked } from '../../train/pictures/picture.ts'
import { Predictor } from '../../train/predict.ts'
import type { ScoredExample, ScoresFile } from '../../train/report/from-run.ts'
import type { RunFolder } from '../../train/runs/folder.ts'
import { quoted, typed } from './command.ts'
import type { Best, Scored } from './finish.ts'
import { scoredTitle, scoresText } from './score-text.ts'

/** Evenly spread over the split, whatever their scores. */
const PICTURES = 6
/** Of the worst images, and of the best. */
const EXTREMES = 3

/** By its recipe's test-time procedure; nothing is drawn of a run that was stopped. */
export async function scorePixels(best: Best): Promise<Scored> {
  const { device, model, recipe, dataset, run, step, signal, onProgress } = best
  const { test = {} } = recipe
  using predictor = new Predictor(device, model, test, { offset: recipe.loss.offset })
  const every = Math.max(1, Math.floor(dataset.size / PICTURES))
  const panels: { name: string; picture: Picture }[] = []
  const evaluation = await evaluate(predictor, dataset, {
    ...{ signal, onProgress },
    perImage: true,
    examples: (i) => i % every === 0 && i < PICTURES * every,
    onExample: (example, prediction) =>
      panels.push({ name: example.name, picture: panelOf(example, prediction, dataset) }),
  })
  const { scores, baseline, images, confusion } = evaluation
  if (!signal.aborted) await writePictures(run, panels, dataset)
  const examples = signal.aborted ? [] : await writeExtremes(run, predictor, dataset, evaluation)
  return {
    images,
    kept: {
      ...{ test, scores, baseline, confusion: [...confusion.counts], examples },
    } satisfies Omit<ScoresFile, 'split' | 'images' | 'step'>,
    json: { test, scores, baseline },
    text: [scoresText(evaluation, scoredTitle(dataset, step, test))],
    files: [
      '  samples/                  how it learnt, picture by picture',
      '  overlays.png, overlays/   input, truth, prediction and errors beside each other',
    ],
    next: `try it on a picture of yours: ${typed(`predict ${quoted(run.folder)} photo.jpg --out masks`)}`,
  }
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
