// Data sets of images with a label file each: what all of them share once it is known which file goes with which, and which class
// a stored value stands for.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { type ClassInfo, type Dataset, type Example, type Split, VOID } from '../dataset.ts'
import { errorCode, fileError, isFolder, readBytes } from '../files.ts'
import { imageSize, readImage, readLabels, resizeImage } from '../pictures/images.ts'
import type { LabelImage } from '../pictures/png-label-values.ts'
import { explained, type LabelFile } from './label-faults.ts'
import { linesOf, namesOf } from './lists.ts'
import {
  cached,
  type ExampleOptions,
  exampleOf,
  indexTable,
  type Meaning,
  type Pair,
  sizesDiffer,
} from './pair.ts'

export type { ExampleOptions, Pair }
export { cached, indexTable }

/** What is to be known of a data set to read its files. */
export interface PairSource extends ExampleOptions, Meaning {
  readonly name: string
  readonly split: Split
  readonly classes: readonly ClassInfo[]
  readonly pairs: readonly Pair[]
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
    explain: (error, index) => explained(error, labelOf(pairs[index]), classes),
  }
}

const labelOf = ({ label }: Pair): LabelFile => ({
  file: label,
  stored: () => readLabels(label),
  picture: () => readImage(label),
})

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
export async function readLines(file: string, layout: string): Promise<ReturnType<typeof linesOf>> {
  return linesOf(await textOf(file, layout), file, layout)
}

/** The first word of each line, and whether a name is among them twice: DataError. */
export async function readNames(file: string, layout: string): Promise<string[]> {
  return namesOf(await textOf(file, layout), file, layout)
}

const textOf = async (file: string, layout: string): Promise<string> =>
  new TextDecoder().decode(await readBytes(file, layout))

async function readExample(source: PairSource, pair: Pair): Promise<Example> {
  await mustExist(pair.image, `is named in ${pair.where}`, 'complete the folder')
  await mustExist(pair.label, `is the label of ${pair.image}`, 'complete the folder')
  const [image, labels, instances] = await Promise.all([
    readImage(pair.image),
    source.readLabel?.(pair) ?? readLabels(pair.label),
    pair.instances ? (source.readInstances?.(pair) ?? readLabels(pair.instances)) : undefined,
  ])
  return exampleOf(pair, { image, labels, instances }, source, resizeImage)
}
