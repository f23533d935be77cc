// Instance-level IoU (Cordts et al. 2016, section 4.1): found and missed pixels of an object count as much as an object of
// average size of its class would, so that large near ones do not decide alone; wrongly found pixels belong to no object and count
// as they are.
//
//   iIoU = Σ_o w_o TP_o / (Σ_o w_o TP_o + FP + Σ_o w_o FN_o),    w_o = average size of the class / size of o
//
// Sizes are shares of an image, so that images may be scored at any size.

import { type ConfusionMatrix, type Grouping, mean } from './metrics.ts'

export interface InstanceIouRules extends Grouping {
  /** Average size of the objects of each class, in pixels; undefined for classes that have none. */
  readonly sizes: readonly (number | undefined)[]
  /** Pixels of the images that these are of. */
  readonly imagePixels: number
  /** The class of an object by its number in the data set; undefined for what is not scored. */
  classOf(number: number): number | undefined
}

export interface InstanceIous {
  /** IoU of each class that has objects; null where it has neither objects nor pixels wrongly given to it. */
  readonly classes: readonly { readonly name: string; readonly iou: number | null }[]
  /** The same of each group all of whose classes have objects. */
  readonly groups: readonly { readonly name: string; readonly iou: number | null }[]
  /** Means over those that are not null. */
  readonly classMean: number
  readonly groupMean: number
}

/** The objects of one image, numbered from 1 in the order in which they are met. */
export interface Objects {
  /** [height, width], 0 where there is no scored object. */
  readonly map: Int32Array
  /** Class of object i + 1. */
  readonly classes: readonly number[]
}

/** Numbers the scored objects of an image whose pixels have the data set's own numbers, 0 for none. */
export function numberObjects(
  instances: ArrayLike<number>,
  { classOf }: Pick<InstanceIouRules, 'classOf'>,
): Objects {
  const known = new Map<number, number>([[0, 0]])
  const classes: number[] = []
  const map = Int32Array.from(instances, (number) => {
    const found = known.get(number)
    if (found !== undefined) return found
    const k = classOf(number)
    const mine = k === undefined ? 0 : classes.push(k)
    known.set(number, mine)
    return mine
  })
  return { map, classes }
}

interface Sums {
  readonly found: Float64Array
  readonly missed: Float64Array
}

/** Weighted sums over the objects of a set; add every image, then ask once. */
export class InstanceIou {
  readonly #rules: InstanceIouRules
  readonly #classes: Sums
  readonly #groups: Sums

  constructor(rules: InstanceIouRules) {
    const sums = (n: number) => ({ found: new Float64Array(n), missed: new Float64Array(n) })
    this.#rules = rules
    this.#classes = sums(rules.sizes.length)
    this.#groups = sums(rules.groups.length)
  }

  /** Adds the objects of an image of so many pixels: `predicted[o · classes + k]` of object o, counted from 0, were predicted as
   * class k. */
  add(objects: readonly number[], predicted: ArrayLike<number>, pixels: number): void {
    const { sizes, imagePixels, groupOf } = this.#rules
    const n = sizes.length
    objects.forEach((own, o) => {
      let [size, hits, groupHits] = [0, 0, 0]
      for (let k = 0; k < n; k++) {
        const count = predicted[o * n + k]
        size += count
        if (k === own) hits += count
        if (groupOf[k] === groupOf[own]) groupHits += count
      }
      if (!size) return
      const weight = ((sizes[own] ?? 0) * pixels) / imagePixels / size
      this.#classes.found[own] += weight * hits
      this.#classes.missed[own] += weight * (size - hits)
      this.#groups.found[groupOf[own]] += weight * groupHits
      this.#groups.missed[groupOf[own]] += weight * (size - groupHits)
    })
  }

  /** The scores; `confusion` of the same images says what was wrongly found. */
  scores(confusion: ConfusionMatrix): InstanceIous {
    const { sizes, groups, groupOf } = this.#rules
    const wrong = (matrix: ConfusionMatrix, k: number) => {
      const n = matrix.classes.length
      let pixels = 0
      for (let g = 0; g < n; g++) if (g !== k) pixels += matrix.counts[g * n + k]
      return pixels
    }
    const ious = (
      matrix: ConfusionMatrix,
      { found, missed }: Sums,
      counts: (k: number) => boolean,
    ) =>
      matrix.classes.flatMap(({ name }, k) => {
        if (!counts(k)) return []
        const all = found[k] + missed[k] + wrong(matrix, k)
        return [{ name, iou: all > 0 ? found[k] / all : null }]
      })
    const classes = ious(confusion, this.#classes, (k) => sizes[k] !== undefined)
    const whole = (g: number) => sizes.every((size, k) => groupOf[k] !== g || size !== undefined)
    const grouped = ious(confusion.grouped(groups, groupOf), this.#groups, whole)
    const meanOf = (all: typeof classes) => mean(all.map(({ iou }) => iou))
    return { classes, groups: grouped, classMean: meanOf(classes), groupMean: meanOf(grouped) }
  }
}
