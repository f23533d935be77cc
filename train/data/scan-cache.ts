// What was counted in the examples of a data set, kept in the user's cache folder, so that only what has changed is read again. A cache
// that cannot be read or written costs time and nothing else.

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../../engine/adapters/cache-node.ts'
import { AtrousError } from '../../engine/errors.ts'
import { writeAtomic } from '../files.ts'

/** Goes up whenever a scan counts something else. */
const VERSION = 2

type Kept<S> = readonly [stamp: string, scan: S]

/** Scans by the index of their example; `S` is plain data. */
export class ScanCache<S> {
  readonly #file: string
  readonly #known: readonly (Kept<S> | null)[]
  readonly #found: (Kept<S> | null)[]
  #changed = false

  private constructor(file: string, known: readonly (Kept<S> | null)[], size: number) {
    this.#file = file
    this.#known = known
    this.#found = new Array(size).fill(null)
  }

  /** What is kept under a key, which says which examples these are, in order; nothing of it where it is to be made `fresh`. */
  static async open<S>(key: string, size: number, fresh = false): Promise<ScanCache<S>> {
    const file = join(cacheFolder(), 'preflight', `${key}.json`)
    return new ScanCache<S>(file, fresh ? [] : await readCache<S>(file), size)
  }

  /** The scan of an example, read unless it is known by the same stamp; without a stamp, always. Rejects with what reading threw. */
  async scan(index: number, stamp: string | undefined, read: () => Promise<S>): Promise<S> {
    if (stamp === undefined) return read()
    const known = this.#known[index]
    if (known?.[0] === stamp) return this.#keep(index, known)
    const scan = await read()
    this.#changed = true
    return this.#keep(index, [stamp, scan])
  }

  #keep(index: number, kept: Kept<S>): S {
    this.#found[index] = kept
    return kept[1]
  }

  /** Keeps what was found, and what was known of examples that were not come to. */
  async write(): Promise<void> {
    if (!this.#changed) return
    const scans = this.#found.map((found, i) => found ?? this.#known[i] ?? null)
    try {
      await writeAtomic(this.#file, JSON.stringify({ version: VERSION, scans }))
    } catch {
      // The next time reads it all again.
    }
  }
}

/** Size and time of files, which change with what is in them; undefined where one of them cannot be looked at. */
export async function stampOf(...files: readonly string[]): Promise<string | undefined> {
  const stats = await Promise.all(files.map((file) => stat(file).catch(() => undefined)))
  const parts = stats.map((s) => s && `${s.size}:${s.mtimeMs}`)
  return parts.includes(undefined) ? undefined : parts.join(' ')
}

async function readCache<S>(file: string): Promise<readonly (Kept<S> | null)[]> {
  try {
    const { version, scans } = JSON.parse(await readFile(file, 'utf8'))
    if (version !== VERSION || !Array.isArray(scans)) throw new AtrousError('another version')
    return scans
  } catch {
    return []
  }
}
