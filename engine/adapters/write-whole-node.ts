// Writing a file so that whoever reads it, at whatever moment a crash may come, sees either the old one or the new one (Node).

import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'

/** Writes to a temporary name beside the file, waits for the disk, and renames. Throws the system's error, with nothing left behind. */
export async function writeWhole(file: string, data: Uint8Array | string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    const handle = await open(temporary, 'w')
    try {
      await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}
