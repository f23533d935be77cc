// Files that this origin keeps for the page (the origin private file system), for pages and workers. A file is written
// whole under another name and then moved, so that a reader never sees half of one.

import { DataError, showBytes } from '../../engine/index.ts'

/** Of this origin's `folder`, made where it is not there. Throws DataError where the browser keeps no files. */
export async function openFolder(folder: string): Promise<FileSystemDirectoryHandle> {
  try {
    const root = await navigator.storage.getDirectory()
    return await root.getDirectoryHandle(folder, { create: true })
  } catch (error) {
    throw new DataError(
      folder,
      `the browser keeps no files for this page: ${(error as Error).message}`,
      'private windows and blocked site data have no storage; all else works without it',
    )
  }
}

/** Writes `bytes` as `name`, replacing what was there at once and whole; where that fails, what was there stays. Throws DataError
 * where there is no room. */
export async function writeFile(
  folder: FileSystemDirectoryHandle,
  name: string,
  bytes: BufferSource | Blob,
): Promise<void> {
  const before = await readFile(folder, name)
  const file = await folder.getFileHandle(name, { create: true })
  let stream: FileSystemWritableFileStream | undefined
  try {
    // What is written goes to a copy, which takes the file's place at `close`.
    stream = await file.createWritable()
    await stream.write(bytes as FileSystemWriteChunkType)
    await stream.close()
  } catch (error) {
    await stream?.abort().catch(() => {})
    // An empty file was made for the handle.
    if (!before) await removeFile(folder, name).catch(() => {})
    if ((error as Error).name !== 'QuotaExceededError') throw error
    const size = bytes instanceof Blob ? bytes.size : bytes.byteLength
    throw new DataError(
      name,
      `cannot be kept: the browser has no room for its ${showBytes(size)}`,
      'delete checkpoints that are kept on the Train page, or free disk space',
    )
  }
}

/** The file, or undefined where there is none of that name. */
export async function readFile(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<File | undefined> {
  try {
    return await (await folder.getFileHandle(name)).getFile()
  } catch (error) {
    if ((error as Error).name === 'NotFoundError') return undefined
    throw error
  }
}

export interface KeptFile {
  readonly name: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly written: number
}

/** Newest first. */
export async function listFiles(folder: FileSystemDirectoryHandle): Promise<KeptFile[]> {
  const files: KeptFile[] = []
  for await (const handle of folder.values()) {
    if (handle.kind !== 'file') continue
    const { name, size, lastModified } = await (handle as FileSystemFileHandle).getFile()
    files.push({ name, bytes: size, written: lastModified })
  }
  return files.sort((a, b) => b.written - a.written)
}

export async function removeFile(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  await folder.removeEntry(name).catch((error: Error) => {
    if (error.name !== 'NotFoundError') throw error
  })
}
