// Anyone's own data: a folder `images`, a folder `labels` with a PNG of class indices for each image, and the names of the classes: see folder-rules.ts.

import { join } from 'node:path'
import type { Split } from '../dataset.ts'
import { isThere, readBytes } from '../files.ts'
import { type FileTree, foundIn, LAYOUT, meaningOf } from './folder-rules.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  indexTable,
  namesIn,
  openPairs,
} from './pairs.ts'

export interface FolderOptions extends ExampleOptions {
  readonly split: Split
  /** A stored value for void beside 255, such as 0 where classes count from 1 (then classes.txt names it too). */
  readonly ignore?: number
}

/** Opens one split: lists folders and lists only. Throws DataError for what is missing and for an image without a label. */
export async function openFolder(
  root: string,
  { split: asked, ignore, ...options }: FolderOptions,
): Promise<FileDataset> {
  await findFolder(root, ['images'], LAYOUT)
  await findFolder(root, ['labels'], LAYOUT)
  const { split, classes, pairs } = await foundIn(onDisk(root), asked)
  const classOf = indexTable(classes.length, ...(ignore === undefined ? [] : [ignore]))
  const meaning = meaningOf(classes)
  return openPairs({ name: 'folder', split, classes, pairs, classOf, meaning, ...options })
}

const onDisk = (root: string): FileTree => ({
  path: (inside) => join(root, inside),
  has: (inside) => isThere(join(root, inside)),
  names: (inside) => namesIn(join(root, inside), LAYOUT),
  text: async (inside) => new TextDecoder().decode(await readBytes(join(root, inside), LAYOUT)),
})
