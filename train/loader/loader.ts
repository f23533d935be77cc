// Batches ahead of those who ask for them: a window of steps that are made, or ready, within a bound of number and of bytes. What is in
// a batch depends on the step alone; the window, and how many threads fill it, decides only when it is there.

import { AtrousError, OptionError } from '../../engine/errors.ts'
import type { Dataset } from '../dataset.ts'
import { type Batch, batchBytes, joined } from './batch.ts'
import { Order, type OrderOptions, type StepExamples } from './order.ts'
import { makeSlice, type SliceOptions, slicesOf } from './slice.ts'

export interface LoaderOptions extends OrderOptions, SliceOptions {
  /** Batches at most that are made or kept ahead of the one that is asked for; default 1, with workers one more than they are. */
  readonly prefetch?: number | undefined
  /** Bytes at most of those; default 512 MiB. One batch ahead is made all the same, unless `prefetch` is 0. */
  readonly prefetchBytes?: number | undefined
}

/** Where slices of batches are made. */
export interface Maker {
  /** How many slices are made at a time; 0 where it is the caller's own thread that makes them. */
  readonly workers: number
  /** Rejects with what reading the examples threw, and at once where the signal was aborted before it began. */
  make(slice: StepExamples, signal: AbortSignal): Promise<Batch>
  /** While held, its work keeps the process alive. */
  hold(): void
  release(): void
  close(): Promise<void>
}

interface Entry {
  readonly batch: Promise<Batch>
  readonly abort: AbortController
  /** Calls that wait for it. */
  waiting: number
  /** Undefined while it is made. */
  bytes: number | undefined
}

const PREFETCH_BYTES = 2 ** 29

/**
 * The batches of a data set, step after step, in an order that is seeded and of its own for each epoch. `batch(step)` is a pure function of
 * (data set, options, step): a run that is resumed at a step sees what it would have seen, and so with any number of workers.
 *
 * Iterating gives the batches of all steps from 0, without an end. `close` when done with it; a loader that is not closed keeps no process
 * alive.
 */
export class DataLoader implements AsyncIterable<Batch> {
  readonly stepsPerEpoch: number
  /** Threads beside this one that make batches. */
  readonly workers: number
  /** What makes them. */
  readonly maker: Maker
  readonly #order: Order
  readonly #prefetch: number
  readonly #limit: number
  readonly #window = new Map<number, Entry>()
  /** Entries that nobody waits for any more and that are still being made. */
  readonly #left = new Set<Entry>()
  /** Of the largest batch so far. */
  #largest = 0
  #closed = false

  /** Throws OptionError for options that do not fit the data set or each other. */
  constructor(
    dataset: Dataset,
    options: LoaderOptions,
    maker: Maker = new OwnThread(dataset, options),
  ) {
    const { prefetch, prefetchBytes = PREFETCH_BYTES } = options
    if (prefetch !== undefined && !(Number.isInteger(prefetch) && prefetch >= 0))
      throw new OptionError(`prefetch: ${prefetch} is no number of batches`)
    if (!(prefetchBytes >= 0)) throw new OptionError(`prefetchBytes: ${prefetchBytes} is no size`)
    this.#order = new Order(dataset.size, options, `${dataset.name}'s ${dataset.split} split`)
    this.stepsPerEpoch = this.#order.stepsPerEpoch
    this.maker = maker
    this.workers = maker.workers
    this.#prefetch = prefetch ?? maker.workers + 1
    this.#limit = prefetchBytes
  }

  /** Bytes of the batches that are kept ahead or being made, those counted as the largest so far. */
  get heldBytes(): number {
    const entries = [...this.#window.values(), ...this.#left]
    return entries.reduce((sum, { bytes }) => sum + (bytes ?? this.#largest), 0)
  }

  /** Which examples of the data set a step takes, in order. */
  indices(step: number): Uint32Array {
    return this.#order.at(step).indices
  }

  /** The batch of a step (0, 1, …). The steps after it are prepared meanwhile; asking for a step that is not one of them begins anew there.
   * Throws DataError naming the file that could not be used (asking again tries again), and AtrousError once the loader is closed. */
  async batch(step: number): Promise<Batch> {
    if (this.#closed) throw closed()
    const entry = this.#window.get(step) ?? this.#begin(step)
    entry.waiting++
    this.maker.hold()
    this.#leave((other) => other < step || other > step + this.#prefetch)
    if (this.workers) this.#fill(step)
    try {
      return await entry.batch
    } finally {
      this.maker.release()
      entry.waiting--
      if (this.#window.get(step) === entry) this.#window.delete(step)
      // A timer, not a microtask: the caller submits its step before the next batch takes the thread.
      if (this.workers) this.#fill(step)
      else setTimeout(() => this.#fill(step), 0)
    }
  }

  /** The batches of steps from `from` up to and without `to`. */
  async *steps(from = 0, to = Number.POSITIVE_INFINITY): AsyncGenerator<Batch, void> {
    for (let step = from; step < to; step++) yield await this.batch(step)
  }

  /** The batches of an epoch (0, 1, …). */
  epoch(epoch: number): AsyncGenerator<Batch, void> {
    return this.steps(epoch * this.stepsPerEpoch, (epoch + 1) * this.stepsPerEpoch)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch, void> {
    return this.steps()
  }

  /** Ends all threads; who waits for a batch gets an AtrousError. Resolves when the threads have ended. */
  async close(): Promise<void> {
    this.#closed = true
    this.#leave(() => true)
    await this.maker.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Begins what is missing of the window after a step, as far as the bounds allow. */
  #fill(step: number): void {
    for (let next = step + 1; next <= step + this.#prefetch && !this.#closed; next++) {
      if (this.#window.has(next)) continue
      const ahead = [...this.#window.keys()].filter((other) => other !== step).length
      // Until the first is there, nobody knows how large they are.
      const room = this.#largest ? this.heldBytes + this.#largest <= this.#limit : false
      if (ahead + this.#left.size && !room) return
      this.#begin(next)
    }
  }

  #begin(step: number): Entry {
    const abort = new AbortController()
    const slices = slicesOf(this.#order.at(step), this.#partsOf())
    const made = Promise.all(slices.map((slice) => this.maker.make(slice, abort.signal)))
    const batch = cancelled(made.then(joined), abort.signal)
    const entry: Entry = { batch, abort, waiting: 0, bytes: undefined }
    this.#window.set(step, entry)
    const settled = made.then((parts) => {
      entry.bytes = parts.reduce((sum, part) => sum + batchBytes(part), 0)
      this.#largest = Math.max(this.#largest, entry.bytes)
    })
    // Seen when the batch is asked for; a run that ends first has no use for it.
    entry.batch.catch(() => {})
    settled.catch(() => {}).then(() => this.#left.delete(entry))
    return entry
  }

  /** So many slices that all workers have one when the window is full. */
  #partsOf(): number {
    const wide = this.#largest ? Math.floor(this.#limit / this.#largest) : 2
    return Math.ceil(this.workers / Math.max(1, Math.min(wide, this.#prefetch + 1)))
  }

  #leave(which: (step: number) => boolean): void {
    for (const [step, entry] of this.#window) {
      if (!which(step) || (entry.waiting && !this.#closed)) continue
      this.#window.delete(step)
      if (entry.bytes === undefined) this.#left.add(entry)
      entry.abort.abort(closed())
    }
  }
}

const closed = () =>
  new AtrousError('the data loader was closed', 'open another one to get more batches')

/** Rejects as soon as the signal does. */
function cancelled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
}

/** Makes slices in the thread that asks for them. */
class OwnThread implements Maker {
  readonly workers = 0
  readonly #dataset: Dataset
  readonly #options: SliceOptions

  constructor(dataset: Dataset, options: SliceOptions) {
    this.#dataset = dataset
    this.#options = options
  }

  async make(slice: StepExamples, signal: AbortSignal): Promise<Batch> {
    signal.throwIfAborted()
    return makeSlice(this.#dataset, slice, this.#options)
  }

  hold(): void {}

  release(): void {}

  async close(): Promise<void> {}
}
