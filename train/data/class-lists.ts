// What the lists beside ImageNet's images say: which ids (wnids) the classes have, what they are called, and of which class each
// validation image is.

import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { isThere, readBytes } from '../files.ts'

export interface ClassNames {
  /** In the order of their characters; undefined where no list has them. */
  readonly ids: readonly string[] | undefined
  /** The first word that a class is known by. */
  readonly names: ReadonlyMap<string, string>
}

/** Lists of exactly the classes: ids alone as Tiny ImageNet and Caffe have them, or with names as Caffe and Kaggle do. */
const idLists = ['wnids.txt', 'synsets.txt', 'synset_words.txt', 'LOC_synset_mapping.txt']
/** Lists of names; words.txt has those of all of WordNet. */
const nameLists = ['words.txt', 'synset_words.txt', 'LOC_synset_mapping.txt']

/** The classes as the first list of each kind in one of the folders has them. Throws DataError for a list with a class twice. */
export async function readClassNames(folders: readonly string[]): Promise<ClassNames> {
  const [idFile, nameFile] = await Promise.all([idLists, nameLists].map((f) => find(folders, f)))
  const lines = idFile === undefined ? undefined : await linesOf(idFile)
  const ids = lines?.map(({ text }) => text.split(/\s/)[0])
  const twice = ids?.find((id, k) => ids.indexOf(id) !== k)
  if (twice !== undefined)
    throw new DataError(idFile!, `names ${twice} twice`, 'name each class once')
  const names = new Map<string, string>()
  for (const { text } of nameFile === undefined ? [] : await linesOf(nameFile)) {
    const [, id, words] = /^(\S+)\s+(.+)$/.exec(text) ?? []
    if (id) names.set(id, words.split(',')[0].trim())
  }
  return { ids: ids?.sort(), names }
}

/** Gives the class of an image by its file's name, or by its place among the sorted names. */
export interface CategoryList {
  readonly file: string
  readonly size: number
  of(name: string, place: number): number | undefined
}

const categoryLists = [
  'val_annotations.txt',
  'LOC_val_solution.csv',
  'imagenet_2012_validation_synset_labels.txt',
  'val_labels.txt',
  'val.txt',
]
/** Numbers of the development kit, which are not in the order of the ids. */
const kitList = 'ILSVRC2012_validation_ground_truth.txt'

export const CATEGORY_LISTS = `a list is one of ${categoryLists.join(', ')}: a file and its class a line (an id or, counted from 0 in the order of the ids, a number), or an id a line for the sorted files`

/** The list of the validation images' classes; undefined where there is none. Throws DataError for a line that gives no class, or an
 * image a second time. */
export async function readCategories(
  folders: readonly string[],
  ids: readonly string[],
): Promise<CategoryList | undefined> {
  const file = await find(folders, categoryLists)
  if (!file) {
    const kit = await find([...folders, ...folders.map((f) => join(f, KIT))], [kitList])
    if (!kit) return undefined
    throw new DataError(
      kit,
      'numbers classes as the development kit does, not in the order of their ids',
      'put the images into folders of their class, or add val.txt: a file and its wnid a line',
    )
  }
  const index = new Map(ids.map((id, k) => [id, k]))
  const lines = (await linesOf(file)).filter(({ text }) => !/^ImageId,/.test(text))
  const parted = lines.map(({ text, line }) => ({ words: text.split(/[\s,]+/), line }))
  const classOf = (word: string, line: number): number => {
    const found = index.get(word) ?? (/^\d+$/.test(word) ? Number(word) : -1)
    if (found in ids) return found
    throw new DataError(
      file,
      `line ${line} gives the class ${word}, which is none of the ${ids.length}`,
      CATEGORY_LISTS,
    )
  }
  if (parted.every(({ words }) => words.length === 1)) {
    const number = parted.find(({ words }) => /^\d+$/.test(words[0]))
    if (number)
      throw new DataError(
        file,
        `line ${number.line} is a number, which may count from 0 or from 1`,
        'write ids, or a file and its class a line',
      )
    const classes = Uint16Array.from(parted, ({ words, line }) => classOf(words[0], line))
    return { file, size: classes.length, of: (_, place) => classes[place] }
  }
  const classes = new Map<string, number>()
  for (const { words, line } of parted) {
    if (words.length < 2) throw new DataError(file, `line ${line} gives no class`, CATEGORY_LISTS)
    const name = stemOf(words[0])
    if (classes.has(name))
      throw new DataError(file, `line ${line} names ${name} a second time`, 'name each image once')
    classes.set(name, classOf(words[1], line))
  }
  return { file, size: classes.size, of: (name) => classes.get(stemOf(name)) }
}

const KIT = 'ILSVRC2012_devkit_t12/data'

/** A file's name without its folders and what says its kind. */
export const stemOf = (name: string): string => name.replace(/^.*\//, '').replace(/\.[^.]*$/, '')

async function find(
  folders: readonly string[],
  files: readonly string[],
): Promise<string | undefined> {
  for (const name of files)
    for (const folder of folders) if (await isThere(join(folder, name))) return join(folder, name)
  return undefined
}

async function linesOf(file: string): Promise<{ readonly text: string; readonly line: number }[]> {
  const lines = new TextDecoder()
    .decode(await readBytes(file))
    .split(/\r?\n/)
    .map((text, i) => ({ text: text.trim(), line: i + 1 }))
    .filter(({ text }) => text !== '')
  if (!lines.length) throw new DataError(file, 'is empty', 'complete it, or take it away')
  return lines
}
