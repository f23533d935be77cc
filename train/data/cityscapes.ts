// Cityscapes: streets of fifty cities, 1024×2048, 19 scored classes of 34 ids (Cordts et al. 2016).

import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { type Split, VOID } from '../dataset.ts'
import { isFolder } from '../files.ts'
import { readLabels, writeLabelsPng } from '../pictures/images.ts'
import type { LabelImage } from '../pictures/png-label-values.ts'
import { CITYSCAPES_CLASSES } from './cityscapes-classes.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  namesIn,
  openPairs,
  type Pair,
} from './pairs.ts'

/** Ids 0 … 33 (and 255) by class; what is not scored is void. */
const classOf = new Map<number, number>([
  ...Array.from({ length: 34 }, (_, id): [number, number] => [id, VOID]),
  [VOID, VOID],
  ...CITYSCAPES_CLASSES.map(({ id }, k): [number, number] => [id, k]),
])

export interface CityscapesOptions extends ExampleOptions {
  readonly split: Split | 'train_extra'
  /** `fine` (default) or `coarse` annotations. */
  readonly labels?: 'fine' | 'coarse'
  /** Read the instances too: examples then have `instances`, whose numbers are those of the files, id·1000 + n for an object
   * and 0 for everything else. */
  readonly objects?: boolean
}

const LAYOUT =
  'a Cityscapes folder holds leftImg8bit/<split>/<city> and gtFine/<split>/<city> (or gtCoarse)'
const MEANING =
  'labels are the ids 0..33 of the labelIds files; train ids and colours are other files'

/** Opens one split: lists its folders only. Throws DataError for a folder that is missing, and for test, which has no labels. */
export async function openCityscapes(
  root: string,
  { split, labels = 'fine', objects = false, ...options }: CityscapesOptions,
): Promise<FileDataset> {
  const images = await findFolder(root, [`leftImg8bit/${split}`], LAYOUT)
  const kind = labels === 'fine' ? 'gtFine' : 'gtCoarse'
  const truth = join(root, kind, split)
  if (split === 'test' && !(await isFolder(truth)))
    throw new DataError(
      truth,
      'is not there: the labels of the test split are not public',
      'predict it and send the results in, or evaluate on val',
    )
  const pairs: Pair[] = []
  for (const city of await namesIn(images, LAYOUT)) {
    if (!(await isFolder(join(images, city)))) continue
    for (const file of await namesIn(join(images, city), LAYOUT)) {
      const name = /^(.+)_leftImg8bit\.(png|jpg)$/.exec(file)?.[1]
      if (!name) continue
      const label = (what: string) => join(truth, city, `${name}_${kind}_${what}.png`)
      pairs.push({
        name,
        image: join(images, city, file),
        label: label('labelIds'),
        where: `leftImg8bit/${split}/${city}`,
        ...(objects && { instances: label('instanceIds') }),
      })
    }
  }
  if (!pairs.length) throw new DataError(images, 'holds no image of a city', LAYOUT)
  return openPairs({
    ...{ name: 'cityscapes', split: split === 'train_extra' ? 'train' : split },
    ...{ classes: CITYSCAPES_CLASSES, pairs, classOf, meaning: MEANING, readInstances },
    ...options,
  })
}

/** Numbers of objects alone: below 1000 there are the ids of classes and of groups that nobody parted. */
async function readInstances({ instances = '' }: Pair): Promise<LabelImage> {
  const image = await readLabels(instances)
  return { ...image, values: Uint16Array.from(image.values, (v) => (v < 1000 ? 0 : v)) }
}

/** Class indices as the ids of label files, in which results are sent in; void is 0. */
export function cityscapesIds(classes: Uint8Array): Uint8Array {
  return classes.map((k) => CITYSCAPES_CLASSES[k]?.id ?? 0)
}

/** Writes a predicted image [height, width] as results are sent in: a PNG of ids that has the name of the image. Throws DataError. */
export async function writeCityscapesResult(
  folder: string,
  name: string,
  classes: Uint8Array,
  height: number,
  width: number,
): Promise<void> {
  await writeLabelsPng(join(folder, `${name}_pred.png`), cityscapesIds(classes), height, width)
}
