// Tar files, written by the letter of the formats: for tests of their reader.

export interface TarPart {
  readonly name: string
  readonly content?: string | Uint8Array
  /** Default 0, a regular file. */
  readonly type?: string
  /** Before the name, in ustar's field of its own. */
  readonly prefix?: string
  /** As it is written, in place of twelve octal digits. */
  readonly size?: Uint8Array
}

/** A header and its content in whole blocks. */
export function tarPart({ name, content = '', type = '0', prefix = '', size }: TarPart): Buffer {
  const bytes = Buffer.from(content)
  const header = Buffer.alloc(512)
  header.write(name, 0, 100)
  header.write('0000644\0', 100)
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124)
  if (size) header.set(size, 124)
  header.write('        ', 148)
  header.write(type, 156)
  header.write('ustar\x0000', 257)
  header.write(prefix, 345, 155)
  const sum = header.reduce((a, b) => a + b)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 511)])
}

/** Members and the two blocks of zeros that end a tar. */
export const tarFile = (...parts: readonly (TarPart | Buffer)[]): Buffer =>
  Buffer.concat([
    ...parts.map((part) => (Buffer.isBuffer(part) ? part : tarPart(part))),
    Buffer.alloc(1024),
  ])

/** The records of a pax header. */
export function pax(records: Readonly<Record<string, string>>): TarPart {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`
    const bytes = Buffer.byteLength(rest)
    // The length counts its own digits.
    const length = [1, 2, 3, 4]
      .map((digits) => bytes + digits)
      .find((n, i) => `${n}`.length === i + 1)
    return `${length}${rest}`
  })
  return { name: 'PaxHeader', type: 'x', content: lines.join('') }
}
