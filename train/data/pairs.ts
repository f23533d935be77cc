// Data sets of images with a label file each: what all of them share once it is known which file goes with which, and which class
// a stored value stands for.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { type ClassInfo, type Dataset, type Example, type Split, VOID } from '../dataset.ts'
import { errorCode, fileError, isFolder, readBytes } from '../files.ts'
import { imageSize, readImage, readLabels, resizeImage } from '../images.ts'
import type { Picture } from '../picture.ts'
import type { LabelImage } from '../png-labels.ts'
import { resizeLabels, resizeNearest } from '../resize-labels.ts'

export interface Pair {
  /** What the example is called; unique in its split. */
  readonly name: string
  readonly image: string
  readonly label: string
  /** A file of instance numbers, 0 for none. */
  readonly instances?: string
  /** Who says so, such as "train.txt, line 12", for errors. */
  readonly where: string
}

export interface ExampleOptions {
  /** Size that images and labels are brought to; both or neither. Without it, each file's own. */
  readonly height?: number | undefined
  readonly width?: number | undefined
  /** Bytes of examples that may be kept in memory once read; 1 GiB unless told. */
  readonly cacheBytes?: number
}

/** What is to be known of a data set to read its files. */
export interface PairSource extends ExampleOptions {
  readonly name: string
  readonly split: Split
  readonly classes: readonly ClassInfo[]
  readonly pairs: readonly Pair[]
  /** Class of each stored value, 255 for void; any other value is an error. */
  readonly classOf: ReadonlyMap<number, number>
  /** What stored values mean, for the error on one that means nothing. */
  readonly meaning: string
  /** Default: the stored values of a grey or palette PNG. */
  readonly readLabel?: (pair: Pair) => Promise<LabelImage>
  readonly readInstances?: (pair: Pair) => Promise<LabelImage>
}

/** A data set in files. */
export interface CheckedDataset extends Dataset {
  /** Finds every file and compares the sizes in the headers of those that have one, decoding nothing; throws DataError on the first
   * fault. */
  check(): Promise<void>
}

export interface FileDataset extends CheckedDataset {
  readonly pairs: readonly Pair[]
}

/** Throws OptionError where only one of height and width is given. */
export function openPairs(source: PairSource): FileDataset {
  const { name, split, classes, pairs, height, width } = source
  if ((height === undefined) !== (width === undefined))
    throw new OptionError('height and width are given together or not at all')
  return {
    name,
    split,
    classes,
    pairs,
    ignore: VOID,
    size: pairs.length,
    get: cached((index) => readExample(source, pairs[index]), source.cacheBytes ?? 2 ** 30),
    check: () => checkPairs(source),
  }
}

/** Values 0 … n − 1 for the classes and 255 for void, and further values for void. */
export function indexTable(n: number, ...voids: readonly number[]): Map<number, number> {
  const table = new Map(Array.from({ length: n }, (_, k) => [k, k]))
  for (const value of [VOID, ...voids]) table.set(value, VOID)
  return table
}

async function checkPairs({ pairs, readLabel }: PairSource): Promise<void> {
  const wave = 32
  const check = async (pair: Pair) => {
    await mustExist(pair.image, `is named in ${pair.where}`, 'complete the folder, or take it out')
    await mustExist(
      pair.label,
      `is the label of ${pair.image}`,
      `add it, or take ${pair.where} out`,
    )
    if (pair.instances)
      await mustExist(pair.instances, `holds the instances of ${pair.image}`, 'complete the folder')
    if (readLabel) return
    const [a, b] = await Promise.all([imageSize(pair.image), imageSize(pair.label)])
    if (a.height !== b.height || a.width !== b.width)
      throw sizesDiffer(pair.image, pair.label, a, b)
  }
  for (let start = 0; start < pairs.length; start += wave) {
    const results = await Promise.allSettled(pairs.slice(start, start + wave).map(check))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }
}

/** Throws DataError unless `file` is a file; `role` says what for. */
export async function mustExist(file: string, role: string, hint: string): Promise<void> {
  try {
    if ((await stat(file)).isFile()) return
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new DataError(file, `${role}, but does not exist`, hint)
    throw fileError(file, `${role}, but cannot be opened`, error, hint)
  }
  throw new DataError(file, `${role}, but is not a file`, hint)
}

/** The first of the folders that is there. Throws DataError naming `root` when none is. */
export async function findFolder(
  root: string,
  inside: readonly string[],
  layout: string,
): Promise<string> {
  const folder = await stat(root).catch((error) => {
    throw fileError(root, 'the data folder cannot be opened', error, layout)
  })
  if (!folder.isDirectory()) throw new DataError(root, 'is a file, not a data folder', layout)
  for (const part of inside) {
    if (await isFolder(join(root, part))) return join(root, part)
  }
  throw new DataError(root, `has no folder ${inside[0].replace(/^\.\//, '')}`, layout)
}

/** Names of a folder in the order of their characters. Throws DataError. */
export async function namesIn(folder: string, layout: string): Promise<string[]> {
  const names = await readdir(folder).catch((error) => {
    throw fileError(folder, 'cannot be listed', error, layout)
  })
  return names.sort((a, b) => (a < b ? -1 : 1))
}

/** The words of the lines of a list, empty lines left out. Throws DataError where the list is not there or empty. */
export async function readLines(
  file: string,
  layout: string,
): Promise<{ readonly words: string[]; readonly line: number }[]> {
  const text = new TextDecoder().decode(await readBytes(file, layout))
  const lines = text
    .split(/\r?\n/)
    .map((line, i) => ({ words: line.trim().split(/\s+/), line: i + 1 }))
    .filter(({ words }) => words[0] !== '')
  if (!lines.length) throw new DataError(file, 'lists no image', layout)
  return lines
}

/** The first word of each line, and whether a name is among them twice: DataError. */
export async function readNames(file: string, layout: string): Promise<string[]> {
  const seen = new Map<string, number>()
  for (const { words, line } of await readLines(file, layout)) {
    const before = seen.get(words[0])
    if (before !== undefined)
      throw new DataError(
        file,
        `names ${words[0]} in line ${before} and in line ${line}`,
        'name each image once',
      )
    seen.set(words[0], line)
  }
  return [...seen.keys()]
}

interface Size {
  readonly height: number
  readonly width: number
}

function sizesDiffer(image: string, label: string, a: Size, b: Size): DataError {
  return new DataError(
    label,
    `is ${b.width}×${b.height} but its image ${image} is ${a.width}×${a.height}`,
    'an image and its label must have the same width and height',
  )
}

async function readExample(source: PairSource, pair: Pair): Promise<Example> {
  await mustExist(pair.image, `is named in ${pair.where}`, 'complete the folder')
  await mustExist(pair.label, `is the label of ${pair.image}`, 'complete the folder')
  const [image, stored, numbers] = await Promise.all([
    readImage(pair.image),
    source.readLabel?.(pair) ?? readLabels(pair.label),
    pair.instances ? (source.readInstances?.(pair) ?? readLabels(pair.instances)) : undefined,
  ])
  for (const [file, other] of [
    [pair.label, stored],
    [pair.instances ?? '', numbers],
  ] as const)
    if (other && (other.height !== image.height || other.width !== image.width))
      throw sizesDiffer(pair.image, file, image, other)
  const labels = toClasses(stored, source, pair.label)
  return { name: pair.name, ...(await resized(image, labels, numbers?.values, source)) }
}

async function resized(
  image: Picture,
  labels: Uint8Array,
  numbers: LabelImage['values'] | undefined,
  { height = image.height, width = image.width }: ExampleOptions,
): Promise<Omit<Example, 'name'>> {
  const sizes = [image.height, image.width, height, width] as const
  return {
    image: (await resizeImage(image, height, width)).data,
    labels: resizeLabels(labels, ...sizes),
    height,
    width,
    ...(numbers && { instances: resizeNearest(Uint16Array.from(numbers), ...sizes) }),
  }
}

function toClasses(
  { values, width }: LabelImage,
  { classOf, meaning }: PairSource,
  file: string,
): Uint8Array {
  const labels = new Uint8Array(values.length)
  let last = -1
  let as = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value !== last) {
      const found = classOf.get(value)
      if (found === undefined)
        throw new DataError(
          file,
          `has label ${value} at row ${Math.floor(i / width)}, column ${i % width}, which is no class`,
          meaning,
        )
      last = value
      as = found
    }
    labels[i] = as
  }
  return labels
}

/** Keeps what was read, up to a number of bytes; a failed read is forgotten so that the next one tries again. */
export function cached(read: (index: number) => Promise<Example>, limit: number): Dataset['get'] {
  const kept = new Map<number, Promise<Example>>()
  let bytes = 0
  const sizeOf = ({ image, labels, instances }: Example) =>
    image.byteLength + labels.byteLength + (instances?.byteLength ?? 0)
  return async (index) => {
    const known = kept.get(index)
    if (known) return known
    const promise = read(index)
    kept.set(index, promise)
    try {
      const example = await promise
      bytes += sizeOf(example)
      if (bytes > limit) {
        bytes -= sizeOf(example)
        kept.delete(index)
      }
      return example
    } catch (error) {
      kept.delete(index)
      throw error
    }
  }
}
