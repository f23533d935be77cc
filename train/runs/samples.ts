// The same few held-out images at every validation, with what the network answers shining through: how it learns, to look at.

import { type ClassInfo, type Dataset, type Example, fixedOf } from '../dataset.ts'
import { beside, blend, colourLabels, fitted, type Picture } from '../pictures/picture.ts'

/** Rows that each image is brought to. */
const ROWS = 180

export interface SamplePictures {
  readonly answers: Picture
  readonly truth: Picture
}

/** Overlays of evenly spread images of a split, collected while it is evaluated. */
export class Samples {
  readonly #classes: readonly ClassInfo[]
  readonly #chosen: ReadonlySet<number>
  #answers: Picture[] = []
  #truths: Picture[] = []

  constructor({ size, classes }: Pick<Dataset, 'size' | 'classes'>, count = 4) {
    this.#classes = classes
    this.#chosen = new Set(fixedOf(size, count))
  }

  /** What `evaluate` is to be given. */
  readonly options = {
    examples: (index: number): boolean => this.#chosen.has(index),
    onExample: (example: Example, prediction: Uint8Array): void => this.#add(example, prediction),
  }

  #add({ image: data, labels, height, width }: Example, prediction: Uint8Array): void {
    const over = (classes: Uint8Array) =>
      fitted(
        blend({ data, height, width }, colourLabels(classes, height, width, this.#classes)),
        ROWS,
      )
    this.#answers.push(over(prediction))
    this.#truths.push(over(labels))
  }

  /** Answers and truth of the images since the last call, each beside each other; undefined where there were none. */
  take(): SamplePictures | undefined {
    const [answers, truths] = [this.#answers, this.#truths]
    this.#answers = []
    this.#truths = []
    if (answers.length === 0) return undefined
    return { answers: beside(answers), truth: beside(truths) }
  }
}
