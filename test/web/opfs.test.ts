// Files that a page keeps, in a folder that is played: one that could not be written is not there, and what was there before stays.

import * as assert from 'uvu/assert'
import { readFile, writeFile } from '../../apps/web/opfs.ts'
import { test } from '../harness.ts'

/** A folder whose files take no more than `room` bytes each. */
function folderOf(room: number) {
  const files = new Map<string, Blob>()
  const missing = () => {
    throw new DOMException('there is none', 'NotFoundError')
  }
  const handleOf = (name: string) => ({
    getFile: async () => files.get(name) ?? missing(),
    createWritable: async () => {
      const parts: BlobPart[] = []
      return {
        write: async (part: BlobPart) => {
          if (new Blob([part]).size > room) throw new DOMException('full', 'QuotaExceededError')
          parts.push(part)
        },
        close: async () => void files.set(name, new Blob(parts)),
        abort: async () => {},
      }
    },
  })
  const folder = {
    getFileHandle: async (name: string, { create = false } = {}) => {
      if (!files.has(name)) {
        if (!create) missing()
        files.set(name, new Blob())
      }
      return handleOf(name)
    },
    removeEntry: async (name: string) => void (files.delete(name) || missing()),
  }
  return { files, folder: folder as unknown as FileSystemDirectoryHandle }
}

const bytes = (count: number) => new Uint8Array(count)

test('opfs: a file that there was no room for leaves none, and the one before stays', async () => {
  const { files, folder } = folderOf(10)
  const full = await writeFile(folder, 'a.bin', bytes(11)).catch((error) => error)
  assert.is(full.name, 'DataError')
  assert.match(full.message, /^a.bin: cannot be kept: the browser has no room for its 11 B$/m)
  assert.match(full.hint, /^delete checkpoints .* or free disk space$/)
  assert.equal([...files.keys()], [])
  assert.is(await readFile(folder, 'a.bin'), undefined)

  await writeFile(folder, 'a.bin', bytes(7))
  assert.is((await readFile(folder, 'a.bin'))?.size, 7)
  await writeFile(folder, 'a.bin', bytes(11)).catch(() => {})
  assert.is((await readFile(folder, 'a.bin'))?.size, 7)
})
