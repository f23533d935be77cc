// A PNG of palette indices: general encoders choose a palette of their own, and the index is what counts (PNG specification,
// third edition: w3.org/TR/png-3).

import { OptionError } from '../../engine/errors.ts'
import type { Colour } from '../dataset.ts'
import { crc32 } from '../weights/zip.ts'

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]
const PALETTE = 3

/** The bytes of an 8-bit palette PNG whose indices are `values`, [height, width], and whose palette is `colours`. Throws OptionError
 * where the values are not height × width, or one has no colour. */
export async function palettePng(
  values: Uint8Array,
  height: number,
  width: number,
  colours: readonly Colour[],
): Promise<Uint8Array<ArrayBuffer>> {
  if (values.length !== height * width || !values.length)
    throw new OptionError(`${values.length} indices are not ${height}×${width}`)
  const strange = values.findIndex((v) => v >= colours.length)
  if (strange >= 0)
    throw new OptionError(`index ${values[strange]} is none of ${colours.length} colours`)
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, PALETTE], 8)
  // Each row is as it is: neighbouring indices are equal, and differences of them would not be shorter.
  const rows = new Uint8Array((width + 1) * height)
  for (let y = 0; y < height; y++)
    rows.set(values.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  const chunks = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    chunk('PLTE', Uint8Array.from(colours.flat())),
    chunk('IDAT', await deflated(rows)),
    chunk('IEND', new Uint8Array()),
  ]
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}

async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + 12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, data.length)
  bytes.set(new TextEncoder().encode(type), 4)
  bytes.set(data, 8)
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)))
  return bytes
}
