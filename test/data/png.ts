// A PNG writer for tests: any depth, a different filter on each row.

import { deflateSync } from 'node:zlib'

/** Grey (colour 0), palette (3) or RGB (2, `width` counting samples) PNG of these values; `rows` may announce another height than is stored. */
export function png(
  values: readonly number[],
  height: number,
  width: number,
  depth: number,
  colour: number,
  rows = height,
): Uint8Array {
  const header = new Uint8Array(13)
  const samples = colour === 2 ? 3 : 1
  new DataView(header.buffer).setUint32(0, width / samples)
  new DataView(header.buffer).setUint32(4, rows)
  header.set([depth, colour], 8)
  const palette = Uint8Array.from({ length: 3 * 2 ** Math.min(8, depth) }, (_, i) => (i * 91) % 256)
  const parts = [chunk('IHDR', header)]
  if (colour === 3) parts.push(chunk('PLTE', palette))
  parts.push(chunk('IDAT', deflateSync(filtered(values, height, width, depth, samples))))
  parts.push(chunk('IEND', new Uint8Array(0)))
  return new Uint8Array(
    Buffer.concat([Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10]), ...parts]),
  )
}

function filtered(
  values: readonly number[],
  height: number,
  width: number,
  depth: number,
  samples: number,
) {
  const rowBytes = Math.ceil((width * depth) / 8)
  const step = Math.max(1, (depth * samples) / 8)
  const raw = new Uint8Array(rowBytes * height)
  values.forEach((value, i) => {
    const at = Math.floor(i / width) * rowBytes * 8 + (i % width) * depth
    for (let bit = 0; bit < depth; bit++)
      if ((value >> (depth - 1 - bit)) & 1) raw[(at + bit) >> 3] |= 128 >> ((at + bit) & 7)
  })
  const out = new Uint8Array((rowBytes + 1) * height)
  for (let y = 0; y < height; y++) {
    out[y * (rowBytes + 1)] = y % 5
    for (let i = 0; i < rowBytes; i++) {
      const a = i < step ? 0 : raw[y * rowBytes + i - step]
      const b = y === 0 ? 0 : raw[(y - 1) * rowBytes + i]
      const c = i < step || y === 0 ? 0 : raw[(y - 1) * rowBytes + i - step]
      const guess = [0, a, b, (a + b) >> 1, paeth(a, b, c)][y % 5]
      out[y * (rowBytes + 1) + 1 + i] = raw[y * rowBytes + i] - guess
    }
  }
  return out
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)]
  if (pa <= pb && pa <= pc) return a
  return pb <= pc ? b : c
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, data.length)
  out.set(new TextEncoder().encode(type), 4)
  out.set(data, 8)
  view.setUint32(8 + data.length, crc32Of(out.subarray(4, 8 + data.length)))
  return out
}

/** CRC-32 as PNG uses it, bit by bit. */
export function crc32Of(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
