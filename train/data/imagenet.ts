// ImageNet and whatever is laid out like it: images that have one class each, which is the folder that they are in, on disk or in
// tars that stay packed (Deng et al. 2009; ILSVRC 2012 with 1000 classes; Tiny ImageNet with 200; one's own).
//
// Classes are in the order of their ids' characters, whatever order a list has them in. For the 1000 of ILSVRC that is the order of
// all published weights: n01440764 (tench) 0, n02123045 (tabby) 281, n15075141 (toilet tissue) 999. Images are in the order of their
// classes, then of their files' names, the same from folders and from tars.

import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { type ClassInfo, type Example, type Split, VOID } from '../dataset.ts'
import { isFolder, isThere, readBytes } from '../files.ts'
import { decodeImage } from '../pictures/images.ts'
import { centreCrop } from '../pictures/middle.ts'
import { foldersIn, Names, type Shelf, shelvesOfFolder, shelvesOfTar } from './class-files.ts'
import { CATEGORY_LISTS, readCategories, readClassNames, stemOf } from './class-lists.ts'
import { OpenFiles } from './open-files.ts'
import { type CheckedDataset, cached, type ExampleOptions } from './pairs.ts'
import { colouredClasses } from './palette.ts'
import { stampOf } from './scan-cache.ts'
import { unpacked } from './tar.ts'

export interface ImagenetOptions extends ExampleOptions {
  readonly split: 'train' | 'val'
}

/** A split of images with a class each. */
export interface ImagenetDataset extends CheckedDataset {
  readonly labelled: 'image'
  /** The wnid, or whatever its folder is called, of each class. */
  readonly ids: readonly string[]
  /** The class of an image, which is known without reading it. */
  category(index: number): number
  /** The file of an image, for people: its path, or that of the tar and its own within. */
  where(index: number): string
  /** The bytes of its file. Throws DataError. */
  bytes(index: number): Promise<Uint8Array>
  /** What changes when these bytes do: size and time of its file, or of its tar, as it is when first asked, and its place there. Undefined
   * where that cannot be looked at. */
  stamp(index: number): Promise<string | undefined>
}

const LAYOUT =
  'an ImageNet folder holds train and val, with a folder of images for each class, or train.tar and val.tar; val may be one folder with a list of classes'

/** Where the splits are, below the root. */
const places = ['.', 'tiny-imagenet-200', 'ILSVRC2012', 'ILSVRC/Data/CLS-LOC']

/** Opens one split: reads names of files and lists only, of a tar the headers. With `height` and `width` images are enlarged or made
 * smaller to cover that and cut from the middle. Throws DataError for folders, tars and lists that are missing, damaged, compressed
 * or do not fit together, OptionError where only one of height and width is given. */
export async function openImagenet(
  root: string,
  { split, ...options }: ImagenetOptions,
): Promise<ImagenetDataset> {
  if ((options.height === undefined) !== (options.width === undefined))
    throw new OptionError('height and width are given together or not at all')
  const { path, base, isTar } = await findSplit(root, split)
  const shelves = await (isTar ? shelvesOfTar(path) : shelvesOfFolder(path))
  const lists = [root, base, join(base, 'val')]
  const { ids: listed, names } = await readClassNames(lists)
  const ids = listed ?? (await idsOf(root, split, shelves))
  const groups = await grouped(shelves, ids, split === 'val' ? lists : undefined, path)
  return new Images(split, ids, classesOf(ids, names), groups, options)
}

/** Whether a folder's training split is folders of images, and these are no images and labels. */
export async function hasClassFolders(root: string): Promise<boolean> {
  const train = join(root, 'train')
  const folders = (await isFolder(train)) ? await foldersIn(train) : []
  if (folders.length < 2 || folders.some((name) => NO_CLASSES.test(name))) return false
  const first = await shelvesOfFolder(train, folders[0]).catch(() => [])
  return first.length > 0
}

const NO_CLASSES = /^(train|val|test|images?|labels?|masks?|annotations?)$/i

interface Found {
  readonly path: string
  /** The folder that it is in. */
  readonly base: string
  readonly isTar: boolean
}

async function findSplit(root: string, split: Split): Promise<Found> {
  const stems = [split, `ILSVRC2012_img_${split}`]
  for (const base of places.map((place) => join(root, place)))
    for (const path of stems.map((stem) => join(base, stem))) {
      if (await isFolder(path)) return { path, base, isTar: false }
      if (await isThere(`${path}.tar`)) return { path: `${path}.tar`, base, isTar: true }
      for (const end of ['.tar.gz', '.tgz'])
        if (await isThere(`${path}${end}`))
          throw new DataError(`${path}${end}`, 'is compressed by gzip', unpacked('gzip'))
    }
  throw new DataError(root, `has no ${split} and no ${split}.tar`, LAYOUT)
}

/** Ids from the folders of the training split, which has all classes, or from this split where that one is not there. */
async function idsOf(root: string, split: Split, shelves: readonly Shelf[]): Promise<string[]> {
  const train =
    split === 'train' ? undefined : await findSplit(root, 'train').catch(() => undefined)
  const all = !train
    ? shelves
    : await (train.isTar ? shelvesOfTar(train.path) : shelvesOfFolder(train.path))
  return [...new Set(all.flatMap((shelf) => idsIn(shelf)))].sort()
}

/** A file of ImageNet says its class itself. */
const wnidOf = (name: string): string | undefined => /^(n\d{8})_/.exec(name)?.[1]

function idsIn({ id, names }: Shelf): string[] {
  if (!SPLITS.test(id)) return [id]
  return [...new Set(names.all().flatMap((name) => wnidOf(name) ?? []))]
}

/** Folders whose names are no classes. */
const SPLITS = /^(train|val|test|images|ILSVRC2012_img_.*)$/

/** Images of one class in one place. */
interface Group extends Shelf {
  readonly category: number
}

async function grouped(
  shelves: readonly Shelf[],
  ids: readonly string[],
  lists: readonly string[] | undefined,
  path: string,
): Promise<Group[]> {
  if (!ids.length || !shelves.length)
    throw new DataError(path, 'holds no image in a folder of its class', LAYOUT)
  if (ids.length > 2 ** 15)
    throw new DataError(path, `has ${ids.length} folders`, 'each is a class: 32,768 at most')
  const index = new Map(ids.map((id, k) => [id, k]))
  const whole = shelves.filter(({ id }) => index.has(id))
  const loose = shelves.filter(({ id }) => !index.has(id))
  const groups = whole.map((shelf) => ({ ...shelf, category: index.get(shelf.id)! }))
  const list = lists && loose.length ? await readCategories(lists, ids) : undefined
  let seen = 0
  for (const shelf of loose) {
    const of = (name: string) => list?.of(name, seen++) ?? index.get(wnidOf(name) ?? '')
    const classes = shelf.names.all().map(of)
    const without = classes.indexOf(undefined)
    if (without >= 0) throw noClass(shelf, shelf.names.at(without), list?.file, ids)
    groups.push(...splitUp(shelf, classes as number[]))
  }
  if (list && seen !== list.size)
    throw new DataError(
      list.file,
      `names ${list.size} images and there are ${seen}`,
      'complete the images, or take lines out',
    )
  return groups.sort((a, b) => a.category - b.category || (a.folder < b.folder ? -1 : 1))
}

function noClass(
  { folder, id }: Shelf,
  name: string,
  list: string | undefined,
  ids: readonly string[],
): DataError {
  const what = list
    ? `has ${name}, which ${list} does not name`
    : SPLITS.test(id)
      ? `has ${name} in no folder of a class, and no list says its class`
      : `is no class: it is none of the ${ids.length} that a list names`
  return new DataError(folder, what, list || SPLITS.test(id) ? CATEGORY_LISTS : LAYOUT)
}

function splitUp(shelf: Shelf, classes: readonly number[]): Group[] {
  const members = new Map<number, number[]>()
  classes.forEach((k, i) => {
    const list = members.get(k)
    if (list) list.push(i)
    else members.set(k, [i])
  })
  return [...members].map(([category, at]) => ({
    ...shelf,
    category,
    names: new Names(at.map((i) => shelf.names.at(i))),
    ...(shelf.offsets && { offsets: Float64Array.from(at, (i) => shelf.offsets![i]) }),
    ...(shelf.sizes && { sizes: Uint32Array.from(at, (i) => shelf.sizes![i]) }),
  }))
}

/** Named by a list, or as their ids; two of one name, as the two cranes, with their ids. */
function classesOf(ids: readonly string[], names: ReadonlyMap<string, string>): ClassInfo[] {
  const plain = ids.map((id) => names.get(id) ?? id)
  const often = new Map<string, number>()
  for (const name of plain) often.set(name, (often.get(name) ?? 0) + 1)
  return colouredClasses(
    plain.map((name, k) => (often.get(name)! > 1 ? `${name} (${ids[k]})` : name)),
  )
}

class Images implements ImagenetDataset {
  readonly name = 'imagenet'
  readonly labelled = 'image'
  readonly ignore = VOID
  readonly split: Split
  readonly ids: readonly string[]
  readonly classes: readonly ClassInfo[]
  readonly size: number
  readonly get: (index: number) => Promise<Example>
  readonly #groups: readonly Group[]
  /** Images before each group. */
  readonly #before: Uint32Array
  readonly #files = new OpenFiles()
  /** Stamps of tars. */
  readonly #tars = new Map<string, Promise<string | undefined>>()

  constructor(
    split: Split,
    ids: readonly string[],
    classes: readonly ClassInfo[],
    groups: readonly Group[],
    options: ExampleOptions,
  ) {
    this.split = split
    this.ids = ids
    this.classes = classes
    this.#groups = groups
    this.#before = new Uint32Array(groups.length)
    let size = 0
    groups.forEach(({ names }, i) => {
      this.#before[i] = size
      size += names.length
    })
    this.size = size
    const read = (index: number) => this.#example(index, options)
    this.get = cached(read, options.cacheBytes ?? 2 ** 30)
  }

  category(index: number): number {
    return this.#find(index)[0].category
  }

  where(index: number): string {
    const [{ folder, names, tar }, i] = this.#find(index)
    return tar ? folder + names.at(i) : join(folder, names.at(i))
  }

  bytes(index: number): Promise<Uint8Array> {
    const [{ tar, offsets, sizes }, i] = this.#find(index)
    return tar
      ? this.#files.read(tar, offsets![i], sizes![i])
      : readBytes(this.where(index), 'complete the folder')
  }

  async stamp(index: number): Promise<string | undefined> {
    const [{ tar, offsets, sizes }, i] = this.#find(index)
    if (!tar) return stampOf(this.where(index))
    const known = this.#tars.get(tar) ?? stampOf(tar)
    this.#tars.set(tar, known)
    const whole = await known
    return whole && `${whole} ${offsets![i]} ${sizes![i]}`
  }

  /** Names were read from the folders and tars themselves, and lists compared with them, when this was opened. */
  async check(): Promise<void> {}

  async #example(index: number, { height, width }: ExampleOptions) {
    const [{ category, id, names }, i] = this.#find(index)
    const picture = await decodeImage(await this.bytes(index), this.where(index))
    const cut = height && width ? await centreCrop(picture, height, width) : picture
    const stem = stemOf(names.at(i))
    return {
      // Unique in its split, also where folders number their files from 1 each.
      name: id !== this.ids[category] || stem.startsWith(id) ? stem : `${id}_${stem}`,
      ...{ image: cut.data, height: cut.height, width: cut.width },
      labels: NO_LABELS,
      category,
    }
  }

  /** The group of an image and its place there: the last group with no more images before it. */
  #find(index: number): [group: Group, at: number] {
    if (!(Number.isInteger(index) && index >= 0 && index < this.size))
      throw new OptionError(`there is no example ${index} of ${this.size}`)
    let [low, high] = [0, this.#groups.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#before[middle] <= index) low = middle
      else high = middle
    }
    return [this.#groups[low], index - this.#before[low]]
  }
}

const NO_LABELS = new Uint8Array()
