// Node: files in the user's cache folder. A text is written to a temporary name and renamed, so that whoever reads sees it
// whole; a lock file beside it keeps two processes from changing it at once, each from what it was before the other.

import { mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataError } from '../errors.ts'
import { cacheFolder } from './cache-node.ts'
import type { TextStore } from './text-store.ts'
import { writeWhole } from './write-whole-node.ts'

const fileOf = (name: string) => join(cacheFolder(), name)

export const nodeStore: TextStore = {
  where: fileOf,

  load: (name) => readIf(fileOf(name)),

  async update(name, change) {
    const file = fileOf(name)
    try {
      await mkdir(dirname(file), { recursive: true })
      await alone(`${file}.lock`, async () => writeWhole(file, change(await readIf(file))))
    } catch (error) {
      throw new DataError(file, `cannot be written: ${(error as Error).message}`)
    }
  },
}

async function readIf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new DataError(file, `cannot be read: ${(error as Error).message}`)
  }
}

/** A lock this old was left by a process that ended: a change takes milliseconds. */
const STALE_MS = 10_000

async function alone(lock: string, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await (await open(lock, 'wx')).close()
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const made = await stat(lock).catch(() => undefined)
      if (made && Date.now() - made.mtimeMs > STALE_MS) await rm(lock, { force: true })
      else await sleep(10)
    }
  }
  await work().finally(() => rm(lock, { force: true }))
}
