// Probabilities of many pictures in one file that is gone when the process is done with it: they are made once and read many
// times, and would not fit into memory.

import { constants } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError, type HostTensor, hostTensor, showBytes } from '../../engine/node.ts'
import { fileError } from '../../train/files.ts'

interface Place {
  readonly at: number
  readonly shape: readonly number[]
}

export class ProbabilityFile {
  readonly #folder: string
  readonly #file: FileHandle
  readonly #places: Place[] = []
  #end = 0

  private constructor(folder: string, file: FileHandle) {
    this.#folder = folder
    this.#file = file
  }

  /** In a new folder inside of `parent`, by default the system's for temporary files. Throws DataError. */
  static async open(parent = tmpdir()): Promise<ProbabilityFile> {
    try {
      const folder = await mkdtemp(join(parent, 'atrous-'))
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
      return new ProbabilityFile(folder, await open(join(folder, 'probabilities'), flags, 0o600))
    } catch (error) {
      throw fileError(parent, 'no file can be made', error, 'choose a folder with --scratch')
    }
  }

  /** Throws DataError where so many more bytes do not fit on the disk. */
  async needs(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder)
    if (bytes < bavail * bsize) return
    throw new DataError(
      this.#folder,
      `the probabilities take ${showBytes(bytes)}, and ${showBytes(bavail * bsize)} are free`,
      'choose another folder with --scratch, or fewer pictures with --images',
    )
  }

  /** Throws DataError where the disk is full. */
  async add(data: Float32Array, shape: readonly number[]): Promise<void> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    try {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, undefined, this.#end + done)
        done += bytesWritten
      }
    } catch (error) {
      throw fileError(this.#folder, 'cannot be written', error, 'choose a folder with --scratch')
    }
    this.#places.push({ at: this.#end, shape })
    this.#end += bytes.length
  }

  /** Probabilities number `index`, in the order in which they were added. */
  async get(index: number): Promise<HostTensor> {
    const { at, shape } = this.#places[index]
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
    const bytes = new Uint8Array(data.buffer)
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, bytes.length - done, at + done)
      if (!bytesRead) throw new DataError(this.#folder, 'was cut short by somebody else')
      done += bytesRead
    }
    return hostTensor(data, [...shape])
  }

  async close(): Promise<void> {
    await this.#file.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
