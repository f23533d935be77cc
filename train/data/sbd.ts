// SBD, the Semantic Boundaries Dataset (Hariharan et al. 2011): 11,355 VOC images with labels in MATLAB files. Its own split
// overlaps VOC's val, so its images are divided by VOC's lists instead.

import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import type { Split } from '../dataset.ts'
import { isThere, readBytes } from '../files.ts'
import { readLabels } from '../pictures/images.ts'
import type { LabelImage } from '../pictures/png-label-values.ts'
import { type MatValue, matImage, readMat } from './mat.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  indexTable,
  namesIn,
  openPairs,
  type Pair,
  readNames,
} from './pairs.ts'
import { VOC_CLASSES, vocFolder, vocNames, vocPair } from './voc.ts'

export interface SbdOptions extends ExampleOptions {
  /** Which of the parts:
   *
   * - `instances-train`, `instances-val`: SBD's images by VOC 2012's lists Main/train and Main/val (5,623 and 5,732), on which instance
   *   segmentation is trained and scored;
   * - `extra`: SBD's images that are not in VOC's Segmentation/train and val (9,118 where all are there);
   * - `own-train`, `own-val`: SBD's own lists (8,498 and 2,857). Refused where they overlap VOC's Segmentation/val. */
  readonly part: 'instances-train' | 'instances-val' | 'extra' | 'own-train' | 'own-val'
  /** The VOC 2012 devkit whose lists decide. For instances-… a list file beside `img` (sds_train.txt, sds_val.txt) does too. */
  readonly voc?: string
  /** Read the instances too: examples then have `instances`. */
  readonly objects?: boolean
}

const LAYOUT = 'an SBD folder holds img, cls and inst, as benchmark_RELEASE/dataset does'
const MEANING = 'labels are 0 for background and 1..20 for VOC’s classes'

/** Opens one part of SBD: reads lists only. Throws DataError for files that are missing or malformed and where an own list overlaps
 * VOC's val, OptionError where `voc` is needed. */
export async function openSbd(root: string, options: SbdOptions): Promise<FileDataset> {
  const { part, voc, objects = false, ...rest } = options
  const folder = await sbdFolder(root)
  const names = await namesOf(folder, part, voc)
  const split: Split = part.endsWith('val') ? 'val' : 'train'
  const pairs = await Promise.all(names.map((name) => sbdPair(folder, name, part, objects)))
  return openPairs({
    ...{ name: 'sbd', split, classes: VOC_CLASSES, pairs, meaning: MEANING },
    ...{
      classOf: indexTable(VOC_CLASSES.length),
      readLabel: ({ label }: Pair) => readSbdLabel(label),
      readInstances,
    },
    ...rest,
  })
}

/** VOC's train with SBD's images that are in neither train nor val, 10,582 of them: what segmentation networks are trained on.
 * Labels are VOC's own where VOC has some. Throws as `openVoc` and `openSbd` do. */
export async function openVocAugmented(
  vocRoot: string,
  sbdRoot: string,
  { objects = false, ...options }: ExampleOptions & Pick<SbdOptions, 'objects'> = {},
): Promise<FileDataset> {
  const voc = await vocFolder(vocRoot, 'VOC2012')
  const train = await vocNames(voc, 'Segmentation/train')
  const sbd = await sbdFolder(sbdRoot)
  const extra = await namesOf(sbd, 'extra', vocRoot)
  const pairs = [
    ...train.map((name) => vocPair(voc, name, 'train.txt', objects)),
    ...(await Promise.all(extra.map((name) => sbdPair(sbd, name, 'extra', objects)))),
  ]
  return openPairs({
    ...{ name: 'voc-augmented', split: 'train', classes: VOC_CLASSES, pairs, meaning: MEANING },
    ...{ classOf: indexTable(VOC_CLASSES.length) },
    readLabel: ({ label }) => readSbdLabel(label),
    readInstances,
    ...options,
  })
}

async function sbdFolder(root: string): Promise<string> {
  const inside = ['img', 'dataset/img', 'benchmark_RELEASE/dataset/img']
  return join(await findFolder(root, inside, LAYOUT), '..')
}

async function sbdPair(
  folder: string,
  name: string,
  part: string,
  objects: boolean,
): Promise<Pair> {
  const mat = join(folder, 'cls', `${name}.mat`)
  // Some hand the labels on as PNG.
  const png = join(folder, 'cls_png', `${name}.png`)
  const label = (await isThere(mat)) || !(await isThere(png)) ? mat : png
  const instances = objects && { instances: join(folder, 'inst', `${name}.mat`) }
  const image = join(folder, 'img', `${name}.jpg`)
  return { name, image, label, where: `${part}, as ${name}`, ...instances }
}

async function namesOf(
  folder: string,
  part: SbdOptions['part'],
  vocRoot: string | undefined,
): Promise<string[]> {
  const voc = vocRoot === undefined ? undefined : await vocFolder(vocRoot, 'VOC2012')
  const needVoc = () => {
    if (voc) return voc
    throw new OptionError(
      `openSbd: the part ${part} is decided by VOC 2012's lists`,
      'name the folder of the VOC devkit as voc',
    )
  }
  if (part === 'instances-train' || part === 'instances-val') {
    const list = part.slice('instances-'.length)
    if (!voc)
      return readNames(
        join(folder, `sds_${list}.txt`),
        'add the list, an image a line; beside VOC 2012, whose lists will do, it is --data VOCdevkit --also SBD, or the option voc of openSbd',
      )
    const wanted = new Set(await vocNames(voc, `Main/${list}`))
    return some(
      (await imagesOf(folder)).filter((name) => wanted.has(name)),
      folder,
      `Main/${list}`,
    )
  }
  const val = new Set(await vocNames(needVoc(), 'Segmentation/val'))
  if (part === 'extra') {
    const train = new Set(await vocNames(needVoc(), 'Segmentation/train'))
    const extra = (await imagesOf(folder)).filter((name) => !val.has(name) && !train.has(name))
    return some(extra, folder, 'Segmentation/train and val leave')
  }
  const file = join(folder, `${part.slice('own-'.length)}.txt`)
  const names = await readNames(file, LAYOUT)
  const overlap = names.filter((name) => val.has(name))
  if (overlap.length)
    throw new DataError(
      file,
      `names ${overlap.length} images of VOC 2012's val, ${overlap[0]} first`,
      "take the part 'extra', or openVocAugmented, which leaves them out",
    )
  return names
}

function some(names: string[], folder: string, list: string): string[] {
  if (!names.length) throw new DataError(folder, `has no image that ${list} names`, LAYOUT)
  return names
}

const imagesOf = async (folder: string): Promise<string[]> =>
  (await namesIn(join(folder, 'img'), LAYOUT))
    .filter((name) => name.endsWith('.jpg'))
    .map((name) => name.slice(0, -4))

/** The class image of a file in `cls`. Throws DataError. */
export async function readSbdLabel(file: string): Promise<LabelImage> {
  if (!file.endsWith('.mat')) return readLabels(file)
  return matImage(await fieldOf(file, 'GTcls', 'Segmentation'), 'GTcls.Segmentation', file)
}

async function readInstances({ instances: file = '' }: Pair): Promise<LabelImage> {
  if (!file.endsWith('.mat')) return readLabels(file)
  return matImage(await fieldOf(file, 'GTinst', 'Segmentation'), 'GTinst.Segmentation', file)
}

/** The class of each instance 1 … n of a file in `inst`. Throws DataError. */
export async function readSbdCategories(file: string): Promise<number[]> {
  const value = await fieldOf(file, 'GTinst', 'Categories')
  if (value?.kind !== 'numbers')
    throw new DataError(
      file,
      'has no GTinst.Categories',
      'use the files of the data set as they are',
    )
  return [...value.values]
}

async function fieldOf(file: string, variable: string, field: string): Promise<MatValue> {
  const found = readMat(await readBytes(file), file).get(variable)
  return found?.kind === 'struct' ? found.items[0]?.[field] : undefined
}
