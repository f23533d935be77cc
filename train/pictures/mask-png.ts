// PNGs of class masks, at any size and row by row (PNG specification, third edition: w3.org/TR/png-3): of palette indices, since
// general encoders choose a palette of their own and the index is what counts, and of the colours themselves.

import { OptionError } from '../../engine/errors.ts'
import type { Colour } from '../dataset.ts'
import { crc32 } from '../weights/zip.ts'

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10]
const TRUECOLOUR = 2
const PALETTE = 3
/** Bytes of rows that are handed to the compressor at once, about. */
const AT_ONCE = 2 ** 18

/** The bytes of an 8-bit palette PNG whose indices are `values`, [height, width], and whose palette is `colours`. Throws OptionError
 * where the values are not height × width, or one has no colour. */
export async function palettePng(
  values: Uint8Array,
  height: number,
  width: number,
  colours: readonly Colour[],
): Promise<Uint8Array<ArrayBuffer>> {
  checkCount(values, height, width)
  const strange = values.findIndex((v) => v >= colours.length)
  if (strange >= 0)
    throw new OptionError(`index ${values[strange]} is none of ${colours.length} colours`)
  const palette = chunk('PLTE', Uint8Array.from(colours.flat()))
  return png(height, width, PALETTE, [palette], 1, (row, y) =>
    row.set(values.subarray(y * width, (y + 1) * width)),
  )
}

/** The bytes of an RGB PNG with the colour of each of `values`, [height, width]; those beyond `colours`, as void is, are black.
 * Throws OptionError where the values are not height × width. */
export async function colourPng(
  values: Uint8Array,
  height: number,
  width: number,
  colours: readonly Colour[],
): Promise<Uint8Array<ArrayBuffer>> {
  checkCount(values, height, width)
  const bytes = new Uint8Array(3 * 256)
  bytes.set(colours.flat())
  return png(height, width, TRUECOLOUR, [], 3, (row, y) => {
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) row[3 * x + c] = bytes[3 * values[y * width + x] + c]
  })
}

function checkCount(values: Uint8Array, height: number, width: number): void {
  if (values.length !== height * width || !values.length)
    throw new OptionError(`${values.length} indices are not ${height}×${width}`)
}

async function png(
  height: number,
  width: number,
  kind: number,
  before: readonly Uint8Array<ArrayBuffer>[],
  pixelBytes: number,
  fill: (row: Uint8Array, y: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, kind], 8)
  // Each row is as it is: neighbouring indices are equal, and differences of them would not be shorter.
  const rowBytes = width * pixelBytes + 1
  const rows = Math.ceil(AT_ONCE / rowBytes)
  let next = 0
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const end = Math.min(height, next + rows)
      const bytes = new Uint8Array((end - next) * rowBytes)
      for (let at = 1; next < end; next++, at += rowBytes)
        fill(bytes.subarray(at, at + rowBytes - 1), next)
      controller.enqueue(bytes)
      if (end === height) controller.close()
    },
  })
  const stream = source.pipeThrough(new CompressionStream('deflate'))
  const data = new Uint8Array(await new Response(stream).arrayBuffer())
  const head = [Uint8Array.from(SIGNATURE), chunk('IHDR', header), ...before]
  const chunks = [...head, chunk('IDAT', data), chunk('IEND', new Uint8Array())]
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
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
