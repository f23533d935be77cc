// Which examples make which step. A batch is a pure function of (data set, options, step), so a run that is resumed
// at any step goes on exactly as if it had never been stopped.

import { DataError, NonFiniteError, OptionError } from '../engine/errors.ts'
import type { ImagePadding } from '../models/input.ts'
import {
  type Augmentation,
  type AugmentationDraw,
  drawAugmentation,
  NO_AUGMENTATION,
  writeAugmented,
} from './augment.ts'
import { type Dataset, type Example, VOID } from './dataset.ts'
import { fillBeyond, roundUp } from './pad.ts'
import { permutation } from './random.ts'

export interface Batch {
  /** [count, height, width, 3], in [0, 1]. */
  readonly image: Float32Array
  /** [count, height, width], 255 where void or padded. */
  readonly labels: Uint8Array
  readonly names: readonly string[]
  readonly height: number
  readonly width: number
}

export interface BatchOptions {
  /** Examples in a batch. */
  readonly count: number
  readonly seed: number
  readonly augmentation?: Augmentation
  /** Height and width are padded up to a multiple of this. */
  readonly multiple?: number
  /** With what: `reflection` (default), or a colour. */
  readonly padding?: ImagePadding
}

const UNCHANGED: AugmentationDraw = { dy: 0, dx: 0, gamma: 1 }

// Separates the draws of augmentation from those of the order.
const AUGMENT = 0xa06

/** Batches of a training split in seeded order, each epoch in an order of its own; a last, smaller batch is dropped. */
export class BatchStream {
  readonly stepsPerEpoch: number
  private readonly dataset: Dataset
  private readonly options: BatchOptions
  private order: { epoch: number; indices: Uint32Array } = { epoch: -1, indices: new Uint32Array() }
  private ahead: { step: number; batch: Promise<Batch> } | undefined

  /** Throws OptionError when the data set has fewer examples than a batch. */
  constructor(dataset: Dataset, options: BatchOptions) {
    const { count } = options
    if (!Number.isInteger(count) || count < 1)
      throw new OptionError(`a batch needs at least one example; got ${count}`)
    if (dataset.size < count)
      throw new OptionError(
        `a batch of ${count} is larger than ${dataset.name}'s ${dataset.split} split of ${dataset.size}`,
        `use a batch of at most ${dataset.size}`,
      )
    this.dataset = dataset
    this.options = options
    this.stepsPerEpoch = Math.floor(dataset.size / count)
  }

  /** The batch of a step (0, 1, …); the next one is prepared while the caller waits for something else. */
  async batch(step: number): Promise<Batch> {
    const ready = this.ahead?.step === step ? this.ahead.batch : this.make(step)
    this.ahead = undefined
    const batch = await ready
    // A timer, not a microtask: the caller submits its step before the next batch takes the thread.
    this.ahead = { step: step + 1, batch: later(() => this.make(step + 1)) }
    return batch
  }

  /** Which examples of the data set a step takes, in order. */
  indices(step: number): Uint32Array {
    const epoch = Math.floor(step / this.stepsPerEpoch)
    if (this.order.epoch !== epoch)
      this.order = { epoch, indices: permutation(this.dataset.size, this.options.seed, epoch) }
    const start = (step % this.stepsPerEpoch) * this.options.count
    return this.order.indices.slice(start, start + this.options.count)
  }

  private async make(step: number): Promise<Batch> {
    const { seed, augmentation = NO_AUGMENTATION, multiple, padding } = this.options
    const epoch = Math.floor(step / this.stepsPerEpoch)
    const indices = this.indices(step)
    const examples = await Promise.all(Array.from(indices, (index) => this.dataset.get(index)))
    const draws = Array.from(indices, (index) =>
      drawAugmentation(augmentation, seed, AUGMENT, epoch, index),
    )
    return collate(examples, draws, multiple, padding)
  }
}

/** Examples of one size as one batch, unchanged but for padding; throws DataError where the sizes differ. */
export function toBatch(
  examples: readonly Example[],
  multiple?: number,
  padding?: ImagePadding,
): Batch {
  return collate(
    examples,
    examples.map(() => UNCHANGED),
    multiple,
    padding,
  )
}

/** Throws NonFiniteError where a pixel is not finite, before what is computed from it is taken for the network's doing. */
export function checkPixels(batches: readonly Pick<Batch, 'image'>[]): void {
  for (const [i, { image }] of batches.entries()) {
    const at = image.findIndex((v) => !Number.isFinite(v))
    if (at >= 0)
      throw new NonFiniteError(
        `value ${at} of the images of batch ${i} is ${image[at]}`,
        'images are RGB in [0, 1]; look at how they were made',
      )
  }
}

export interface EvalBatch extends Batch {
  /** The examples that count: a last batch is filled up with void-labelled repeats, so that its shape stays. */
  readonly examples: readonly Example[]
}

/** Every example once, in order, in batches of `count`. */
export async function* evalBatches(
  dataset: Dataset,
  count: number,
  multiple?: number,
  padding?: ImagePadding,
): AsyncGenerator<EvalBatch> {
  const fill = Math.min(count, dataset.size)
  for (let start = 0; start < dataset.size; start += fill) {
    const taken = Math.min(fill, dataset.size - start)
    const examples = await Promise.all(
      Array.from({ length: taken }, (_, i) => dataset.get(start + i)),
    )
    const filled = Array.from({ length: fill }, (_, i) => examples[Math.min(i, taken - 1)])
    const batch = toBatch(filled, multiple, padding)
    batch.labels.fill(VOID, taken * batch.height * batch.width)
    yield { ...batch, names: batch.names.slice(0, taken), examples }
  }
}

function collate(
  examples: readonly Example[],
  draws: readonly AugmentationDraw[],
  multiple = 1,
  padding: ImagePadding = 'reflection',
): Batch {
  const first = examples[0]
  const height = roundUp(first.height, multiple)
  const width = roundUp(first.width, multiple)
  const plane = height * width
  const image = new Float32Array(examples.length * plane * 3)
  const labels = new Uint8Array(examples.length * plane)
  examples.forEach((example, i) => {
    if (example.height !== first.height || example.width !== first.width)
      throw new DataError(
        example.name,
        `is ${example.height}×${example.width} but ${first.name} in the same batch is ${first.height}×${first.width}`,
        'train at one size, or with a batch of 1',
      )
    const pixels = image.subarray(3 * i * plane, 3 * (i + 1) * plane)
    writeAugmented(example, draws[i], height, width, pixels, labels.subarray(i * plane))
    if (padding !== 'reflection') fillBeyond(pixels, example.height, example.width, width, padding)
  })
  return { image, labels, names: examples.map(({ name }) => name), height, width }
}

function later<T>(work: () => Promise<T>): Promise<T> {
  const promise = new Promise((resolve) => setTimeout(resolve, 0)).then(work)
  // Seen when the batch is asked for; a run that ends first has no use for it.
  promise.catch(() => {})
  return promise
}
