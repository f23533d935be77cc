// Reading at places of large files: few are open at a time, and none for long after the last read, so that nobody has to close a
// data set.

import { type FileHandle, open } from 'node:fs/promises'
import { DataError } from '../../engine/errors.ts'
import { fileError } from '../files.ts'

interface Opened {
  readonly handle: Promise<FileHandle>
  readers: number
  idle?: NodeJS.Timeout
}

/** Milliseconds that a file stays open without being read. */
const IDLE = 1000

export class OpenFiles {
  readonly #most: number
  /** The longest unused first. */
  readonly #open = new Map<string, Opened>()
  #waiting: (() => void)[] = []

  /** At most `most` files are open at a time. */
  constructor(most = 16) {
    this.#most = most
  }

  /** How many files are open now. */
  get count(): number {
    return this.#open.size
  }

  /** The `size` bytes of a file from `offset` on. Throws DataError naming the file. */
  async read(file: string, offset: number, size: number): Promise<Uint8Array> {
    const opened = await this.#take(file)
    try {
      const handle = await opened.handle
      const bytes = new Uint8Array(size)
      for (let at = 0; at < size; ) {
        const { bytesRead } = await handle.read(bytes, at, size - at, offset + at)
        if (!bytesRead)
          throw new DataError(
            file,
            `ends at byte ${offset + at}, within what was in it when it was opened`,
            'do not change files of a data set while it is read',
          )
        at += bytesRead
      }
      return bytes
    } catch (error) {
      // The next reader tries again.
      if (this.#open.get(file) === opened) this.#open.delete(file)
      throw error instanceof DataError ? error : fileError(file, 'cannot be read', error)
    } finally {
      this.#release(file, opened)
    }
  }

  async #take(file: string): Promise<Opened> {
    for (;;) {
      const known = this.#open.get(file)
      if (known || this.#open.size < this.#most) {
        const opened = known ?? { handle: open(file, 'r'), readers: 0 }
        clearTimeout(opened.idle)
        opened.readers++
        this.#open.delete(file)
        this.#open.set(file, opened)
        return opened
      }
      const unused = [...this.#open].find(([, { readers }]) => !readers)
      if (unused) await this.#close(...unused)
      else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #release(file: string, opened: Opened): void {
    if (--opened.readers) return
    opened.idle = setTimeout(() => this.#close(file, opened), IDLE)
    opened.idle.unref()
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }

  async #close(file: string, opened: Opened): Promise<void> {
    clearTimeout(opened.idle)
    if (this.#open.get(file) === opened) this.#open.delete(file)
    // One that could not be opened has told its reader so.
    await opened.handle.then(
      (handle) => handle.close(),
      () => {},
    )
  }
}
