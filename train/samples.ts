// The same few held-out images at every validation, with what the network answers shining through: how it learns, to look at.

import type { ClassInfo, Dataset, Example } from './dataset.ts'
import { beside, blend, colourLabels, fitted, type Picture } from './picture.ts'

/** Rows that each image is brought to. */
const ROWS = 180

/** Collects overlays of evenly spread images of a split; `add` is what `evaluate` wants as `onExample`. */
export class Samples {
  readonly #classes: readonly ClassInfo[]
  readonly #chosen: ReadonlySet<number>
  #answers: Picture[] = []
  #truths: Picture[] = []

  constructor({ size, classes }: Pick<Dataset, 'size' | 'classes'>, count = 4) {
    this.#classes = classes
    this.#chosen = new Set(
      Array.from({ length: Math.min(count, size) }, (_, i) =>
        Math.floor(((i + 0.5) * size) / count),
      ),
    )
  }

  /** Takes an example with its predicted classes [height, width] if it is one of the chosen. */
  add(example: Example, prediction: Uint8Array, index: number): void {
    if (!this.#chosen.has(index)) return
    const { image: data, labels, height, width } = example
    const over = (classes: Uint8Array) =>
      fitted(
        blend({ data, height, width }, colourLabels(classes, height, width, this.#classes)),
        ROWS,
      )
    this.#answers.push(over(prediction))
    this.#truths.push(over(labels))
  }

  /** Answers and truth of the images since the last call, each beside each other; undefined where there were none. */
  take(): { readonly answers: Picture; readonly truth: Picture } | undefined {
    const [answers, truths] = [this.#answers, this.#truths]
    this.#answers = []
    this.#truths = []
    if (answers.length === 0) return undefined
    return { answers: beside(answers), truth: beside(truths) }
  }
}
