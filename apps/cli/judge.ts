// How good a network is on held-out data while it learns, by what it tells of a picture.

import type { Device } from '../../engine/node.ts'
import type { Network } from '../../models/index.ts'
import type { Dataset } from '../../train/dataset.ts'
import { evaluate, validationOf } from '../../train/evaluate.ts'
import type { Validation } from '../../train/events.ts'
import { BoxJudge, boxValidation } from '../../train/instances/boxes-eval.ts'
import { Predictor } from '../../train/predict.ts'
import type { Recipe } from '../../train/recipes/recipe.ts'
import { type SamplePictures, Samples } from '../../train/runs/samples.ts'
import { Classifier, classifyValidation } from '../../train/scoring/classify.ts'
import { type Task, taskOf } from './task.ts'

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

type JudgeOf = (device: Device, model: Network, dataset: Dataset, recipe: Recipe) => Judge

const judges: Record<Task, JudgeOf> = {
  pixels(device, model, dataset, { loss }) {
    const predictor = new Predictor(device, model, {}, { offset: loss.offset })
    const samples = new Samples(dataset)
    return {
      validate: async (options) =>
        validationOf(await evaluate(predictor, dataset, { ...options, ...samples.options })),
      samples: () => samples.take(),
      [Symbol.dispose]: () => predictor.dispose(),
    }
  },

  images(device, model, dataset, { view }) {
    const classifier = new Classifier(device, model)
    return {
      validate: async (options) =>
        classifyValidation(await classifier.evaluate(dataset, { steps: view, ...options })),
      samples: () => undefined,
      [Symbol.dispose]: () => classifier.dispose(),
    }
  },

  boxes(device, model, dataset, { loss }) {
    const boxes = new BoxJudge(device, model, loss)
    return {
      validate: async (options) => boxValidation(await boxes.evaluate(dataset, options)),
      samples: () => undefined,
      [Symbol.dispose]: () => boxes.dispose(),
    }
  },
}

export const judgeOf: JudgeOf = (device, model, dataset, recipe) =>
  judges[taskOf(dataset, model)](device, model, dataset, recipe)
