// Looking through a data set once and no more: what was counted in an example is kept (scan-cache.ts), by the size and the time of its
// files.

import { createHash } from 'node:crypto'
import { relative } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { type Dataset, SPLITS, type Split } from '../dataset.ts'
import { defaultWorkers } from '../loader/open.ts'
import { WorkerPool } from '../loader/pool.ts'
import type { DataSource } from '../recipes/recipe.ts'
import { openSplit } from '../sources.ts'
import type { Pair } from './pairs.ts'
import { type Preflight, preflight } from './preflight.ts'
import { type ImageScan, scanExample } from './scan.ts'
import { ScanCache, stampOf } from './scan-cache.ts'

export interface PreflightForOptions {
  /** Default train, val and test. */
  readonly splits?: readonly Split[] | undefined
  /** Reads everything again, whatever was found before. */
  readonly fresh?: boolean | undefined
  /** Also what has a class for each image and not for its pixels, of which nothing is kept; default false. */
  readonly classified?: boolean | undefined
  /** Threads that read; default `defaultWorkers()`, and none for a few images. */
  readonly workers?: number | undefined
  readonly onProgress?: ((split: Split, done: number, of: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** Looks through the splits of a data set in files, at the size that they have there. A split that holds the same examples as one before it
 * (val as test) is left out; so is what is drawn. Throws DataError for a folder or list that cannot be used; what is wrong with files of examples is in `problems`. */
export async function preflightFor(
  source: DataSource,
  { splits = SPLITS, fresh, classified, workers, onProgress, signal }: PreflightForOptions = {},
): Promise<Preflight[]> {
  if (!('folder' in source)) return []
  const own = { ...source, height: undefined, width: undefined }
  const found: Preflight[] = []
  const seen = new Set<string>()
  for (const split of splits) {
    const dataset = await openSplit(own, split, { cacheBytes: 0 })
    if (dataset.labelled === 'image' && !classified) continue
    const pairs = (dataset as { pairs?: readonly Pair[] }).pairs
    const key = keyOf(dataset, source, pairs)
    if (seen.has(key)) continue
    seen.add(key)
    const cache = await ScanCache.open<ImageScan>(key, dataset.size, fresh)
    const stampAt = async (pair: Pair | undefined) => pair && stampOf(pair.image, pair.label)
    const threads = dataset.size < FEW ? 0 : (workers ?? defaultWorkers())
    await using reader = readerOf(dataset, own, split, threads)
    found.push(
      await preflight(dataset, {
        parallel: Math.max(4, 2 * threads),
        onProgress: onProgress && ((done, of) => onProgress(split, done, of)),
        signal,
        scan: async (index) =>
          cache.scan(index, await stampAt(pairs?.[index]), () => reader.scan(index)),
      }),
    )
    await cache.write()
  }
  return found
}

/** Throws DataError naming the first file of a preflight that cannot be used, and how many there are. */
export function refuseProblems(found: readonly Preflight[]): void {
  for (const { problems, split, name } of found) {
    if (!problems.length) continue
    const [what, hint] = problems[0].split('\n  hint: ')
    const [file, ...said] = what.split(': ')
    const more = problems.length > 1 ? `, and ${problems.length - 1} more files are at fault` : ''
    throw new DataError(
      file,
      `${said.join(': ')} (in the ${split} split of ${name}${more})`,
      hint ?? '`atrous data` lists all of them',
    )
  }
}

/** So many images are read before threads would have begun. */
const FEW = 32

interface Reader extends AsyncDisposable {
  readonly scan: (index: number) => Promise<ImageScan>
}

function readerOf(dataset: Dataset, source: DataSource, split: Split, workers: number): Reader {
  if (!workers) {
    const scan = async (index: number) => scanExample(await dataset.get(index))
    return { scan, [Symbol.asyncDispose]: async () => {} }
  }
  const pool = new WorkerPool({
    ...{ spec: { source, split }, options: { seed: 0 }, workers, cacheBytes: 0 },
    fileOf: (index) => (dataset as { pairs?: readonly Pair[] }).pairs?.[index]?.image ?? `${index}`,
  })
  pool.hold()
  return { scan: (index) => pool.scan(index), [Symbol.asyncDispose]: () => pool.close() }
}

/** Fixed by what is looked at and how, not by where the folder lies. */
function keyOf(
  dataset: Dataset,
  { kind, folder }: FileSource,
  pairs: readonly Pair[] | undefined,
): string {
  const classes = dataset.classes.map(({ name }) => name)
  const inside = (file: string) => relative(folder, file)
  const files = pairs?.map(({ name, image, label }) => [name, inside(image), inside(label)])
  const text = JSON.stringify([kind, classes, files ?? [dataset.split, dataset.size]])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

type FileSource = Extract<DataSource, { readonly folder: string }>
