// Opening a loader in Node, with as many threads as pay.

import { availableParallelism } from 'node:os'
import { OptionError } from '../../engine/errors.ts'
import type { Dataset } from '../dataset.ts'
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
  if (!(Number.isInteger(workers) && workers >= 0 && workers <= 256))
    throw new OptionError(`there cannot be ${workers} workers`, 'use a whole number up to 256')
  if (!workers) return new DataLoader(dataset, own)
  if (!spec)
    throw new OptionError(
      'workers open the data set by themselves, and are not told how',
      'give its source and split as spec, or use workers: 0',
    )
  const { seed, augmentation, multiple, padding, targets } = own
  const pairs = (dataset as { pairs?: readonly { image: string }[] }).pairs
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
    fileOf: (index) => pairs?.[index]?.image ?? `example ${index} of ${dataset.name}`,
  })
  return new DataLoader(dataset, own, pool)
}
