// How often a network names the class of an image as a whole.

import type { ClassifiedFile } from '../../train/report/from-run.ts'
import { Classifier, classificationText } from '../../train/scoring/classify.ts'
import { quoted, typed } from './command.ts'
import type { Best, Scored } from './finish.ts'
import { scoredTitle } from './score-text.ts'

export async function scoreImages(best: Best): Promise<Scored> {
  const { device, model, recipe, dataset, run, step, signal, onProgress } = best
  using classifier = new Classifier(device, model)
  const classification = await classifier.evaluate(dataset, {
    steps: recipe.view,
    ...{ signal, onProgress },
  })
  const { images, seconds: _, ...figures } = classification
  const tuned = `train --data … --model … --init ${quoted(run.folder)} --only backbone`
  return {
    images,
    kept: { classification } satisfies Pick<ClassifiedFile, 'classification'>,
    json: figures,
    text: [scoredTitle(dataset, step), classificationText(classification)],
    files: [],
    next: `start a network for segmentation from it: ${typed(tuned)}`,
  }
}
