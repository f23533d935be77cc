// FRRN: a picture at one f-th of its size, with the eight taps of Lanczos-4 along each axis, labels by the majority of their cells.
//
// As OpenCV does it, the filter is not widened by f: target pixel i is made of the 8 source pixels around its centre
// (i + ½) · f − ½, weighted by sinc(x) · sinc(x / 4) and their sum made 1. For even f the centre lies between two pixels, and the
// weights are those of ±½, ±1½, ±2½, ±3½, the same everywhere; for odd f it is a pixel, and the others weigh nothing. Beyond the
// edge the last pixel is repeated.

import { cellMajority, nearestOfCells } from '../pictures/resize-labels.ts'
import { type Frame, numbersOf } from './frame.ts'

const sinc = (x: number): number => Math.sin(Math.PI * x) / (Math.PI * x)
const raw = [0.5, 1.5, 2.5, 3.5].map((x) => sinc(x) * sinc(x / 4))
const half = raw.map((w) => w / (2 * raw.reduce((sum, v) => sum + v)))

/** A frame of ⌈h/f⌉ × ⌈w/f⌉. What is left of a cell at the right and the bottom counts as a cell. */
export function subsampled(frame: Frame, factor: number): Frame {
  const { name, labels, instances } = frame
  if (factor === 1) return frame
  const height = Math.ceil(frame.height / factor)
  const width = Math.ceil(frame.width / factor)
  return {
    name,
    height,
    width,
    image: factor % 2 ? middles(frame, factor, height, width) : eight(frame, factor, height, width),
    labels: labels && cellMajority(labels, frame.height, frame.width, factor, factor),
    instances: instances && nearestOfCells(instances, frame.height, frame.width, factor),
  }
}

/** The pixel in the middle of each cell. */
function middles(frame: Frame, factor: number, height: number, width: number): Float32Array {
  const image = numbersOf(frame)
  const out = new Float32Array(3 * height * width)
  const middle = (factor - 1) / 2
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.min(frame.height - 1, y * factor + middle) * frame.width
    for (let x = 0; x < width; x++, to += 3) {
      const from = 3 * (row + Math.min(frame.width - 1, x * factor + middle))
      out[to] = image[from]
      out[to + 1] = image[from + 1]
      out[to + 2] = image[from + 2]
    }
  }
  return out
}

/** Columns first, then the rows that came of them; where two pixels weigh the same they are added before. */
function eight(frame: Frame, factor: number, height: number, width: number): Float32Array {
  const { image } = frame
  const scale = image instanceof Uint8Array ? 1 / 255 : 1
  const [w0, w1, w2, w3] = half
  const across = 3 * frame.width
  // Beyond the edges as far as taps reach: four pixels, and half a cell more at the end.
  const line = new Float32Array(12 + across + 3 * (factor / 2 + 4))
  const out = new Float32Array(3 * height * width)
  for (let y = 0; y < height; y++) {
    const first = y * factor + factor / 2 - 4
    const row = (k: number) => Math.min(frame.height - 1, Math.max(0, first + k)) * across
    sumRows(
      image,
      Array.from({ length: 8 }, (_, k) => row(k)),
      scale,
      across,
      line,
    )
    for (let i = 0; i < 12; i++) line[i] = line[12 + (i % 3)]
    for (let i = 12 + across; i < line.length; i++) line[i] = line[i - 3]
    for (let x = 0, to = 3 * y * width; x < width; x++)
      for (let c = 0; c < 3; c++, to++) {
        const i = 3 * (x * factor + factor / 2) + c
        const v =
          w3 * (line[i] + line[i + 21]) +
          w2 * (line[i + 3] + line[i + 18]) +
          w1 * (line[i + 6] + line[i + 15]) +
          w0 * (line[i + 9] + line[i + 12])
        out[to] = v < 0 ? 0 : v > 1 ? 1 : v
      }
  }
  return out
}

/** The weighted sum of eight rows, behind the four pixels before the line's first. */
function sumRows(
  image: Uint8Array | Float32Array,
  [a, b, c, d, e, f, g, h]: readonly number[],
  scale: number,
  across: number,
  line: Float32Array,
): void {
  const [w0, w1, w2, w3] = half.map((w) => w * scale)
  for (let i = 0; i < across; i++)
    line[12 + i] =
      w3 * (image[a + i] + image[h + i]) +
      w2 * (image[b + i] + image[g + i]) +
      w1 * (image[c + i] + image[f + i]) +
      w0 * (image[d + i] + image[e + i])
}
