// PASCAL VOC: 20 classes and background, palette PNG whose indices are the classes, 255 the band around objects.

import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import type { Split } from '../dataset.ts'
import { VOC_CLASSES } from './known-classes.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  indexTable,
  mustExist,
  openPairs,
  type Pair,
  readNames,
} from './pairs.ts'

export { VOC_CLASSES }

export interface VocOptions extends ExampleOptions {
  readonly split: Split
  /** A list in ImageSets/Segmentation other than that of the split, such as trainval; its name without `.txt`. */
  readonly list?: string
  /** The folder of the devkit, where there are several; default VOC2012. */
  readonly year?: string
  /** Read SegmentationObject too: examples then have `instances`. */
  readonly objects?: boolean
}

const LAYOUT =
  'a VOC folder holds JPEGImages, SegmentationClass and ImageSets/Segmentation, as VOCdevkit/VOC2012 does'
const MEANING =
  'labels are palette indices: 0 background, 1..20 the classes, 255 the band around objects'

/** Opens one split of a folder such as VOCdevkit, VOCdevkit/VOC2012 or what holds VOCdevkit: reads its list only. Throws DataError for
 * a folder or list that is missing, malformed or, as the test split, without labels. */
export async function openVoc(
  root: string,
  { split, list = split, year = 'VOC2012', objects = false, ...options }: VocOptions,
): Promise<FileDataset> {
  const folder = await vocFolder(root, year)
  const file = join(folder, 'ImageSets/Segmentation', `${list}.txt`)
  const pairs = (await readNames(file, LAYOUT)).map((name) =>
    vocPair(folder, name, `${list}.txt`, objects),
  )
  if (list === 'test')
    await mustExist(
      pairs[0].label,
      'would be the first label of the test split',
      'its labels are not public: predict it and send the results in, or evaluate on val',
    )
  return openPairs({
    ...{ name: 'voc', split, classes: VOC_CLASSES, pairs },
    ...{ classOf: indexTable(VOC_CLASSES.length), meaning: MEANING },
    ...options,
  })
}

/** The folder with JPEGImages in it. */
export async function vocFolder(root: string, year: string): Promise<string> {
  const inside = ['.', year, `VOCdevkit/${year}`].map((part) => `${part}/JPEGImages`)
  return join(await findFolder(root, inside, LAYOUT), '..')
}

export const vocPair = (folder: string, name: string, list: string, objects = false): Pair => ({
  name,
  image: join(folder, 'JPEGImages', `${name}.jpg`),
  label: join(folder, 'SegmentationClass', `${name}.png`),
  where: `${list}, as ${name}`,
  ...(objects && { instances: join(folder, 'SegmentationObject', `${name}.png`) }),
})

/** Names of a list of the devkit, such as Segmentation/val or Main/train. */
export async function vocNames(folder: string, list: string): Promise<string[]> {
  const file = join(folder, 'ImageSets', `${list}.txt`)
  const names = await readNames(file, LAYOUT)
  const bad = names.find((name) => /[/\\]/.test(name))
  if (bad) throw new DataError(file, `names ${bad}, which is no name of an image`, LAYOUT)
  return names
}
