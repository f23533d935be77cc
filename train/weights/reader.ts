// A cursor over a file's bytes that cannot read past their end: every length that a file announces is checked before it
// is used, so that no damaged file asks for memory or time that its own size does not justify.

import { DataError } from '../../engine/errors.ts'

/** Little-endian reads, each of which throws DataError naming the file where the bytes end before it. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly file: string
  /** The subject of its errors: `the pickle`. */
  readonly what: string
  at = 0
  readonly #view: DataView

  constructor(bytes: Uint8Array, file: string, what: string) {
    this.bytes = bytes
    this.file = file
    this.what = what
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  error(problem: string, hint = 'the file is damaged: fetch or save it again'): DataError {
    return new DataError(this.file, `${this.what} ${problem}`, hint)
  }

  /** Moves over `count` bytes and gives where they start. */
  skip(count: number): number {
    if (count > this.left)
      throw this.error(`is truncated: ${count} bytes are announced where ${this.left} are left`)
    this.at += count
    return this.at - count
  }

  /** A view of the next bytes. */
  take(count: number): Uint8Array {
    const start = this.skip(count)
    return this.bytes.subarray(start, start + count)
  }

  u8(): number {
    return this.bytes[this.skip(1)]
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true)
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true)
  }

  /** A count or a position: what a JavaScript number cannot hold is larger than any file. */
  u64(): number {
    const value = Number(this.#view.getBigUint64(this.skip(8), true))
    if (!Number.isSafeInteger(value)) throw this.error(`announces ${value} of something`)
    return value
  }

  /** Pickle's only number of the other byte order. */
  f64BigEndian(): number {
    return this.#view.getFloat64(this.skip(8), false)
  }

  text(count: number): string {
    return decoder.decode(this.take(count))
  }
}

const decoder = new TextDecoder()

/** A name out of a file, fit for a message: short, and without characters that control a terminal. */
export function shown(name: string): string {
  const plain = name.slice(0, 80).replace(/\p{C}/gu, '?')
  return name.length > 80 ? `${plain}…` : plain
}
