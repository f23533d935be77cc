// The stored values of a grey or palette PNG. General decoders turn a palette into colours, and the class index that
// the file holds is lost; here nothing is converted (PNG specification, third edition: w3.org/TR/png-3).

import { inflateSync } from 'node:zlib'
import { DataError } from '../engine/errors.ts'

export interface LabelImage {
  /** [height, width]: palette indices or grey values as stored; 16-bit files give a Uint16Array. */
  readonly values: Uint8Array | Uint16Array
  readonly height: number
  readonly width: number
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]
const GREY = 0
const PALETTE = 3
const COLOUR_TYPES: Record<number, string> = {
  2: 'RGB',
  4: 'grey with transparency',
  6: 'RGB with transparency',
}

interface Header {
  readonly height: number
  readonly width: number
  readonly depth: number
  readonly colour: number
}

/**
 * Reads a grey (1, 2, 4, 8, 16 bits) or palette (1, 2, 4, 8 bits) PNG. Throws DataError naming `file` for anything else
 * and for a file that is truncated or damaged.
 */
export function readPngLabels(bytes: Uint8Array, file: string): LabelImage {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte))
    throw new DataError(file, 'is not a PNG', 'labels are read from grey or palette PNG files')
  const { header, parts } = readChunks(bytes, file)
  const rowBytes = Math.ceil((header.width * header.depth) / 8)
  const expected = (rowBytes + 1) * header.height
  const filtered = inflate(parts, expected, file)
  if (filtered.length < expected) throw damaged(file, 'holds fewer rows than it announces')
  const raw = unfilter(filtered, rowBytes, header, file)
  return { values: unpack(raw, rowBytes, header), height: header.height, width: header.width }
}

function damaged(file: string, what: string): DataError {
  return new DataError(file, `the PNG is damaged: it ${what}`, 'fetch or convert the file again')
}

function readChunks(bytes: Uint8Array, file: string): { header: Header; parts: Uint8Array[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  let header: Header | undefined
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw damaged(file, 'ends before its last chunk')
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const end = at + 8 + length
    if (end + 4 > bytes.length) throw damaged(file, 'ends before its last chunk')
    if (crc32(bytes, at + 4, end) !== view.getUint32(end))
      throw damaged(file, `has a wrong checksum in its ${type} chunk`)
    if (type === 'IHDR') header = readHeader(bytes.subarray(at + 8, end), file)
    else if (type === 'IDAT') parts.push(bytes.subarray(at + 8, end))
    else if (type === 'IEND') break
    at = end + 4
  }
  if (!header) throw damaged(file, 'has no header')
  return { header, parts }
}

function readHeader(chunk: Uint8Array, file: string): Header {
  if (chunk.length !== 13) throw damaged(file, 'has a header of the wrong length')
  const view = new DataView(chunk.buffer, chunk.byteOffset, 13)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth, colour] = [chunk[8], chunk[9]]
  if (colour !== GREY && colour !== PALETTE)
    throw new DataError(
      file,
      `is a ${COLOUR_TYPES[colour] ?? 'strange'} PNG, but labels are class indices`,
      'convert colours to indices and store them as an 8-bit grey or palette PNG',
    )
  if (![1, 2, 4, 8].includes(depth) && !(depth === 16 && colour === GREY))
    throw damaged(file, `announces ${depth} bits a pixel`)
  if (chunk[12] !== 0)
    throw new DataError(file, 'is an interlaced PNG', 'store labels without interlacing')
  if (width === 0 || height === 0) throw damaged(file, `announces ${height}×${width} pixels`)
  return { height, width, depth, colour }
}

function inflate(parts: readonly Uint8Array[], expected: number, file: string): Uint8Array {
  try {
    // The limit keeps a small hostile file from filling the memory.
    return inflateSync(Buffer.concat(parts), { maxOutputLength: expected + 64 })
  } catch (error) {
    throw damaged(file, `does not unpack (${(error as Error).message})`)
  }
}

/** Undoes the filter of each row, in place of the filtered bytes; returns rows without their filter byte. */
function unfilter(data: Uint8Array, rowBytes: number, header: Header, file: string): Uint8Array {
  const step = Math.max(1, header.depth / 8)
  const out = new Uint8Array(rowBytes * header.height)
  for (let y = 0; y < header.height; y++) {
    const filter = data[y * (rowBytes + 1)]
    if (filter > 4) throw damaged(file, `uses filter ${filter} in row ${y}`)
    const from = y * (rowBytes + 1) + 1
    const to = y * rowBytes
    for (let i = 0; i < rowBytes; i++) {
      const left = i < step ? 0 : out[to + i - step]
      const up = y === 0 ? 0 : out[to + i - rowBytes]
      const corner = i < step || y === 0 ? 0 : out[to + i - rowBytes - step]
      out[to + i] = data[from + i] + predict(filter, left, up, corner)
    }
  }
  return out
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  const toLeft = Math.abs(up - corner)
  const toUp = Math.abs(left - corner)
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

function unpack(raw: Uint8Array, rowBytes: number, header: Header): Uint8Array | Uint16Array {
  const { height, width, depth } = header
  if (depth === 8) return raw
  if (depth === 16)
    return Uint16Array.from(
      { length: height * width },
      (_, i) => (raw[2 * i] << 8) | raw[2 * i + 1],
    )
  const values = new Uint8Array(height * width)
  const perByte = 8 / depth
  const mask = (1 << depth) - 1
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const byte = raw[y * rowBytes + Math.floor(x / perByte)]
      values[y * width + x] = (byte >> (8 - depth * ((x % perByte) + 1))) & mask
    }
  return values
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  return c
})

/** The check sum of a PNG's chunk: of its type and data, bytes `start` … `end` − 1. */
export function crc32(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffffffff
  for (let i = start; i < end; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
