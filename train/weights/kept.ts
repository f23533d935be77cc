// Files from elsewhere that the browser keeps for this origin (the origin private file system), under the address that they came from.
// Each is a pair: its bytes, and a record of what they are. A record is gone before its bytes are replaced, and comes after them,
// so that whatever ends the page in the midst leaves no record of other bytes.

import { FetchError, OptionError } from '../../engine/errors.ts'
import { Sha256 } from './sha256.ts'

const FOLDER = 'atrous-weights'

/** What is known of a file that is kept. */
export interface KeptRecord {
  readonly url: string
  readonly bytes: number
  /** What the server calls this version of it: an ETag, else the time of its last change; empty without either. */
  readonly version: string
  /** Where it was asked for. */
  readonly sha256?: string
  /** Milliseconds since 1970. */
  readonly kept: number
}

export interface KeptFile extends KeptRecord {
  readonly file: File
}

/** Bytes on their way into a file. */
export interface Sink {
  write(chunk: Uint8Array<ArrayBuffer>): Promise<void>
  /** The whole file. */
  close(version: string, sha256: string | undefined): Promise<Blob>
  /** Leaves what was there before; after a `close` that failed, nothing. */
  abort(): Promise<void>
}

/** Undefined where the browser keeps no files for this page, as in private windows. */
async function folder(): Promise<FileSystemDirectoryHandle | undefined> {
  // Not in Node, and not before 2025 in Safari, whose files cannot be written to as streams.
  const { navigator, FileSystemFileHandle: handle } = globalThis as Partial<typeof globalThis>
  if (!navigator?.storage?.getDirectory || !handle?.prototype.createWritable) return undefined
  try {
    const root = await navigator.storage.getDirectory()
    return await root.getDirectoryHandle(FOLDER, { create: true })
  } catch {
    return undefined
  }
}

/** The whole of an address that may be relative to the page. Throws OptionError for what is none. */
export function addressOf(url: string | URL): string {
  try {
    return new URL(url, (globalThis as { location?: Location }).location?.href).href
  } catch {
    throw new OptionError(`'${url}' is no address`, 'give a whole one, as https://host/file')
  }
}

const keyOf = (url: string): string =>
  new Sha256().update(new TextEncoder().encode(url)).digest().slice(0, 32)

/** One page or worker of this origin at a time. */
const alone = <T>(url: string, work: () => Promise<T>): Promise<T> =>
  navigator.locks ? navigator.locks.request(`${FOLDER} ${url}`, work) : work()

/** The place of one address. Undefined where nothing can be kept. */
export async function placeOf(url: string): Promise<Place | undefined> {
  const found = await folder()
  return found && new Place(found, url)
}

export class Place {
  readonly #folder: FileSystemDirectoryHandle
  readonly #url: string
  readonly #record: string
  readonly #data: string

  constructor(folder: FileSystemDirectoryHandle, url: string) {
    this.#folder = folder
    this.#url = url
    this.#record = `${keyOf(url)}.json`
    this.#data = `${keyOf(url)}.data`
  }

  /** What is kept, whole; undefined where that is nothing. */
  read(): Promise<KeptFile | undefined> {
    return alone(this.#url, async () => {
      const record = await readRecord(this.#folder, this.#record)
      const handle = await this.#folder.getFileHandle(this.#data).catch(() => undefined)
      if (!record || !handle) return undefined
      const file = await handle.getFile()
      return file.size === record.bytes ? { ...record, file } : undefined
    })
  }

  async sink(): Promise<Sink> {
    const handle = await this.#folder.getFileHandle(this.#data, { create: true })
    // What is written goes to a copy, which takes the file's place at `close`.
    const stream = await handle.createWritable()
    let bytes = 0
    return {
      write: async (chunk) => {
        bytes += chunk.length
        await stream.write(chunk)
      },
      close: (version, sha256) =>
        alone(this.#url, async () => {
          await removed(this.#folder, this.#record)
          await stream.close()
          const record = { url: this.#url, bytes, version, sha256, kept: Date.now() }
          await writeText(this.#folder, this.#record, JSON.stringify(record))
          return handle.getFile()
        }),
      abort: () => stream.abort().catch(() => undefined),
    }
  }

  async forget(): Promise<void> {
    await alone(this.#url, async () => {
      await removed(this.#folder, this.#record)
      await removed(this.#folder, this.#data)
    })
  }
}

/** The files that `fetchWeights` has kept for this origin, newest first. */
export async function keptWeights(): Promise<KeptRecord[]> {
  const found = await folder()
  const records: KeptRecord[] = []
  for await (const name of found?.keys() ?? []) {
    const record = name.endsWith('.json') ? await readRecord(found!, name) : undefined
    if (record) records.push(record)
  }
  return records.sort((a, b) => b.kept - a.kept)
}

/** Removes what is kept of an address. Nothing happens where that is nothing. */
export async function forgetWeights(url: string | URL): Promise<void> {
  await (await placeOf(addressOf(url)))?.forget()
}

async function readRecord(
  from: FileSystemDirectoryHandle,
  name: string,
): Promise<KeptRecord | undefined> {
  try {
    const text = await (await (await from.getFileHandle(name)).getFile()).text()
    const record = JSON.parse(text) as KeptRecord
    return typeof record.url === 'string' && typeof record.bytes === 'number' ? record : undefined
  } catch {
    return undefined
  }
}

async function writeText(to: FileSystemDirectoryHandle, name: string, text: string): Promise<void> {
  const stream = await (await to.getFileHandle(name, { create: true })).createWritable()
  await stream.write(text)
  await stream.close()
}

async function removed(from: FileSystemDirectoryHandle, name: string): Promise<void> {
  await from.removeEntry(name).catch((error: Error) => {
    if (error.name !== 'NotFoundError') throw error
  })
}

/** Throws FetchError where the browser says that it has less room than a file of that size takes. */
export async function needRoom(url: string, bytes: number): Promise<void> {
  const { quota, usage = 0 } = await navigator.storage.estimate()
  if (quota !== undefined && bytes > quota - usage) throw noRoom(url, bytes)
}

export const noRoom = (url: string, bytes: number): FetchError =>
  new FetchError(
    url,
    'quota',
    `cannot be kept: the browser has no room for its ${(bytes / 1e6).toFixed(1)} MB`,
    'forget weights that were kept before (forgetWeights), free disk space, or ask with keep: false',
  )
