// How good a network is on held-out data while it learns: of the classes of pixels or of images as a whole, whichever the data has.

import type { Device } from '../../engine/node.ts'
import type { Network } from '../../models/index.ts'
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

/** By the masks of pixels, or by the classes of images where these have one as a whole. */
export function judgeOf(device: Device, model: Network, dataset: Dataset, { view }: Recipe): Judge {
  if (dataset.labelled === 'image') {
    const classifier = new Classifier(device, model)
    const of = (options: Watching) => classifier.evaluate(dataset, { steps: view, ...options })
    return {
      validate: async (options) => classifyValidation(await of(options)),
      samples: () => undefined,
      [Symbol.dispose]: () => classifier.dispose(),
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
