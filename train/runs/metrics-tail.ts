// Following metrics.jsonl while it is written: what is new is read, and where the file was made shorter or replaced, as when a
// run goes on from its last checkpoint, it is read from the beginning.

import { open } from 'node:fs/promises'
import { errorCode } from '../files.ts'
import type { MetricsRecord } from './folder.ts'

export class MetricsTail {
  readonly #file: string
  #at = 0
  #inode = 0
  /** Of a line whose end is not there yet. */
  #rest: Buffer = Buffer.alloc(0)
  #records: MetricsRecord[] = []

  constructor(file: string) {
    this.#file = file
  }

  /** All records so far; a line that is none is left out, since a reader must not stop for what a writer will mend. */
  get records(): readonly MetricsRecord[] {
    return this.#records
  }

  /** Reads what is new; resolves to whether anything was. */
  async read(): Promise<boolean> {
    const handle = await open(this.#file, 'r').catch((error) => {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    })
    if (!handle) return this.#restart()
    try {
      const { size, ino } = await handle.stat()
      const restarted = (size < this.#at || ino !== this.#inode) && this.#restart()
      this.#inode = ino
      if (size === this.#at) return restarted
      const { bytesRead, buffer } = await handle.read(
        Buffer.alloc(size - this.#at),
        0,
        size - this.#at,
        this.#at,
      )
      this.#at += bytesRead
      this.#take(Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]))
      return true
    } finally {
      await handle.close()
    }
  }

  #restart(): boolean {
    const had = this.#records.length > 0
    this.#at = 0
    this.#rest = Buffer.alloc(0)
    this.#records = []
    return had
  }

  #take(bytes: Buffer): void {
    const end = bytes.lastIndexOf(10) + 1
    this.#rest = bytes.subarray(end)
    for (const line of bytes.toString('utf8', 0, end).split('\n')) {
      const record = parsed(line)
      if (typeof record?.step === 'number') this.#records.push(record)
    }
  }
}

function parsed(line: string): MetricsRecord | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
