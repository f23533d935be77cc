// What a plain tar file holds and where, found by its headers alone: nothing is unpacked, and the bytes between the headers
// are passed over.
//
// A tar is blocks of 512 bytes: for each member a header and its content, filled up to whole blocks; two blocks of zeros at
// the end. Of a header (POSIX.1-1988, "ustar"), by byte:
//
//     0 name   124 size   148 sum of the header's bytes, with spaces for these 8   156 type   157 link   257 magic   345 prefix
//
// What does not fit there stands in a member before: pax records "LENGTH KEY=VALUE\n" (POSIX.1-2001, type x), or a name alone
// (GNU, type L). A size that starts with the bit 0x80 is binary (GNU).

import { readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { DataError } from '../../engine/errors.ts'
import { fileError } from '../files.ts'

/** A file in a tar. */
export interface TarMember {
  /** With its folders, as stored. */
  readonly name: string
  /** Of its first byte in the tar. */
  readonly offset: number
  /** In bytes. */
  readonly size: number
}

const BLOCK = 512
/** Read at a time: the page with the next header where contents are large, a good many headers where they are small. */
const PAGE = 4096
const WINDOW = 2 ** 18
const SMALL = 2 ** 15
/** Reads until others have their turn. */
const TURN = 64
/** Longest extended header that is believed. */
const LONGEST = 2 ** 20

const AGAIN = 'copy or fetch the file again'

/** Calls `visit` with each regular file of a tar, in order; `within` scans a tar that is itself a member. Throws DataError for a
 * file that is no tar, is compressed, is damaged or cut off, and for what cannot be read by its place: sparse files, links and
 * parts of several volumes. */
export async function scanTar(
  file: string,
  visit: (member: TarMember) => void,
  within?: TarMember,
): Promise<void> {
  const handle = await open(file, 'r').catch((error) => {
    throw fileError(file, 'cannot be opened', error)
  })
  try {
    const end = within ? within.offset + within.size : (await handle.stat()).size
    const called = within ? `${file}: ${within.name}` : file
    await new Scan(handle, called, end).from(within?.offset ?? 0, visit)
  } finally {
    await handle.close()
  }
}

/** What a member's extended headers say of it. */
interface Extended {
  readonly name?: string
  readonly size?: number
}

class Scan {
  readonly #handle: FileHandle
  readonly #file: string
  readonly #end: number
  readonly #buffer = Buffer.allocUnsafe(WINDOW)
  /** Where in the file the buffer's bytes are from, and how many there are. */
  #start = 0
  #length = 0
  #fills = 0

  constructor(handle: FileHandle, file: string, end: number) {
    this.#handle = handle
    this.#file = file
    this.#end = end
  }

  async from(start: number, visit: (member: TarMember) => void): Promise<void> {
    let extended: Extended = {}
    let passed = 0
    for (let at = start; ; ) {
      if (!this.#holds(at, BLOCK)) {
        if (at + BLOCK > this.#end) throw await this.#cutOff(start)
        await this.#fill(at, passed < SMALL ? WINDOW : PAGE)
      }
      const header = this.#view(at, BLOCK)
      if (isZero(header)) return this.#finish(at, start)
      this.#checkHeader(header, at, start)
      const type = String.fromCharCode(header[156] || 0x30)
      const name = extended.name ?? nameOf(header)
      const size = extended.size ?? this.#size(header, name)
      const content = at + BLOCK
      passed = Math.ceil(size / BLOCK) * BLOCK
      if (content + size > this.#end) throw this.#error(`ends in the middle of ${name}`, AGAIN)
      at = content + passed
      if (type === 'x' || type === 'L') {
        extended = { ...extended, ...(await this.#extended(type, content, size)) }
        continue
      }
      extended = {}
      const isFolder = name.endsWith('/')
      if ((type === '0' || type === '7') && !isFolder) visit({ name, offset: content, size })
      else if (refused[type]) throw this.#error(`holds ${name} as ${refused[type]}`, PLAIN)
    }
  }

  #holds(at: number, count: number): boolean {
    return at >= this.#start && at + count <= this.#start + this.#length
  }

  #view(at: number, count: number): Buffer {
    return this.#buffer.subarray(at - this.#start, at - this.#start + count)
  }

  async #fill(at: number, wanted: number): Promise<void> {
    const count = Math.min(wanted, this.#end - at)
    // A page at once takes a third of what one by way of a promise takes; now and then others have their turn.
    if (++this.#fills % TURN === 0) await setImmediate()
    try {
      this.#length = readSync(this.#handle.fd, this.#buffer, 0, count, at)
    } catch (error) {
      throw fileError(this.#file, 'cannot be read', error, AGAIN)
    }
    this.#start = at
    if (this.#length < Math.min(BLOCK, count))
      throw this.#error('became shorter while it was read', AGAIN)
  }

  async #extended(type: 'x' | 'L', at: number, size: number): Promise<Extended> {
    if (size > LONGEST) throw this.#error(`has an extended header of ${size} bytes`, AGAIN)
    const bytes = Buffer.alloc(size)
    const { bytesRead } = await this.#handle.read(bytes, 0, size, at)
    if (bytesRead < size) throw this.#error('became shorter while it was read', AGAIN)
    return type === 'L' ? { name: text(bytes) } : this.#paxRecords(bytes)
  }

  #paxRecords(bytes: Buffer): Extended {
    let name: string | undefined
    let size: number | undefined
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(0x20, at)
      const length = space < 0 ? 0 : Number(bytes.toString('latin1', at, space))
      const record = bytes.toString('utf8', space + 1, at + length)
      const equals = record.indexOf('=')
      if (
        !(length > space - at && at + length <= bytes.length) ||
        equals < 1 ||
        !record.endsWith('\n')
      )
        throw this.#error('has a damaged extended header', AGAIN)
      const [key, value] = [record.slice(0, equals), record.slice(equals + 1, -1)]
      if (key.startsWith('GNU.sparse.')) throw this.#error('holds a sparse file', PLAIN)
      if (key === 'path') name = value
      if (key === 'size') size = Number(value)
      at += length
    }
    if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0))
      throw this.#error('has a damaged extended header', AGAIN)
    return { ...(name !== undefined && { name }), ...(size !== undefined && { size }) }
  }

  #checkHeader(header: Buffer, at: number, start: number): void {
    if (sumOf(header) === octal(header, 148, 8)) return
    if (at > start) throw this.#error(`has no header at byte ${at}, where one should be`, AGAIN)
    throw this.#packed(header) ?? this.#error('is no tar file', AGAIN)
  }

  #packed(start: Buffer): DataError | undefined {
    const by = compressions.find(([, magic]) => magic.every((byte, i) => start[i] === byte))?.[0]
    return by === undefined ? undefined : this.#error(`is compressed by ${by}`, unpacked(by))
  }

  #size(header: Buffer, name: string): number {
    const size = header[124] & 0x80 ? binary(header, 124, 12) : octal(header, 124, 12)
    if (Number.isSafeInteger(size) && size >= 0) return size
    throw this.#error(`has no size for ${name}`, AGAIN)
  }

  /** Zeros up to the end of the last record; anything else was appended and would be passed over in silence. */
  async #finish(at: number, start: number): Promise<void> {
    if (at + 2 * BLOCK > this.#end) throw await this.#cutOff(start)
    await this.#fill(at, WINDOW)
    if (!isZero(this.#view(at, this.#length)))
      throw this.#error(
        `goes on after its end at byte ${at}, as where tars were joined`,
        'unpack it with tar --ignore-zeros, and pack it again',
      )
  }

  async #cutOff(start: number): Promise<DataError> {
    if (start === this.#end) return this.#error('is empty', AGAIN)
    await this.#fill(start, BLOCK)
    return (
      this.#packed(this.#view(start, this.#length)) ??
      this.#error('ends without the two blocks of zeros that end a tar: it is cut off', AGAIN)
    )
  }

  #error(problem: string, hint: string): DataError {
    return new DataError(this.#file, problem, hint)
  }
}

const PLAIN = 'pack the files again with tar --format=ustar --dereference --hard-dereference'

/** Types whose content is not the bytes that follow the header. */
const refused: Readonly<Record<string, string>> = {
  1: 'a link to another member',
  2: 'a symbolic link',
  S: 'a sparse file',
  M: 'the rest of a member of another volume',
}

const compressions: readonly (readonly [name: string, magic: readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
]

/** What to do about a compressed tar, of which no member can be read by its place. */
export const unpacked = (by: string): string =>
  `members are read at their place: unpack it with ${by} -d, the tar itself may stay a tar`

/** The name of a header, which GNU's form stores whole and ustar with what stands before it in the prefix. */
function nameOf(header: Buffer): string {
  const name = text(header.subarray(0, 100))
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0'
  return isUstar && header[345] ? `${text(header.subarray(345, 500))}/${name}` : name
}

/** Up to the first zero. */
function text(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

/** Of digits that end with a space or a zero; NaN where there are none. */
function octal(bytes: Buffer, at: number, count: number): number {
  const digits = /^ *([0-7]+)[ \0]/.exec(`${bytes.toString('latin1', at, at + count)}\0`)?.[1]
  return digits === undefined ? Number.NaN : Number.parseInt(digits, 8)
}

/** Big-endian, its highest bit a mark; NaN where it is negative. */
function binary(bytes: Buffer, at: number, count: number): number {
  if (bytes[at] !== 0x80) return Number.NaN
  let value = 0
  for (let i = 1; i < count; i++) value = 256 * value + bytes[at + i]
  return value
}

function sumOf(header: Buffer): number {
  let sum = 8 * 0x20
  for (let i = 0; i < 148; i++) sum += header[i]
  for (let i = 156; i < BLOCK; i++) sum += header[i]
  return sum
}

function isZero(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte) return false
  return true
}
