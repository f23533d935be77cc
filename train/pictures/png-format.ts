// The rows of a PNG file as it stores them: chunks, checksums and the five filters (PNG specification, third edition:
// w3.org/TR/png-3, sections 5, 7 and 9), for every platform; inflating is the caller's.

import { DataError } from '../../engine/errors.ts'
import { crc32 as plainCrc32 } from '../weights/zip.ts'

export interface PngHeader {
  readonly height: number
  readonly width: number
  /** Bits of a sample. */
  readonly depth: number
  /** 0 grey, 2 RGB, 3 palette, 4 and 6 the first two with transparency. */
  readonly colour: number
  readonly interlaced: boolean
}

export interface PngFile {
  readonly header: PngHeader
  /** Types of the chunks that it has. */
  readonly chunks: ReadonlySet<string>
  /** Of compressed rows. */
  readonly parts: readonly Uint8Array[]
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]

export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, i) => bytes[i] === byte)

/** Samples of a pixel, by colour type. */
const SAMPLES: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

/** The chunks of a file that begins as a PNG does. `accept` throws for a header that is of no use. Throws DataError naming `file` where it is
 * truncated or damaged. */
export function readPng(
  bytes: Uint8Array,
  file: string,
  accept: (header: PngHeader) => void = () => {},
  crc32: (bytes: Uint8Array) => number = plainCrc32,
): PngFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  const chunks = new Set<string>()
  let header: PngHeader | undefined
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw damaged(file, 'ends before its last chunk')
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const end = at + 8 + length
    if (end + 4 > bytes.length) throw damaged(file, 'ends before its last chunk')
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end))
      throw damaged(file, `has a wrong checksum in its ${type} chunk`)
    chunks.add(type)
    if (type === 'IHDR') {
      header = readHeader(bytes.subarray(at + 8, end), file)
      accept(header)
    } else if (type === 'IDAT') parts.push(bytes.subarray(at + 8, end))
    else if (type === 'IEND') break
    at = end + 4
  }
  if (!header) throw damaged(file, 'has no header')
  return { header, chunks, parts }
}

const bitsOf = ({ depth, colour }: PngHeader): number => depth * SAMPLES[colour]
const rowBytesOf = (header: PngHeader): number => Math.ceil((header.width * bitsOf(header)) / 8)

/** Bytes that the parts of a file inflate to: rows with a filter byte each. */
export const filteredBytes = (header: PngHeader): number => (rowBytesOf(header) + 1) * header.height

/** Rows without their filter byte, one after the other, each of a whole number of bytes. Throws DataError naming `file`. */
export function rowsOf(header: PngHeader, filtered: Uint8Array, file: string): Uint8Array {
  if (filtered.length < filteredBytes(header))
    throw damaged(file, 'holds fewer rows than it announces')
  const step = Math.max(1, bitsOf(header) / 8)
  return unfiltered(filtered, header.height, rowBytesOf(header), step, file)
}

export function damaged(file: string, what: string): DataError {
  return new DataError(file, `the PNG is damaged: it ${what}`, 'fetch or convert the file again')
}

function readHeader(chunk: Uint8Array, file: string): PngHeader {
  if (chunk.length !== 13) throw damaged(file, 'has a header of the wrong length')
  const view = new DataView(chunk.buffer, chunk.byteOffset, 13)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  return { height, width, depth: chunk[8], colour: chunk[9], interlaced: chunk[12] !== 0 }
}

/** Undoes the filter of each row: what was taken off a byte is a guess from the ones to its left, above, and above to the left. */
function unfiltered(
  data: Uint8Array,
  height: number,
  rowBytes: number,
  step: number,
  file: string,
): Uint8Array {
  const out = new Uint8Array(rowBytes * height)
  let above = new Uint8Array(rowBytes)
  for (let y = 0; y < height; y++) {
    const from = y * (rowBytes + 1) + 1
    const filter = data[from - 1]
    if (filter > 4) throw damaged(file, `uses filter ${filter} in row ${y}`)
    const row = out.subarray(y * rowBytes, (y + 1) * rowBytes)
    row.set(data.subarray(from, from + rowBytes))
    undo[filter](row, above, step)
    above = row
  }
  return out
}

type Undo = (row: Uint8Array, above: Uint8Array, step: number) => void

const undo: readonly Undo[] = [
  () => {},
  (row, _, step) => {
    for (let i = step; i < row.length; i++) row[i] += row[i - step]
  },
  (row, above) => {
    for (let i = 0; i < row.length; i++) row[i] += above[i]
  },
  (row, above, step) => {
    for (let i = 0; i < step && i < row.length; i++) row[i] += above[i] >> 1
    for (let i = step; i < row.length; i++) row[i] += (row[i - step] + above[i]) >> 1
  },
  (row, above, step) => {
    for (let i = 0; i < step && i < row.length; i++) row[i] += above[i]
    if (step === 3) return paethPixels(row, above)
    for (let i = step; i < row.length; i++)
      row[i] += paeth(row[i - step], above[i], above[i - step])
  },
]

/** Of RGB: three sums that do not wait for each other, and what they need of the pixel before stays in registers. */
function paethPixels(row: Uint8Array, above: Uint8Array): void {
  let [r, g, b] = row
  let [cornerR, cornerG, cornerB] = above
  for (let i = 3; i < row.length; i += 3) {
    const upR = above[i]
    const upG = above[i + 1]
    const upB = above[i + 2]
    r = (row[i] + nearest(r, upR, cornerR)) & 255
    g = (row[i + 1] + nearest(g, upG, cornerG)) & 255
    b = (row[i + 2] + nearest(b, upB, cornerB)) & 255
    row[i] = r
    row[i + 1] = g
    row[i + 2] = b
    cornerR = upR
    cornerG = upG
    cornerB = upB
  }
}

/** Of left, up and corner that which is nearest to left + up − corner, the earlier of equally near ones. */
function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner)
  const toUp = Math.abs(left - corner)
  const toCorner = Math.abs(left + up - 2 * corner)
  if (toLeft <= toUp && toLeft <= toCorner) return left
  return toUp <= toCorner ? up : corner
}

/** The same with masks. Photographs choose each about as often, and a processor that has to guess is wrong every other time; of labels,
 * which are flat, it guesses well. */
function nearest(left: number, up: number, corner: number): number {
  const dy = up - corner
  const dx = left - corner
  const both = dx + dy
  const toLeft = (dy ^ (dy >> 31)) - (dy >> 31)
  const toUp = (dx ^ (dx >> 31)) - (dx >> 31)
  const toCorner = (both ^ (both >> 31)) - (both >> 31)
  // All ones where left is farther than one of the others, and where up is farther than corner.
  const notLeft = ((toUp - toLeft) | (toCorner - toLeft)) >> 31
  const notUp = (toCorner - toUp) >> 31
  return (left & ~notLeft) | (((up & ~notUp) | (corner & notUp)) & notLeft)
}
