// Opening the data set of a recipe (Node).

import { openCityscapes } from './data/cityscapes.ts'
import { openFiles } from './data/formats.ts'
import { joinedDatasets } from './data/joined.ts'
import { type OpenedSplit, overfitted } from './data/overfit.ts'
import { openVocAugmented } from './data/sbd.ts'
import { type Dataset, SPLITS, type Split } from './dataset.ts'
import type { DataSource } from './recipes/recipe.ts'
import { crowdScenes } from './scenes/crowd.ts'
import { streetScenes } from './scenes/street.ts'

export type Splits = Readonly<Record<Split, Dataset>>

/** Few enough that scoring them does not hold up a short run. */
const STREET_SIZE = { val: 32, test: 64 }

export interface OpenSplitOptions {
  /** Read instances too, where the data set has them. */
  readonly objects?: boolean | undefined
  /** Bytes of examples that are kept in memory once read; 1 GiB unless told. */
  readonly cacheBytes?: number | undefined
}

/** One split; val is test too where a data set has no test split with labels, and all three are the same images where a source names
 * some to overfit to. Lists files, and opens none. Throws DataError. */
export async function openSplit(
  source: DataSource,
  split: Split,
  options: OpenSplitOptions = {},
): Promise<OpenedSplit> {
  const { overfit } = source
  if (overfit === undefined) return openWhole(source, split, options)
  return overfitted(await openWhole(source, 'train', options), overfit)
}

async function openWhole(
  source: DataSource,
  split: Split,
  { objects = false, cacheBytes }: OpenSplitOptions,
): Promise<OpenedSplit> {
  if (source.kind === 'street') {
    const { seed, height, width, scenes } = source
    const size = split === 'train' ? undefined : (source[split] ?? STREET_SIZE[split])
    const options = { split, seed, height, width, ...(size !== undefined && { size }) }
    return scenes === 'crowd' ? crowdScenes(options) : streetScenes({ ...options, objects })
  }
  const { kind, folder, height, width, also = [] } = source
  const options = { height, width, ...(cacheBytes !== undefined && { cacheBytes }) }
  if (split !== 'train' || !also.length)
    return openFiles(kind, folder, split, { ...options, objects })
  const beside = kind === 'voc' ? also.find((other) => other.kind === 'sbd') : undefined
  const first = beside
    ? openVocAugmented(folder, beside.folder, { ...options, objects })
    : openFiles(kind, folder, split, { ...options, objects })
  const others = also
    .filter((other) => other !== beside)
    .map((other) =>
      other.coarse
        ? openCityscapes(other.folder, { split: 'train_extra', labels: 'coarse', ...options })
        : openFiles(other.kind, other.folder, split, { ...options, objects }),
    )
  return joinedDatasets(await Promise.all([first, ...others]))
}

/** The three splits. Files are looked for, and sizes in their headers compared, before this resolves; throws DataError naming the
 * first file at fault. */
export async function openSplits(source: DataSource, options?: OpenSplitOptions): Promise<Splits> {
  const [train, val, test] = await Promise.all(
    SPLITS.map((split) => openSplit(source, split, options)),
  )
  for (const split of [train, val, test]) await split.check?.()
  return { train, val, test }
}
