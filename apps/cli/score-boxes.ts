// How the boxes of a localization net fit the instances of a split.

import { type BoxFit, BoxJudge } from '../../train/instances/boxes-eval.ts'
import { percent } from '../../train/scoring/metrics.ts'
import { aligned, quoted, typed } from './command.ts'
import type { Best, Scored } from './finish.ts'
import { scoredTitle } from './score-text.ts'

export async function scoreBoxes(best: Best): Promise<Scored> {
  const { device, model, recipe, dataset, run, step, signal, onProgress } = best
  using judge = new BoxJudge(device, model, recipe.loss)
  const fit = await judge.evaluate(dataset, { signal, onProgress })
  const { images, seconds: _, ...figures } = fit
  const semantic = `instances photo.jpg --semantic RUN --localization ${quoted(run.folder)} --out found`
  return {
    images,
    kept: { boxes: fit },
    json: figures,
    text: [scoredTitle(dataset, step), ...fitLines(fit)],
    files: [],
    next: `instances of a picture of yours: ${typed(semantic)}`,
  }
}

export const fitLines = ({ meanIoU, above, cells, perClass }: BoxFit): string[] => [
  `boxes: mean IoU ${percent(meanIoU)} over ${cells} cells with an instance, ${percent(above)} of them above 0.5`,
  ...aligned(
    perClass.flatMap(({ name, iou }) => (iou === undefined ? [] : [[name, percent(iou)]])),
  ),
]
