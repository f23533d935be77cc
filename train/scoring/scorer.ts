// Scores counted where the predictions are: labels go to the device as bytes, and only counts come back. All of them are
// whole numbers, so they equal those of the host to the last one.

import type { Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { OptionError } from '../../engine/errors.ts'
import {
  add,
  cast,
  equal,
  greaterEqual,
  less,
  mul,
  sub,
  where,
} from '../../engine/ops/arithmetic.ts'
import { indexSelect } from '../../engine/ops/index-select.ts'
import { reshape, slice } from '../../engine/ops/shape.ts'
import { assign, constant, hostTensor } from '../../engine/ops/source.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { type ClassInfo, VOID } from '../dataset.ts'
import type { DistanceNorm } from './boundaries.ts'
import { labelDistances, type Rings, ringsOf } from './distances.ts'
import type { Objects } from './instance-iou.ts'
import { ConfusionMatrix, type Grouping } from './metrics.ts'
import { MOST_PAIRS, pairCounts } from './pair-counts.ts'
import { RingCounts } from './ring-counts.ts'

export interface ScorerOptions {
  /** Also counts by distance from boundaries, of classes and of `groups`. */
  readonly distances?:
    | { readonly radii: readonly number[]; readonly withVoid: boolean; readonly norm: DistanceNorm }
    | undefined
  readonly groups?: Grouping | undefined
  /** Gives the confusion matrix of each image too. */
  readonly perImage?: boolean | undefined
  /** Pixels after which counts are fetched, before one of them could pass 2³² − 1; for tests. */
  readonly fetchAfter?: number
}

/** What is known of the images of a batch once the device has counted them. */
export interface ImageCounts {
  /** Of each image, where that was asked for. */
  readonly confusions: readonly ConfusionMatrix[]
  /** Of each image's objects, row by row, the pixels predicted as each class. */
  readonly objects: readonly Uint32Array[]
}

/** Counts of a set; add every batch, then ask for the result once. */
export class Scorer {
  readonly classes: readonly ClassInfo[]
  readonly #device: Device
  readonly #options: ScorerOptions
  readonly #rings: Rings | undefined
  readonly #tallies = new Map<string, Tally>()
  readonly #program: Program<{ confusions: Tensor[]; objects: Tensor[] }>
  #pixels = 0

  /** Throws OptionError for more than 255 classes, and for radii that are no ascending distances. */
  constructor(device: Device, classes: readonly ClassInfo[], options: ScorerOptions = {}) {
    if (!classes.length || classes.length > VOID)
      throw new OptionError(`${classes.length} classes are not 1 to 255`, 'labels are bytes')
    this.classes = classes
    this.#device = device
    this.#options = options
    this.#rings = options.distances && ringsOf(options.distances.radii)
    this.#program = device.compile(
      (labels: Tensor, predictions: Tensor, objects: Tensor | false, room: string | false) =>
        this.#count(labels, predictions, objects || undefined, Number(room)),
    )
  }

  /** Adds images: labels u8 [n, h, w] with 255 for what does not count, and their predicted classes of that shape. `objects`, one for
   * each image, has its pixels' numbers [h, w]. Returns when the device has been told; what it returns waits for the counts.
   * Throws OptionError for labels of another size. */
  async add(
    labels: Uint8Array,
    predictions: DeviceTensor,
    objects?: readonly Objects[],
  ): Promise<() => Promise<ImageCounts>> {
    const { shape } = predictions
    const pixels = shape.reduce((a, b) => a * b, 1)
    if (labels.length !== pixels)
      throw new OptionError(`${pixels} predictions do not fit ${labels.length} labels`)
    if (this.#pixels + pixels > (this.#options.fetchAfter ?? 2 ** 32 - 1)) await this.#fetch()
    this.#pixels += pixels
    const room = objects && this.#roomFor(objects)
    const counted = await this.#program.run(
      hostTensor(labels, shape),
      predictions,
      objects ? hostTensor(joined(objects, pixels), shape) : false,
      room ? String(room) : false,
    )
    return async () => {
      const read = async (tensors: readonly DeviceTensor[]) => {
        const values = await Promise.all(tensors.map((t) => t.read() as Promise<Uint32Array>))
        for (const t of tensors) t.dispose()
        return values
      }
      const [own, ofObjects] = await Promise.all([read(counted.confusions), read(counted.objects)])
      // Row 0 is what belongs to no object.
      const rows = ofObjects.map((table) => table.subarray(this.classes.length))
      return { confusions: own.map((c) => this.#confusion(c)), objects: rows }
    }
  }

  /** The counts of all that was added. */
  async result(): Promise<{
    confusion: ConfusionMatrix
    rings?: RingCounts
    groupRings?: RingCounts
  }> {
    await this.#fetch()
    const sums = (name: string) => this.#tallies.get(name)?.sum
    const rings = (prefix: string, classes: readonly ClassInfo[]) => {
      const size = (this.#rings!.radii.length + 1) * classes.length
      const of = (what: string) => sums(`${prefix}.${what}`) ?? new Float64Array(size)
      const counts = { labelled: of('labelled'), predicted: of('predicted'), hits: of('hits') }
      return new RingCounts(classes, this.#rings!.radii, counts)
    }
    const { groups } = this.#options
    return {
      confusion: this.#confusion(sums('confusion') ?? new Float64Array(this.#bins)),
      ...(this.#rings && { rings: rings('classes', this.classes) }),
      ...(this.#rings && groups && { groupRings: rings('groups', groups.groups) }),
    }
  }

  dispose(): void {
    this.#program.dispose()
    for (const { variable } of this.#tallies.values()) this.#device.release(variable)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** One more row than classes: labels that are none of them. */
  get #bins(): number {
    return (this.classes.length + 1) * this.classes.length
  }

  #count(labels: Tensor, predictions: Tensor, objects: Tensor | undefined, room: number) {
    const n = this.classes.length
    const { perImage, distances, groups } = this.#options
    const [label, guess] = [labels, predictions].map((t) => cast(t, 'f32'))
    // n, or −1 for void.
    const noClass = sub(n, mul(cast(equal(label, VOID), 'f32'), n + 1))
    const row = where(less(label, n), label, noClass)
    const images = Array.from({ length: label.shape[0] }, (_, i) => i)
    const [, h, w] = label.shape
    const of = (t: Tensor, i: number) => slice(t, [i, 0, 0], [i + 1, h, w])
    const confusionOf = (r: Tensor, g: Tensor) => pairCounts(r, g, n + 1, n)
    const confusions = perImage ? images.map((i) => confusionOf(of(row, i), of(guess, i))) : []
    this.#tally('confusion', perImage ? confusions.reduce(add) : confusionOf(row, guess))
    if (distances && this.#rings) {
      const ring = this.#ringOf(labels, this.#rings)
      const count = this.#rings.radii.length + 1
      this.#tallyRings('classes', ring, count, label, guess, n)
      if (groups) {
        const [a, b] = [label, guess].map((t) => lookUp(t, groups.groupOf))
        this.#tallyRings('groups', ring, count, a, b, groups.groups.length)
      }
    }
    return {
      confusions,
      objects: objects ? images.map((i) => pairCounts(of(objects, i), of(guess, i), room, n)) : [],
    }
  }

  #ringOf(labels: Tensor, { limit, of }: Rings): Tensor {
    const { withVoid, norm } = this.#options.distances!
    const squared = labelDistances(labels, { limit, withVoid, norm })
    return lookUp(squared, of)
  }

  #tallyRings(prefix: string, ring: Tensor, rings: number, a: Tensor, b: Tensor, n: number): void {
    const valid = mul(greaterEqual(a, 0), less(a, n))
    const counts = (x: Tensor) => pairCounts(ring, x, rings, n)
    this.#tally(`${prefix}.labelled`, counts(where(valid, a, -1)))
    this.#tally(`${prefix}.predicted`, counts(where(valid, b, -1)))
    this.#tally(`${prefix}.hits`, counts(where(equal(a, b), a, -1)))
  }

  #tally(name: string, counts: Tensor): void {
    const tally = this.#tallies.get(name) ?? new Tally(name, counts.shape[0])
    this.#tallies.set(name, tally)
    assign(tally.variable, add(tally.variable, counts))
  }

  async #fetch(): Promise<void> {
    this.#pixels = 0
    await Promise.all([...this.#tallies.values()].map((tally) => tally.fetch(this.#device)))
  }

  #confusion(counts: ArrayLike<number>): ConfusionMatrix {
    const n = this.classes.length
    const matrix = new ConfusionMatrix(this.classes, Float64Array.from(counts).slice(0, n * n))
    for (let k = n * n; k < counts.length; k++) matrix.labelsOutOfRange += counts[k]
    return matrix
  }

  /** Rows for the objects of any of the images, a power of two so that few programs do for all. */
  #roomFor(objects: readonly Objects[]): number {
    const most = Math.max(...objects.map(({ classes }) => classes.length)) + 1
    const room = Math.max(64, 2 ** Math.ceil(Math.log2(most)))
    const largest = Math.floor(MOST_PAIRS / this.classes.length)
    if (most <= largest) return Math.min(room, largest)
    throw new OptionError(
      `an image has ${most - 1} objects, and at most ${largest - 1} are scored`,
      'leave out the scores of instances',
    )
  }
}

/** Counts that grow on the device, and what was fetched of them. */
class Tally {
  readonly variable: Variable
  readonly sum: Float64Array

  constructor(name: string, size: number) {
    const none = () => new Uint32Array(size)
    this.variable = new Variable({ dtype: 'u32', shape: [size] }, none, `counts of ${name}`)
    this.sum = new Float64Array(size)
  }

  async fetch(device: Device): Promise<void> {
    const read = device.read(this.variable) as Promise<Uint32Array>
    // Queued behind the reading: nothing is counted twice.
    device.write(this.variable, this.variable.initial())
    const counts = await read
    for (let i = 0; i < counts.length; i++) this.sum[i] += counts[i]
  }
}

/** table[x], f32 of the shape of x, and −1 for values of x beyond the table. */
function lookUp(x: Tensor, table: ArrayLike<number>): Tensor {
  const values = constant(Float32Array.from(table), [table.length])
  const places = cast(x, 'u32')
  const found = indexSelect(values, reshape(places, [-1]), 0)
  return where(less(places, table.length), reshape(found, x.shape), -1)
}

function joined(objects: readonly Objects[], pixels: number): Int32Array {
  const all = new Int32Array(pixels)
  const plane = pixels / objects.length
  objects.forEach(({ map }, i) => {
    all.set(map, i * plane)
  })
  return all
}
