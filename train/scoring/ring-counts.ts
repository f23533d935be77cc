// Scores of the pixels up to some distance from where classes meet, from what was counted ring by ring.

import { OptionError } from '../../engine/errors.ts'
import type { ClassInfo } from '../dataset.ts'
import { type Marginals, type ScoreOptions, type Scores, scoresOf } from './metrics.ts'

/** Counts of one ring after the other, [rings, classes] each; there is one ring more than radii, of what is beyond all. */
export class RingCounts {
  readonly classes: readonly ClassInfo[]
  readonly radii: readonly number[]
  readonly #counts: Marginals

  constructor(classes: readonly ClassInfo[], radii: readonly number[], counts: Marginals) {
    this.classes = classes
    this.radii = radii
    this.#counts = counts
  }

  /** Of the pixels up to `radii[i]`. */
  within(i: number, options?: ScoreOptions): Scores {
    return this.#scores(0, i + 1, options)
  }

  /** Of the pixels farther than `radii[i]`. */
  beyond(i: number, options?: ScoreOptions): Scores {
    return this.#scores(i + 1, this.radii.length + 1, options)
  }

  /** Mean IoU of the pixels up to each radius, 0 where there are none. */
  trimap(options?: ScoreOptions): number[] {
    return this.radii.map((_, i) => this.within(i, options).meanIoU)
  }

  /** The ring of a radius that is among the radii. Throws OptionError for another. */
  indexOf(radius: number): number {
    const i = this.radii.indexOf(radius)
    if (i >= 0) return i
    throw new OptionError(`nothing was counted up to ${radius} pixels`, `radii: ${this.radii}`)
  }

  #scores(from: number, to: number, options?: ScoreOptions): Scores {
    const n = this.classes.length
    const sum = (counts: Float64Array) =>
      Float64Array.from({ length: n }, (_, k) => {
        let total = 0
        for (let ring = from; ring < to; ring++) total += counts[ring * n + k]
        return total
      })
    const { labelled, predicted, hits } = this.#counts
    const marginals = { labelled: sum(labelled), predicted: sum(predicted), hits: sum(hits) }
    return scoresOf(this.classes, marginals, options)
  }
}
