// ADE20K's scene parsing benchmark: 150 classes, 0 in its files for everything else (Zhou et al. 2017).

import { extname, join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { type ClassInfo, type Split, VOID } from '../dataset.ts'
import { isThere, readBytes } from '../files.ts'
import { type ExampleOptions, type FileDataset, findFolder, namesIn, openPairs } from './pairs.ts'
import { colouredClasses } from './palette.ts'

const COUNT = 150

export interface Ade20kOptions extends ExampleOptions {
  readonly split: 'train' | 'val'
}

const LAYOUT =
  'an ADE20K folder is ADEChallengeData2016, with images/training, annotations/training and the same for validation'
const MEANING = 'labels are 1..150 for the classes, 0 for everything else'

/** Opens one split: lists its folder only. Classes are named by objectInfo150.txt where that is there. Throws DataError for folders
 * that are missing and for an objectInfo150.txt that does not name 150 classes. */
export async function openAde20k(
  root: string,
  { split, ...options }: Ade20kOptions,
): Promise<FileDataset> {
  const part = split === 'train' ? 'training' : 'validation'
  const inside = ['.', 'ADEChallengeData2016'].map((folder) => `${folder}/images/${part}`)
  const images = await findFolder(root, inside, LAYOUT)
  const folder = join(images, '../..')
  const pairs = (await namesIn(images, LAYOUT))
    .filter((file) => /\.jpe?g$/i.test(file))
    .map((file) => {
      const name = file.slice(0, -extname(file).length)
      const label = join(folder, 'annotations', part, `${name}.png`)
      return { name, image: join(images, file), label, where: `images/${part}` }
    })
  if (!pairs.length) throw new DataError(images, 'holds no JPEG image', LAYOUT)
  const classOf = new Map(Array.from({ length: COUNT }, (_, k) => [k + 1, k]))
  return openPairs({
    ...{ name: 'ade20k', split: split as Split, classes: await classesOf(folder), pairs },
    ...{ classOf: classOf.set(0, VOID), meaning: MEANING },
    ...options,
  })
}

async function classesOf(folder: string): Promise<ClassInfo[]> {
  const file = join(folder, 'objectInfo150.txt')
  const unnamed = Array.from({ length: COUNT }, (_, k) => `class ${k + 1}`)
  if (!(await isThere(file))) return colouredClasses(unnamed, 1)
  const lines = new TextDecoder()
    .decode(await readBytes(file))
    .split(/\r?\n/)
    .slice(1)
  // Index, share of pixels, images in train and val, names: of the names the first.
  const names = lines
    .map((line) => line.split('\t'))
    .filter((cells) => cells.length >= 5)
    .map((cells) => cells[4].split(/[,;]/)[0].trim())
  if (names.length !== COUNT)
    throw new DataError(file, `names ${names.length} classes, not ${COUNT}`, LAYOUT)
  return colouredClasses(names, 1)
}

/** Class indices as results are sent in: 1 … 150. */
export const ade20kIds = (classes: Uint8Array): Uint8Array =>
  classes.map((k) => (k < COUNT ? k + 1 : 0))
