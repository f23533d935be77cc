// Opening a loader in Node, with as many threads as pay, and data sets that are read ahead by them.

import { availableParallelism } from 'node:os'
import { OptionError } from '../../engine/errors.ts'
import { cached } from '../data/pair.ts'
import { type Dataset, firstOf, type Split } from '../dataset.ts'
import type { DataSource } from '../recipes/recipe.ts'
import { type AheadOptions, readAhead } from './ahead.ts'
import { DataLoader, type LoaderOptions } from './loader.ts'
import { type DatasetSpec, WorkerPool } from './pool.ts'

export interface OpenLoaderOptions extends LoaderOptions {
  /** How threads open the data set; without it there are none. */
  readonly spec?: DatasetSpec | undefined
  /** Threads beside this one; 0 makes batches in this one. Default `defaultWorkers()`. */
  readonly workers?: number | undefined
  /** Bytes of examples that threads keep in memory once read, all together; default 1 GiB. */
  readonly cacheBytes?: number | undefined
}

/** All but one of the cores that this process may use, at most 12, of which 8 keep up with batches of 3 at 512×1024 in 30 ms. None on two
 * cores, where there is as much to do without threads and they cost a tenth more. */
export const defaultWorkers = (cores = availableParallelism()): number =>
  cores <= 2 ? 0 : Math.min(12, cores - 1)

/** A loader of the batches of a data set. The options and the number of threads decide nothing about what is in them but time. Throws
 * OptionError for options that do not fit; a data set that a thread cannot open rejects the first batch. */
export function openLoader(dataset: Dataset, options: OpenLoaderOptions): DataLoader {
  const { spec, workers = spec ? defaultWorkers() : 0, cacheBytes = 2 ** 30, ...own } = options
  checkWorkers(workers)
  if (!workers) return new DataLoader(dataset, own)
  if (!spec)
    throw new OptionError(
      'workers open the data set by themselves, and are not told how',
      'give its source and split as spec, or use workers: 0',
    )
  const { seed, augmentation, multiple, padding, targets } = own
  // Objects are read where they are to be learned.
  const objects = targets?.includes('instances')
  const whole = 'source' in spec && objects ? { ...spec, objects } : spec
  const pool = new WorkerPool({
    ...{
      spec: whole,
      workers,
      cacheBytes,
      options: { seed, augmentation, multiple, padding, targets },
    },
    fileOf: filesOf(dataset),
  })
  return new DataLoader(dataset, own, pool)
}

/** How threads open a split of a recipe's data; undefined for drawn scenes, which are there before a thread has begun. */
export const specOf = (
  source: DataSource,
  split: Split,
  objects = false,
): DatasetSpec | undefined => ('folder' in source ? { source, split, objects } : undefined)

export interface OpenAheadOptions extends AheadOptions {
  /** How threads open the data set; without it this one reads. */
  readonly spec?: DatasetSpec | undefined
  /** Whose threads read, where it has some, between the batches that they make; else own ones. */
  readonly loader?: DataLoader | undefined
  /** Own threads; default `defaultWorkers()`, and none for a few examples. */
  readonly workers?: number | undefined
  /** Bytes of examples that stay in memory once threads have read them; default 1 GiB. */
  readonly cacheBytes?: number | undefined
}

/** So many examples are read before threads would have begun. */
const FEW = 32

/** A data set for going through it in order, as `evaluate` does: the same examples, read ahead (`readAhead`), by threads where there
 * are some. Disposing it ends its own threads; those of a loader end with that. Throws OptionError for options that do not fit. */
export function openAhead(
  dataset: Dataset,
  { spec, loader, workers, cacheBytes = 2 ** 30, ...bounds }: OpenAheadOptions = {},
): Dataset & AsyncDisposable {
  const threads = workers ?? (dataset.size < FEW ? 0 : defaultWorkers())
  checkWorkers(threads)
  const fileOf = filesOf(dataset)
  const shared = loader?.maker instanceof WorkerPool ? loader.maker : undefined
  const own =
    spec && !loader && threads
      ? new WorkerPool({ spec, workers: threads, cacheBytes: 0, options: { seed: 0 }, fileOf })
      : undefined
  const pool = spec && (shared ?? own)
  const get = pool
    ? cached((index) => pool.read(spec, index, fileOf(index)), cacheBytes)
    : (index: number) => dataset.get(index)
  const ahead = readAhead({ ...firstOf(dataset, dataset.size), get }, bounds)
  return { ...ahead, [Symbol.asyncDispose]: async () => own?.close() }
}

function checkWorkers(workers: number): void {
  if (!(Number.isInteger(workers) && workers >= 0 && workers <= 256))
    throw new OptionError(`there cannot be ${workers} workers`, 'use a whole number up to 256')
}

function filesOf(dataset: Dataset): (index: number) => string {
  const { pairs } = dataset as { pairs?: readonly { image: string }[] }
  return (index) => pairs?.[index]?.image ?? `example ${index} of ${dataset.name}`
}
