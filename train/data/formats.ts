// Which data set a folder is, and how each is opened.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { suggest } from '../../nn/near.ts'
import type { Split } from '../dataset.ts'
import { isThere } from '../files.ts'
import { openAde20k } from './ade20k.ts'
import { openCamvid } from './camvid.ts'
import { openCityscapes } from './cityscapes.ts'
import { openCoco } from './coco.ts'
import { openContext } from './context.ts'
import { openFolder } from './folder.ts'
import { hasClassFolders, openImagenet } from './imagenet.ts'
import type { CheckedDataset, ExampleOptions } from './pairs.ts'
import { openSbd } from './sbd.ts'
import { openVoc } from './voc.ts'

type Open = (
  root: string,
  split: Split,
  options: ExampleOptions & { readonly objects: boolean },
) => Promise<CheckedDataset>

interface Format {
  /** One of these is in such a folder and in no other data set's. */
  readonly marks: readonly string[]
  /** Whether a folder without any marks is laid out so. */
  readonly like?: (root: string) => Promise<boolean>
  readonly open: Open
}

/** Labels of the test split that nobody outside has, or a split that there is not: val stands in. */
const known = (split: Split) => (split === 'test' ? 'val' : split)

export const formats = {
  cityscapes: {
    marks: ['leftImg8bit'],
    open: (root, split, options) => openCityscapes(root, { split: known(split), ...options }),
  },
  ade20k: {
    marks: ['objectInfo150.txt', 'ADEChallengeData2016', 'images/training'],
    open: (root, split, options) =>
      openAde20k(root, { split: split === 'train' ? 'train' : 'val', ...options }),
  },
  context: {
    marks: ['SegmentationClassContext', 'VOC2010', 'trainval'],
    open: (root, split, options) => openContext(root, { split: known(split), ...options }),
  },
  voc: {
    marks: ['JPEGImages', 'VOC2012', 'VOCdevkit/VOC2012'],
    open: (root, split, options) => openVoc(root, { split: known(split), ...options }),
  },
  sbd: {
    marks: ['cls', 'dataset/cls', 'benchmark_RELEASE', 'cls_png', 'dataset/cls_png'],
    open: (root, split, options) =>
      openSbd(root, {
        part: split === 'train' ? 'instances-train' : 'instances-val',
        ...options,
      }),
  },
  coco: {
    marks: ['annotations/instances_train2017.json', 'annotations/instances_val2017.json'],
    open: (root, split, options) =>
      openCoco(root, { split: split === 'train' ? 'train' : 'val', ...options }),
  },
  folder: {
    marks: ['classes.txt'],
    // Without classes the reader says that they are missing.
    like: async (root) =>
      (await isThere(join(root, 'images'))) && (await isThere(join(root, 'labels'))),
    open: (root, split, options) => openFolder(root, { split, ...options }),
  },
  imagenet: {
    marks: [
      'wnids.txt',
      'train/n01440764',
      'tiny-imagenet-200',
      'train.tar',
      'ILSVRC2012_img_train.tar',
      'ILSVRC2012_img_val.tar',
      'ILSVRC',
    ],
    like: hasClassFolders,
    open: (root, split, options) =>
      openImagenet(root, { split: split === 'train' ? 'train' : 'val', ...options }),
  },
  camvid: {
    marks: ['trainannot', 'valannot', 'testannot'],
    like: async (root) =>
      (await isThere(join(root, 'train.txt'))) || isThere(join(root, 'val.txt')),
    open: (root, split, options) => openCamvid(root, { split, ...options }),
  },
} as const satisfies Record<string, Format>

export type FormatName = keyof typeof formats

export const formatNames = Object.keys(formats) as FormatName[]

/** The data set that a folder is laid out as. Throws DataError where it is not a folder or looks like none of them. */
export async function formatOf(root: string): Promise<FormatName> {
  const folder = await stat(root).catch(() => undefined)
  if (!folder) throw new DataError(root, 'the data folder does not exist', LAYOUTS)
  if (!folder.isDirectory()) throw new DataError(root, 'is a file, not a data folder', LAYOUTS)
  for (const name of formatNames)
    for (const mark of formats[name].marks) if (await isThere(join(root, mark))) return name
  for (const name of formatNames) if (await (formats[name] as Format).like?.(root)) return name
  throw new DataError(root, 'is laid out as none of the data sets that are known', LAYOUTS)
}

const LAYOUTS = `known are ${formatNames.join(', ')}; for your own: images/, labels/ with PNG of class indices, and classes.txt with a name a line; to classify: train/ and val/ with a folder of images for each class`

/** One split of a folder laid out as `format`: val in place of a test split without public labels. `objects` reads instances too, where
 * the format has them. Throws OptionError for a format that there is not, and as the reader of the format does. */
export async function openFiles(
  format: FormatName,
  root: string,
  split: Split,
  { objects = false, ...options }: ExampleOptions & { readonly objects?: boolean } = {},
): Promise<CheckedDataset> {
  if (!Object.hasOwn(formats, format))
    throw new OptionError(`there is no data format ${format}`, suggest(format, formatNames))
  return (formats[format].open as Open)(root, split, { objects, ...options })
}
