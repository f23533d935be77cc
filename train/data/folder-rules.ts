// Anyone's own data, wherever its files lie: a folder `images`, a folder `labels` with a PNG of class indices for each image, and the names of the classes.
//
//   classes.txt       one class a line, in the order of the indices; three numbers 0 … 255 after the name are its colour
//   train.txt, …      names of the images of each split, one a line; or folders images/train, labels/train and so on; val is test
//                     too where test is not there; or neither: one image in eight, by a hash of the names, is then held out for val,
//                     which test is too

import { DataError } from '../../engine/errors.ts'
import type { ClassInfo, Split } from '../dataset.ts'
import { hashKeys } from '../random.ts'
import { linesOf, namesOf } from './lists.ts'
import type { Pair } from './pair.ts'
import { vocColour } from './palette.ts'

/** The files of a data set by their paths within it, as `images/train`. */
export interface FileTree {
  /** The whole path, for messages, and in pairs. */
  path(inside: string): string
  /** Whether there is a file or folder of that path. */
  has(inside: string): Promise<boolean>
  /** Names in a folder in the order of their characters. Throws DataError where it is not there. */
  names(inside: string): Promise<readonly string[]>
  /** Throws DataError where the file is not there. */
  text(inside: string): Promise<string>
}

export const LAYOUT =
  'a folder of your own holds images/, labels/ with a PNG of class indices for each image, and classes.txt with a name a line'
const IMAGE = /\.(jpe?g|png|webp|tiff?)$/i

/** The classes, and the examples of a split; val stands in for a test split that is not there. Throws DataError for what is missing and
 * for an image without a label. */
export async function foundIn(
  tree: FileTree,
  asked: Split,
): Promise<{
  readonly split: Split
  readonly classes: readonly ClassInfo[]
  readonly pairs: readonly Pair[]
}> {
  for (const folder of ['images', 'labels'])
    if (!(await tree.has(folder)))
      throw new DataError(tree.path(''), `has no folder ${folder}`, LAYOUT)
  const standsIn =
    asked === 'test' && !(await hasSplit(tree, 'test')) && (await hasSplit(tree, 'val'))
  const split = standsIn ? 'val' : asked
  const classes = await classesOf(tree)
  return { split, classes, pairs: await pairsOf(tree, split) }
}

/** What stored values mean. */
export const meaningOf = (classes: readonly ClassInfo[]): string =>
  `classes.txt names 0..${classes.length - 1}, and 255 is void`

async function classesOf(tree: FileTree): Promise<ClassInfo[]> {
  const file = tree.path('classes.txt')
  const lines = linesOf(await tree.text('classes.txt'), file, LAYOUT)
  const classes = lines.map(({ words }, k): ClassInfo => {
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
const hasSplit = async (tree: FileTree, split: Split): Promise<boolean> =>
  (await tree.has(`${split}.txt`)) || (await tree.has(`images/${split}`))

async function pairsOf(tree: FileTree, split: Split): Promise<Pair[]> {
  const parted = `images/${split}`
  if (await tree.has(parted)) return pairsIn(tree, parted, `labels/${split}`)
  const all = await pairsIn(tree, 'images', 'labels')
  const list = tree.path(`${split}.txt`)
  if (await tree.has(`${split}.txt`)) {
    const byName = new Map(all.map((pair) => [pair.name, pair]))
    return namesOf(await tree.text(`${split}.txt`), list, LAYOUT).map((line) => {
      const name = line.replace(IMAGE, '')
      const pair = byName.get(name)
      if (!pair)
        throw new DataError(list, `names ${line}, which is not in images`, 'add it or take it out')
      return { ...pair, where: `${split}.txt, as ${line}` }
    })
  }
  const others = (['train', 'val', 'test'] as const).filter((other) => other !== split)
  for (const other of others)
    if (await hasSplit(tree, other))
      throw new DataError(list, `does not exist, but the split ${other} is there`, LAYOUT)
  const held = heldOut(all)
  return all.filter(({ name }) => held.has(name) === (split !== 'train'))
}

/** One image in eight, at least one where there are two: always the same for the same names. */
function heldOut(pairs: readonly Pair[]): Set<string> {
  const hash = new Map(pairs.map(({ name }) => [name, hashKeys(...utf8.encode(name))]))
  const order = pairs
    .map(({ name }) => name)
    .sort((a, b) => hash.get(a)! - hash.get(b)! || (a < b ? -1 : 1))
  const count = order.length > 1 ? Math.max(1, Math.round(order.length / 8)) : 0
  return new Set(order.slice(0, count))
}

const utf8 = new TextEncoder()

async function pairsIn(tree: FileTree, images: string, labels: string): Promise<Pair[]> {
  const stems = new Map<string, string>()
  for (const file of await tree.names(labels))
    if (/\.png$/i.test(file)) stems.set(file.slice(0, -4), tree.path(`${labels}/${file}`))
  const pairs = new Map<string, Pair>()
  for (const file of await tree.names(images)) {
    const [ending] = IMAGE.exec(file) ?? []
    if (ending === undefined) continue
    const name = file.slice(0, -ending.length)
    const image = tree.path(`${images}/${file}`)
    const label = stems.get(name)
    if (!label)
      throw new DataError(
        image,
        `has no label ${tree.path(`${labels}/${name}.png`)}`,
        'add it, or take the image out',
      )
    if (pairs.has(name))
      throw new DataError(
        image,
        'is the second image of its name',
        'give each image a name of its own',
      )
    pairs.set(name, { name, image, label, where: images })
  }
  if (!pairs.size) throw new DataError(tree.path(images), 'holds no image', LAYOUT)
  return [...pairs.values()]
}
