// PASCAL-Context: VOC 2010's images with every pixel labelled, scored over 59 classes and background (Mottaghi et al. 2014).

import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { type Split, VOID } from '../dataset.ts'
import { isFolder, isThere, readBytes } from '../files.ts'
import type { LabelImage } from '../pictures/png-label-values.ts'
import { matImage, readMat } from './mat.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  indexTable,
  namesIn,
  openPairs,
  type Pair,
  readLines,
  readNames,
} from './pairs.ts'
import { colouredClasses } from './palette.ts'
import { VOC_CLASSES } from './voc.ts'

const FURTHER =
  `bag bed bench book building cabinet ceiling clothes computer cup door fence floor flower food grass ground
  keyboard light mountain mouse curtain platform sign plate road rock shelves sidewalk sky snow bedcloth track tree
  truck wall water window wood`.split(/\s+/)

/** Background, VOC's 20 classes and 39 further ones. */
export const CONTEXT_CLASSES = colouredClasses([...VOC_CLASSES.map(({ name }) => name), ...FURTHER])

/** What labels.txt calls otherwise. */
const renamed: Readonly<Record<string, string>> = {
  table: 'diningtable',
  bedclothes: 'bedcloth',
  cloth: 'clothes',
}

export interface ContextOptions extends ExampleOptions {
  readonly split: Split
  /** Whether background is a class (default, 60 classes) or void (59). */
  readonly background?: boolean
}

const LAYOUT =
  'a PASCAL-Context folder holds JPEGImages (of VOC 2010) and either trainval/*.mat with labels.txt or SegmentationClassContext/*.png'

/** Opens one split: the list ImageSets/SegmentationContext/<split>.txt, or where there is none all images that have a label.
 * Throws DataError for folders that are missing and a labels.txt that lacks one of the 59 classes. */
export async function openContext(
  root: string,
  { split, background = true, ...options }: ContextOptions,
): Promise<FileDataset> {
  const inside = ['.', 'VOC2010', 'VOCdevkit/VOC2010'].map((part) => `${part}/JPEGImages`)
  const folder = join(await findFolder(root, inside, LAYOUT), '..')
  const mats = await isFolder(join(folder, 'trainval'))
  const labels = join(folder, mats ? 'trainval' : 'SegmentationClassContext')
  const ending = mats ? '.mat' : '.png'
  const list = join(folder, 'ImageSets/SegmentationContext', `${split}.txt`)
  const names = (await isThere(list))
    ? await readNames(list, LAYOUT)
    : (await namesIn(labels, LAYOUT))
        .filter((file) => file.endsWith(ending))
        .map((file) => file.slice(0, -ending.length))
  if (!names.length) throw new DataError(labels, `holds no ${ending} file`, LAYOUT)
  const pairs = names.map((name) => ({
    name,
    image: join(folder, 'JPEGImages', `${name}.jpg`),
    label: join(labels, `${name}${ending}`),
    where: `${split}, as ${name}`,
  }))
  const indices = mats ? await indicesOf(join(folder, 'labels.txt')) : undefined
  const all = indexTable(CONTEXT_CLASSES.length)
  const shifted = new Map(
    [...all].map(([v, k]) => [v, k === 0 || k === VOID ? VOID : k - 1] as const),
  )
  return openPairs({
    ...{ name: 'pascal-context', split, pairs },
    classes: background ? CONTEXT_CLASSES : CONTEXT_CLASSES.slice(1),
    classOf: background ? all : shifted,
    meaning: 'labels are 0 for background and 1..59 for the classes',
    ...(indices && { readLabel: ({ label }: Pair) => readMap(label, indices) }),
    ...options,
  })
}

/** The class of each of the 459 labels: by name, and background for all without one. */
async function indicesOf(file: string): Promise<ReadonlyMap<number, number>> {
  const indices = new Map<number, number>()
  for (const { words, line } of await readLines(file, LAYOUT)) {
    const label = Number(words[0].replace(':', ''))
    if (!Number.isInteger(label))
      throw new DataError(file, `line ${line} does not begin with the number of a label`, LAYOUT)
    const name = words.slice(1).join(' ')
    const at = CONTEXT_CLASSES.findIndex((c) => c.name === (renamed[name] ?? name))
    indices.set(label, Math.max(0, at))
  }
  const there = new Set(indices.values())
  const missing = CONTEXT_CLASSES.find((_, k) => k > 0 && !there.has(k))
  if (missing) throw new DataError(file, `names no label ${missing.name}`, LAYOUT)
  return indices
}

async function readMap(file: string, indices: ReadonlyMap<number, number>): Promise<LabelImage> {
  const value = readMat(await readBytes(file), file).get('LabelMap')
  const { values, height, width } = matImage(value, 'LabelMap', file)
  // A label that labels.txt does not have is left as it is, far from all classes, to be refused with its place.
  const out = values.map((v) => (v === 0 ? 0 : (indices.get(v) ?? v + 1000)))
  return { values: out, height, width }
}
