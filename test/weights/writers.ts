// Small writers of every format that weights are read from, plain enough to write wrong files with as well.

import { deflateRawSync, gzipSync } from 'node:zlib'

/** Numbers as bytes, text as UTF-8, lists one after another. */
export type Piece = number | string | Uint8Array | readonly Piece[]

export const bytesOf = (...pieces: readonly Piece[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(flat(pieces)))

const flat = (piece: Piece): Uint8Array[] => {
  if (typeof piece === 'number') return [Uint8Array.of(piece)]
  if (typeof piece === 'string') return [new TextEncoder().encode(piece)]
  return piece instanceof Uint8Array ? [piece] : piece.flatMap(flat)
}

const little = (value: number | bigint, size: number): number[] =>
  Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))

export const u16 = (value: number): number[] => little(value, 2)
export const u32 = (value: number): number[] => little(value, 4)
export const u64 = (value: number | bigint): number[] => little(value, 8)

export const floats = (...values: readonly number[]): Uint8Array =>
  new Uint8Array(Float32Array.from(values).buffer)

export interface ZipOptions {
  readonly deflate?: boolean
  readonly zip64?: boolean
  /** Announced instead of what is there, for an entry of every name. */
  readonly size?: number
  readonly crc?: number
  readonly flags?: number
  readonly method?: number
}

export type Files = Readonly<{ [name: string]: Uint8Array }>

/** Gzip ends in the same checksum, before the length. */
const crc32 = (content: Uint8Array): Uint8Array => gzipSync(content, { level: 0 }).subarray(-8, -4)

/** A zip archive; in one of zip64 every size and position is in the extra field. */
export function zip(files: Files, options: ZipOptions = {}): Uint8Array<ArrayBuffer> {
  const { deflate = false, zip64 = false, flags = 0, method = deflate ? 8 : 0 } = options
  const locals: Piece[] = []
  const central: Piece[] = []
  let at = 0
  for (const [name, content] of Object.entries(files)) {
    const data = deflate ? new Uint8Array(deflateRawSync(content)) : content
    const size = options.size ?? content.length
    const packed = options.size !== undefined && !deflate ? size : data.length
    const crc = options.crc === undefined ? crc32(content) : u32(options.crc)
    const wide = (...values: number[]) =>
      zip64 ? [1, 0, ...u16(8 * values.length), values.map(u64)] : []
    const short = (value: number) => u32(zip64 ? 0xffffffff : value)
    const head = [45, 0, u16(flags), u16(method), u32(0), crc, short(packed), short(size)]
    const [extra, centralExtra] = [bytesOf(wide(size, packed)), bytesOf(wide(size, packed, at))]
    const local = bytesOf(
      'PK\x03\x04',
      head,
      u16(name.length),
      u16(extra.length),
      name,
      extra,
      data,
    )
    const lengths = [u16(name.length), u16(centralExtra.length), u16(0), u32(0), u32(0)]
    central.push(bytesOf('PK\x01\x02', 45, 0, head, lengths, short(at), name, centralExtra))
    locals.push(local)
    at += local.length
  }
  const directory = bytesOf(central)
  const count = central.length
  const place = [u64(count), u64(count), u64(directory.length), u64(at)]
  const end64 = bytesOf('PK\x06\x06', u64(44), u16(45), u16(45), u32(0), u32(0), place)
  const locator = bytesOf('PK\x06\x07', u32(0), u64(at + directory.length), u32(1))
  const counts = zip64 ? u32(0xffffffff) : [u16(count), u16(count)]
  const sizes = zip64 ? u64(-1n) : [u32(directory.length), u32(at)]
  const end = ['PK\x05\x06', u32(0), counts, sizes, u16(0)]
  return bytesOf(locals, directory, zip64 ? [end64, locator] : [], end)
}

export interface Npy {
  readonly descr: string
  readonly shape: readonly number[]
  readonly data: Uint8Array
  readonly fortran?: boolean
  readonly version?: number
}

export function npy({ descr, shape, data, fortran = false, version = 1 }: Npy): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const order = fortran ? 'True' : 'False'
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${sizes}), }`
  const start = version === 1 ? 10 : 12
  const padded = `${header.padEnd(64 * Math.ceil((header.length + 1 + start) / 64) - start - 1)}\n`
  const length = version === 1 ? u16(padded.length) : u32(padded.length)
  return bytesOf(0x93, 'NUMPY', version, 0, length, padded, data)
}

export interface Param {
  readonly name?: string
  readonly shape: readonly number[]
  readonly type: number
  readonly data: Uint8Array
}

/** MXNet's list of arrays; version 0 is the form without a magic number. */
export function params(arrays: readonly Param[], version: 0 | 1 | 2 | 3): Uint8Array<ArrayBuffer> {
  const magic = version ? u32(0xf993fac7 + version) : []
  const storage = version >= 2 ? u32(0) : []
  const list = arrays.map(({ shape, type, data }) => {
    const sizes = shape.map((n) => (version ? u64(n) : u32(n)))
    return [magic, storage, u32(shape.length), sizes, u32(1), u32(0), u32(type), data]
  })
  const names = arrays.flatMap(({ name }) => (name === undefined ? [] : [[u64(name.length), name]]))
  return bytesOf(u64(0x112), u64(0), u64(arrays.length), list, u64(names.length), names)
}

export interface Layer {
  readonly name: string
  readonly type: string
  readonly blobs: readonly { shape: readonly number[]; data: Uint8Array; legacy?: boolean }[]
}

/** A protocol-buffer field of bytes. */
export const field = (number: number, ...value: readonly Piece[]): number[] => {
  const content = bytesOf(value)
  return [...varint(number * 8 + 2), ...varint(content.length), ...content]
}

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]

export function caffemodel(layers: readonly Layer[]): Uint8Array<ArrayBuffer> {
  const encoded = layers.map(({ name, type, blobs }) => {
    const encodedBlobs = blobs.map(({ shape, data, legacy }) => {
      const dims = legacy
        ? shape.map((n, i) => [8 * (i + 1), varint(n)])
        : field(7, field(1, shape.map(varint)))
      return field(7, dims, field(5, data))
    })
    // A phase (10, a varint) and a parameter block of no interest stand between.
    return field(100, field(1, name), field(2, type), [80, 1], encodedBlobs, field(106, [8, 3]))
  })
  return bytesOf(field(1, 'net'), encoded)
}
