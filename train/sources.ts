// Opening the data set of a recipe (Node).

import { openFiles } from './data/formats.ts'
import type { FileDataset } from './data/pairs.ts'
import type { Dataset, Split } from './dataset.ts'
import type { DataSource } from './recipe.ts'
import { streetScenes } from './street.ts'

export type Splits = Readonly<Record<Split, Dataset>>

/** Few enough that scoring them does not hold up a short run. */
const STREET_VAL = 32
const STREET_TEST = 64

/** The three splits; val is the test split too where a data set has none with labels. Files are looked for, and sizes in their headers compared, before this resolves; throws DataError
 * naming the first file at fault. */
export async function openSplits(source: DataSource): Promise<Splits> {
  if (source.kind === 'street') {
    const { seed, height, width } = source
    const open = (split: Split, size?: number) => streetScenes({ split, seed, height, width, size })
    return {
      train: open('train'),
      val: open('val', STREET_VAL),
      test: open('test', STREET_TEST),
    }
  }
  const { kind, folder, height, width } = source
  const [train, val, test] = (await Promise.all(
    (['train', 'val', 'test'] as const).map((split) =>
      openFiles(kind, folder, split, { height, width }),
    ),
  )) as [FileDataset, FileDataset, FileDataset]
  for (const split of [train, val, test]) await split.check()
  return { train, val, test }
}

/** Reads every example once, a few at a time, so that a damaged file is found now and not in the middle of a run.
 * Small data sets stay in memory. */
export async function readAll(
  splits: readonly Dataset[],
  onProgress: (done: number, of: number) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  const wave = 4
  const of = splits.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  for (const split of splits)
    for (let start = 0; start < split.size && !signal?.aborted; start += wave) {
      const count = Math.min(wave, split.size - start)
      const results = await Promise.allSettled(
        Array.from({ length: count }, (_, i) => split.get(start + i)),
      )
      for (const result of results) if (result.status === 'rejected') throw result.reason
      done += count
      onProgress(done, of)
    }
}
