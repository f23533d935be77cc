// Scores near the boundaries between classes: the trimap curve (Pohlen et al. 2017, figure 5) and the accuracy at boundaries and
// inside of objects (Peng et al. 2017, table 5). Both are confusion matrices of the pixels up to some distance.

import { OptionError } from '../../engine/errors.ts'
import type { ClassInfo } from '../dataset.ts'
import {
  type BoundaryOptions,
  type DistanceNorm,
  labelBoundaries,
  squaredDistances,
} from './boundaries.ts'
import { ringsOf } from './distances.ts'
import { ConfusionMatrix } from './metrics.ts'

export interface DistanceOptions extends BoundaryOptions {
  /** Default euclidean; chessboard is what square structuring elements of 2r + 1 give (the VOC convention). */
  readonly norm?: DistanceNorm
}

/** Confusion by distance from the ground truth's boundaries. Add every image of a split, then ask. */
export class DistanceScores {
  readonly classes: readonly ClassInfo[]
  /** In pixels, ascending. */
  readonly radii: readonly number[]
  readonly #options: DistanceOptions
  /** One for each radius, of the pixels beyond the radius before; the last of those beyond all. */
  readonly #rings: readonly ConfusionMatrix[]
  /** The ring of each squared distance up to the largest radius, and of all beyond. */
  readonly #ringOf: Uint16Array

  /** Throws OptionError for radii that are not numbers from 0 upwards in ascending order. */
  constructor(
    classes: readonly ClassInfo[],
    radii: readonly number[],
    options: DistanceOptions = {},
  ) {
    this.classes = classes
    this.radii = radii
    this.#options = options
    this.#rings = [...radii, 0].map(() => new ConfusionMatrix(classes))
    this.#ringOf = ringsOf(radii).of
  }

  /** Adds one image: class indices with 255 for void, and predicted classes, [height, width] each. */
  add(labels: Uint8Array, predictions: Uint8Array, height: number, width: number): void {
    const { norm, ...boundary } = this.#options
    const marked = labelBoundaries(labels, height, width, boundary)
    const squared = squaredDistances(marked, height, width, norm)
    if (predictions.length !== labels.length)
      throw new OptionError(`${predictions.length} predictions do not fit ${labels.length} labels`)
    const ringOf = this.#ringOf
    const beyond = ringOf.length - 1
    for (let i = 0; i < labels.length; i++)
      this.#rings[ringOf[Math.min(squared[i], beyond)]].count(labels[i], predictions[i])
  }

  /** Confusion of the pixels up to `radii[i]`. */
  within(i: number): ConfusionMatrix {
    return this.#sum(this.#rings.slice(0, i + 1))
  }

  /** Confusion of the pixels farther than `radii[i]`. */
  beyond(i: number): ConfusionMatrix {
    return this.#sum(this.#rings.slice(i + 1))
  }

  /** Mean IoU of the pixels up to each radius, 0 where there are none. `groupOf` scores groups of classes instead, such as the
   * seven categories of Cityscapes: the group's index for each class. */
  trimap(groups?: readonly ClassInfo[], groupOf?: readonly number[]): number[] {
    return this.radii.map((_, i) => {
      const all = this.within(i)
      return (groups && groupOf ? all.grouped(groups, groupOf) : all).scores().meanIoU
    })
  }

  #sum(rings: readonly ConfusionMatrix[]): ConfusionMatrix {
    const sum = new ConfusionMatrix(this.classes)
    for (const { counts, labelsOutOfRange } of rings) {
      counts.forEach((n, i) => {
        sum.counts[i] += n
      })
      sum.labelsOutOfRange += labelsOutOfRange
    }
    return sum
  }
}
