// Which examples make which step. A batch is a pure function of (data set, options, step), so a run that is resumed
// at any step goes on exactly as if it had never been stopped.

import { OptionError } from '../engine/errors.ts'
import { type AugmentStep, augment } from './augment/index.ts'
import type { Dataset } from './dataset.ts'
import { type Batch, type BatchLayout, toBatch } from './loader/batch.ts'
import { permutation } from './random.ts'

export * from './loader/batch.ts'
export * from './loader/eval.ts'

export interface BatchOptions extends BatchLayout {
  /** Examples in a batch. */
  readonly count: number
  readonly seed: number
  readonly augmentation?: readonly AugmentStep[]
}

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
    const { seed, augmentation = [] } = this.options
    const epoch = Math.floor(step / this.stepsPerEpoch)
    const indices = this.indices(step)
    const examples = await Promise.all(Array.from(indices, (index) => this.dataset.get(index)))
    if (!augmentation.length) return toBatch(examples, this.options)
    const changed = examples.map((example, i) => ({
      ...augment(example, augmentation, [seed, AUGMENT, epoch, indices[i]]),
      ...(example.category !== undefined && { category: example.category }),
    }))
    return toBatch(changed, this.options)
  }
}

function later<T>(work: () => Promise<T>): Promise<T> {
  const promise = new Promise((resolve) => setTimeout(resolve, 0)).then(work)
  // Seen when the batch is asked for; a run that ends first has no use for it.
  promise.catch(() => {})
  return promise
}
