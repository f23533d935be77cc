// Anyone's own data: a folder `images`, a folder `labels` with a PNG of class indices for each image, and the names of the classes.
//
//   classes.txt       one class a line, in the order of the indices; three numbers 0 … 255 after the name are its colour
//   train.txt, …      names of the images of each split, one a line; or folders images/train, labels/train and so on; val is test
//                     too where test is not there; or neither: one image in eight, by a hash of the names, is then held out for val,
//                     which test is too

import { extname, join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import type { ClassInfo, Split } from '../dataset.ts'
import { isThere } from '../files.ts'
import { hashKeys } from '../random.ts'
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
import { vocColour } from './palette.ts'

export interface FolderOptions extends ExampleOptions {
  readonly split: Split
  /** A stored value for void beside 255, such as 0 where classes count from 1 (then classes.txt names it too). */
  readonly ignore?: number
}

const LAYOUT =
  'a folder of your own holds images/, labels/ with a PNG of class indices for each image, and classes.txt with a name a line'
const IMAGE = /\.(jpe?g|png|webp|tiff?)$/i

/** Opens one split: lists folders and lists only. Throws DataError for what is missing and for an image without a label. */
export async function openFolder(
  root: string,
  { split: asked, ignore, ...options }: FolderOptions,
): Promise<FileDataset> {
  await findFolder(root, ['images'], LAYOUT)
  await findFolder(root, ['labels'], LAYOUT)
  const split =
    asked === 'test' && !(await hasSplit(root, 'test')) && (await hasSplit(root, 'val'))
      ? 'val'
      : asked
  const classes = await classesOf(join(root, 'classes.txt'))
  const pairs = await pairsOf(root, split)
  const classOf = indexTable(classes.length, ...(ignore === undefined ? [] : [ignore]))
  return openPairs({
    ...{ name: 'folder', split, classes, pairs, classOf },
    meaning: `classes.txt names 0..${classes.length - 1}, and 255 is void`,
    ...options,
  })
}

async function classesOf(file: string): Promise<ClassInfo[]> {
  const classes = (await readLines(file, LAYOUT)).map(({ words }, k): ClassInfo => {
    const numbers = words.slice(-3).map(Number)
    const isColour =
      words.length > 3 && numbers.every((v) => Number.isInteger(v) && v >= 0 && v < 256)
    const [r, g, b] = isColour ? numbers : vocColour(k)
    return { name: words.slice(0, isColour ? -3 : undefined).join(' '), colour: [r, g, b] }
  })
  if (classes.length > 255)
    throw new DataError(file, `names ${classes.length} classes`, 'there can be 255 at most')
  const names = classes.map(({ name }) => name)
  const twice = names.find((name, k) => names.indexOf(name) !== k)
  if (twice !== undefined)
    throw new DataError(file, `names ${twice} twice`, 'give each class a name of its own')
  return classes
}

/** Whether a split has a list or a folder of its own. */
const hasSplit = async (root: string, split: Split): Promise<boolean> =>
  (await isThere(join(root, `${split}.txt`))) || (await isThere(join(root, 'images', split)))

async function pairsOf(root: string, split: Split): Promise<Pair[]> {
  const parted = join(root, 'images', split)
  if (await isThere(parted)) return pairsIn(parted, join(root, 'labels', split), `images/${split}`)
  const all = await pairsIn(join(root, 'images'), join(root, 'labels'), 'images')
  const list = join(root, `${split}.txt`)
  if (await isThere(list)) {
    const byName = new Map(all.map((pair) => [pair.name, pair]))
    return (await readNames(list, LAYOUT)).map((line) => {
      const name = line.replace(IMAGE, '')
      const pair = byName.get(name)
      if (!pair)
        throw new DataError(list, `names ${line}, which is not in images`, 'add it or take it out')
      return { ...pair, where: `${split}.txt, as ${line}` }
    })
  }
  const others = (['train', 'val', 'test'] as const).filter((other) => other !== split)
  for (const other of others)
    if (await hasSplit(root, other))
      throw new DataError(list, `does not exist, but the split ${other} is there`, LAYOUT)
  const held = heldOut(all)
  return all.filter(({ name }) => held.has(name) === (split !== 'train'))
}

/** One image in eight, at least one where there are two: always the same for the same names. */
function heldOut(pairs: readonly Pair[]): Set<string> {
  const hash = new Map(pairs.map(({ name }) => [name, hashKeys(...Buffer.from(name))]))
  const order = pairs
    .map(({ name }) => name)
    .sort((a, b) => hash.get(a)! - hash.get(b)! || (a < b ? -1 : 1))
  const count = order.length > 1 ? Math.max(1, Math.round(order.length / 8)) : 0
  return new Set(order.slice(0, count))
}

async function pairsIn(images: string, labels: string, where: string): Promise<Pair[]> {
  const stems = new Map<string, string>()
  for (const file of await namesIn(labels, LAYOUT))
    if (/\.png$/i.test(file)) stems.set(file.slice(0, -4), join(labels, file))
  const pairs = new Map<string, Pair>()
  for (const file of await namesIn(images, LAYOUT)) {
    if (!IMAGE.test(file)) continue
    const name = file.slice(0, -extname(file).length)
    const image = join(images, file)
    const label = stems.get(name)
    if (!label)
      throw new DataError(
        image,
        `has no label ${join(labels, `${name}.png`)}`,
        'add it, or take the image out',
      )
    if (pairs.has(name))
      throw new DataError(
        image,
        'is the second image of its name',
        'give each image a name of its own',
      )
    pairs.set(name, { name, image, label, where })
  }
  if (!pairs.size) throw new DataError(images, 'holds no image', LAYOUT)
  return [...pairs.values()]
}
