// How good a network is on held-out data while it learns: of the classes of pixels or of images as a whole, whichever the data has,
// or of boxes, where that is what it predicts.

import type { Device } from '../../engine/node.ts'
import type { Network } from '../../models/index.ts'
import { BoxJudge, boxValidation } from '../../train/boxes-eval.ts'
import { Classifier, classifyValidation } from '../../train/classify.ts'
import type { Dataset } from '../../train/dataset.ts'
import { evaluate, validationOf } from '../../train/evaluate.ts'
import type { Validation } from '../../train/events.ts'
import { Predictor } from '../../train/predict.ts'
import type { Recipe } from '../../train/recipe.ts'
import { type SamplePictures, Samples } from '../../train/samples.ts'

/** How a network is looked at while it learns. */
export interface Judge extends Disposable {
  readonly validate: (options: Watching) => Promise<Validation>
  /** Pictures of the last validation, where there are some. */
  readonly samples: () => SamplePictures | undefined
}

interface Watching {
  readonly signal: AbortSignal
  readonly onProgress: (done: number, of: number) => void
}

/** By the masks of pixels, by the classes of images where these have one as a whole, or by boxes. */
export function judgeOf(
  device: Device,
  model: Network,
  dataset: Dataset,
  { view, loss }: Recipe,
): Judge {
  if (dataset.labelled === 'image') {
    const classifier = new Classifier(device, model)
    const of = (options: Watching) => classifier.evaluate(dataset, { steps: view, ...options })
    return {
      validate: async (options) => classifyValidation(await of(options)),
      samples: () => undefined,
      [Symbol.dispose]: () => classifier.dispose(),
    }
  }
  if (model.predicts === 'boxes') {
    const boxes = new BoxJudge(device, model, loss)
    return {
      validate: async (options) => boxValidation(await boxes.evaluate(dataset, options)),
      samples: () => undefined,
      [Symbol.dispose]: () => boxes.dispose(),
    }
  }
  const predictor = new Predictor(device, model)
  const samples = new Samples(dataset)
  return {
    validate: async (options) =>
      validationOf(await evaluate(predictor, dataset, { ...options, ...samples.options })),
    samples: () => samples.take(),
    [Symbol.dispose]: () => predictor.dispose(),
  }
}
