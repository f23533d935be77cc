// The network that was chosen last, for the next visit: its address, or its file, of which one's own is kept beside the page.

import { listFiles, openFolder, readFile, removeFile, writeFile } from '../opfs.ts'
import { CHECKPOINTS } from '../ui/checkpoints.ts'
import { store, stored, unstore } from '../ui/stored.ts'
import type { Form, Source } from './types.ts'

const KEY = 'segment-network'
/** Of a person's own files the last one. */
const OWN = 'segment'

type Kept =
  | { readonly from: 'untrained' }
  | { readonly from: 'url'; readonly url: string }
  | { readonly from: 'file'; readonly folder: string; readonly name: string }

interface Remembered {
  readonly kept: Kept
  readonly form?: Form
}

/** A choice, of a file whether it is one of those that the Train page keeps. */
export interface Chosen {
  readonly source: Source
  readonly form?: Form
  readonly isKept?: boolean
}

/** Where the browser keeps no files, or has no room, nothing is remembered. */
export async function remember({ source, form, isKept }: Chosen): Promise<void> {
  try {
    const kept = source.from === 'file' ? await keep(source.file, isKept) : source
    store(KEY, JSON.stringify({ kept, form } satisfies Remembered))
  } catch {
    unstore(KEY)
  }
}

async function keep(file: File, isKept = false): Promise<Kept> {
  const { name } = file
  if (isKept) return { from: 'file', folder: CHECKPOINTS, name }
  const folder = await openFolder(OWN)
  const others = (await listFiles(folder)).filter((other) => other.name !== name)
  for (const other of others) await removeFile(folder, other.name)
  const before = await readFile(folder, name)
  // What was recalled is that very file.
  if (!before || before.size !== file.size || before.lastModified !== file.lastModified)
    await writeFile(folder, name, file)
  return { from: 'file', folder: OWN, name }
}

/** Undefined where nothing was chosen yet, or it is no longer there. */
export async function recall(): Promise<Chosen | undefined> {
  const text = stored(KEY)
  if (!text) return undefined
  const { kept, form } = JSON.parse(text) as Remembered
  const more = form && { form }
  if (kept.from !== 'file') return { source: kept, ...more }
  const file = await readFile(await openFolder(kept.folder), kept.name)
  if (!file) return undefined
  return { source: { from: 'file', file }, isKept: kept.folder === CHECKPOINTS, ...more }
}
