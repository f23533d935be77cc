// Files in Node: written whole or not at all, and errors that name the file.

import { mkdir, open, readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeWhole } from '../engine/adapters/write-whole-node.ts'
import { DataError } from '../engine/errors.ts'

const REASONS: Record<string, string> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'is a folder, not a file',
  EEXIST: 'exists and is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your share of the disk is used up',
  EFBIG: 'files may not be that large here',
  ENAMETOOLONG: 'the name is too long',
}

/** The code of a system error (`ENOENT`), undefined for other errors. */
export function errorCode(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const MAKE_ROOM = 'make room there; a run that has a checkpoint goes on with --resume'

/** A system error as a DataError: what was tried on which file, and why it did not work. Where a disk is full no other hint helps. */
export function fileError(file: string, tried: string, error: unknown, hint?: string): DataError {
  const code = errorCode(error) ?? ''
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error))
  return new DataError(file, `${tried}: ${reason}`, FULL.has(code) ? MAKE_ROOM : hint)
}

/** Whether there is a file or folder of that name that can be looked at. */
export const isThere = async (path: string): Promise<boolean> =>
  Boolean(await stat(path).catch(() => undefined))

/** The same for a folder. */
export const isFolder = async (path: string): Promise<boolean> =>
  Boolean((await stat(path).catch(() => undefined))?.isDirectory())

/** All bytes of a file; throws DataError naming it. */
export async function readBytes(file: string, hint?: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (error) {
    throw fileError(file, 'cannot be read', error, hint)
  }
}

/** At most the first `count` bytes of a file; throws the system's error. */
export async function readHead(file: string, count: number): Promise<Uint8Array> {
  const handle = await open(file, 'r')
  try {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(count), 0, count, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** Makes a folder and its parents; throws DataError where that is not allowed. */
export async function makeFolder(folder: string, hint?: string): Promise<void> {
  try {
    await makeWithParents(folder)
  } catch (error) {
    throw fileError(folder, 'cannot be made', error, hint)
  }
}

/** Level by level: Node's own `recursive` never ends below /proc on Linux (Node 20), where the parent is there and yet the answer
 * is ENOENT. */
async function makeWithParents(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    if (await isFolder(folder)) return
    if (errorCode(error) !== 'ENOENT') throw error
    const parent = dirname(folder)
    if (parent === folder) throw error
    if (!(await isFolder(parent))) await makeWithParents(parent)
    // Once more: somebody else may have made the parent meanwhile.
    await mkdir(folder).catch(async (again) => {
      if (await isFolder(folder)) return
      throw errorCode(again) === 'ENOENT' ? new Error('no folder can be made there') : again
    })
  }
}

/**
 * Replaces a file, making its folder first: the bytes go to a temporary name beside it, reach the disk, and are renamed,
 * so that a crash at any moment leaves either the old file or the new one. Throws DataError naming the file.
 */
export async function writeAtomic(file: string, data: Uint8Array | string): Promise<void> {
  await makeFolder(dirname(file))
  try {
    await writeWhole(file, data)
  } catch (error) {
    throw fileError(file, 'cannot be written', error, 'choose another folder with --out')
  }
}
