// The stored values of a grey or palette PNG. General decoders turn a palette into colours, and the class index that
// the file holds is lost; here nothing is converted (PNG specification, third edition: w3.org/TR/png-3).

import { DataError } from '../../engine/errors.ts'
import { damaged, type PngHeader } from './png-format.ts'

export interface LabelImage {
  /** [height, width]: palette indices or grey values as stored; 16-bit files give a Uint16Array. */
  readonly values: Uint8Array | Uint16Array
  readonly height: number
  readonly width: number
}

const GREY = 0
const PALETTE = 3
const COLOUR_TYPES: Record<number, string> = {
  2: 'RGB',
  4: 'grey with transparency',
  6: 'RGB with transparency',
}

/** Throws DataError for a header whose file cannot hold labels. */
export function acceptLabels(
  { height, width, depth, colour, interlaced }: PngHeader,
  file: string,
): void {
  if (colour !== GREY && colour !== PALETTE)
    throw new DataError(
      file,
      `is a ${COLOUR_TYPES[colour] ?? 'strange'} PNG, but labels are class indices`,
      'convert colours to indices and store them as an 8-bit grey or palette PNG',
    )
  if (![1, 2, 4, 8].includes(depth) && !(depth === 16 && colour === GREY))
    throw damaged(file, `announces ${depth} bits a pixel`)
  if (interlaced)
    throw new DataError(file, 'is an interlaced PNG', 'store labels without interlacing')
  if (width === 0 || height === 0) throw damaged(file, `announces ${height}×${width} pixels`)
}

/** The values in the rows of a file. */
export function labelsOf(header: PngHeader, raw: Uint8Array): LabelImage {
  return { values: unpack(raw, header), height: header.height, width: header.width }
}

function unpack(raw: Uint8Array, { height, width, depth }: PngHeader): Uint8Array | Uint16Array {
  const rowBytes = Math.ceil((width * depth) / 8)
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
