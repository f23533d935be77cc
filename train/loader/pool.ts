// Threads that make slices of batches (Node), and read examples of other data sets. Each opens the data by itself; what it makes is
// handed over, not copied; what it has read for batches stays in memory that all of them see, so that the bound of that memory is one for all.
//
// A thread that dies, whatever it died of, is replaced, and what it was making is made again; what ends a thread twice is taken for the
// fault of the files.

import { Worker } from 'node:worker_threads'
import { AtrousError, DataError } from '../../engine/errors.ts'
import type { ImageScan } from '../data/scan.ts'
import { type Example, exampleBytes, type Split } from '../dataset.ts'
import type { DataSource } from '../recipes/recipe.ts'
import { Batch } from './batch.ts'
import type { Maker } from './loader.ts'
import type { StepExamples } from './order.ts'
import { errorAgain, type PlainError } from './plain-errors.ts'
import type { SliceOptions } from './slice.ts'

/** How a thread opens a data set: as a recipe does, or by a module's `openDataset(options)`, which resolves to a Dataset. */
export type DatasetSpec =
  | { readonly source: DataSource; readonly split: Split; readonly objects?: boolean }
  | { readonly module: string; readonly options?: unknown }

/** What a thread begins with. */
export interface Setup {
  readonly spec: DatasetSpec
  readonly options: SliceOptions
}

export type Task =
  | {
      readonly slice: StepExamples
      /** Examples that were read before. */
      readonly known: ReadonlyMap<number, Example>
      /** Bytes of what is read that may stay. */
      readonly room: number
    }
  | { readonly scan: number }
  | { readonly read: number; readonly of: DatasetSpec }

export type Answer =
  | { readonly batch: Omit<Batch, 'labels'>; readonly fresh: ReadonlyMap<number, Example> }
  | { readonly scan: ImageScan }
  | { readonly example: Example }
  | { readonly error: PlainError }

interface Job {
  /** What is read for it, for errors. */
  readonly files: () => readonly string[]
  readonly task: () => Task
  readonly take: (answer: Answer) => void
  readonly reject: (error: unknown) => void
  readonly signal?: AbortSignal
  deaths: number
}

interface Thread {
  readonly worker: Worker
  job: Job | undefined
  cause: unknown
}

export interface PoolOptions extends Setup {
  readonly workers: number
  /** Bytes of examples that stay in memory once read, of all threads together. */
  readonly cacheBytes: number
  /** The file of an example, for errors. */
  readonly fileOf: (index: number) => string
}

const closed = () => new AtrousError('the data loader was closed')

// The same name with the ending that this file has: what is built, or the source itself.
const ENTRY = new URL(import.meta.url.replace(/pool(\.[jt]s)$/, 'worker$1'))

export class WorkerPool implements Maker {
  readonly workers: number
  readonly #options: PoolOptions
  readonly #threads = new Set<Thread>()
  readonly #queue: Job[] = []
  readonly #known = new Map<number, Example>()
  #room: number
  #held = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.workers = options.workers
    this.#room = options.cacheBytes
  }

  make(slice: StepExamples, signal: AbortSignal): Promise<Batch> {
    return new Promise((resolve, reject) => {
      const take = (answer: Answer) => {
        if (!('batch' in answer)) return
        for (const [index, example] of answer.fresh) this.#keep(index, example)
        resolve(new Batch(answer.batch))
      }
      const files = () => Array.from(slice.indices, this.#options.fileOf)
      this.#add({ files, task: () => this.#taskOf(slice), take, reject, signal })
    })
  }

  /** What is counted in an example. Rejects with what reading it threw. */
  scan(index: number): Promise<ImageScan> {
    return new Promise((resolve, reject) => {
      const take = (answer: Answer) => {
        if ('scan' in answer) resolve(answer.scan)
      }
      const files = () => [this.#options.fileOf(index)]
      this.#add({ files, task: () => ({ scan: index }), take, reject })
    })
  }

  /** An example of any data set; nothing of it stays here. `file` names it for errors. Rejects with what reading it threw. */
  async read(of: DatasetSpec, index: number, file: string): Promise<Example> {
    this.hold()
    try {
      return await new Promise((resolve, reject) => {
        const take = (answer: Answer) => {
          if ('example' in answer) resolve(answer.example)
        }
        this.#add({ files: () => [file], task: () => ({ read: index, of }), take, reject })
      })
    } finally {
      this.release()
    }
  }

  hold(): void {
    if (this.#held++ === 0) for (const { worker } of this.#threads) worker.ref()
  }

  release(): void {
    if (--this.#held === 0) for (const { worker } of this.#threads) worker.unref()
  }

  async close(): Promise<void> {
    this.#closed = true
    const ended = closed()
    for (const { reject } of this.#queue.splice(0)) reject(ended)
    const threads = [...this.#threads]
    this.#threads.clear()
    this.#known.clear()
    for (const { job } of threads) job?.reject(ended)
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  #add(job: Omit<Job, 'deaths'>): void {
    if (this.#closed) job.reject(closed())
    else this.#queue.push({ ...job, deaths: 0 })
    this.#next()
  }

  #taskOf(slice: StepExamples): Task {
    const known = new Map<number, Example>()
    for (const index of slice.indices) {
      const example = this.#known.get(index)
      if (example) known.set(index, example)
    }
    return { slice, known, room: this.#room }
  }

  #next(): void {
    while (this.#queue.length && !this.#closed) {
      // What nobody waits for any more leaves the queue when its turn comes.
      const { signal, reject } = this.#queue[0]
      if (signal?.aborted) {
        this.#queue.shift()
        reject(signal.reason)
        continue
      }
      const free = [...this.#threads].find(({ job }) => !job)
      if (!free && this.#threads.size >= this.workers) return
      this.#give(free ?? this.#start(), this.#queue.shift()!)
    }
  }

  #give(thread: Thread, job: Job): void {
    thread.job = job
    thread.worker.postMessage(job.task())
  }

  #start(): Thread {
    const { spec, options } = this.#options
    const setup: Setup = { spec, options }
    const worker = new Worker(ENTRY, { workerData: setup })
    const thread: Thread = { worker, job: undefined, cause: undefined }
    if (!this.#held) worker.unref()
    worker.on('message', (answer: Answer) => this.#answered(thread, answer))
    const failed = (error: unknown) => {
      thread.cause = error
    }
    worker.on('error', failed)
    // An answer that cannot be taken would be waited for without an end.
    worker.on('messageerror', (error) => {
      failed(error)
      void worker.terminate()
    })
    worker.on('exit', (code) => this.#ended(thread, code))
    this.#threads.add(thread)
    return thread
  }

  #answered(thread: Thread, answer: Answer): void {
    const { job } = thread
    thread.job = undefined
    if ('error' in answer) job?.reject(errorAgain(answer.error))
    else job?.take(answer)
    this.#next()
  }

  #keep(index: number, example: Example): void {
    const bytes = exampleBytes(example)
    if (bytes > this.#room || this.#known.has(index)) return
    this.#room -= bytes
    this.#known.set(index, example)
  }

  #ended(thread: Thread, code: number): void {
    const { job, cause } = thread
    if (!this.#threads.delete(thread)) return
    if (job) {
      job.deaths++
      if (job.deaths === 1) this.#queue.unshift(job)
      else job.reject(this.#deadly(job, cause, code))
    }
    this.#next()
  }

  #deadly({ files }: Job, cause: unknown, code: number): DataError {
    const [first, ...more] = files()
    const why = cause instanceof Error ? cause.message : `it exited with ${code}`
    const others = more.length ? ` (or ${more.join(', ')})` : ''
    return new DataError(
      first,
      `${others ? `this file${others}` : 'it'} ended the thread that read it, twice: ${why}`,
      'look at what is in it; with workers 0 the error shows in this thread',
    )
  }
}
