// A picture at another size, rows and columns apart: each target pixel is a weighted sum of the source pixels around its centre.
//
//   centre of target pixel i in source pixels:   c = (i + ½) · from / to − ½
//   weight of source pixel j:                    filter((j − c) / s),   s = max(1, from / to)
//
// When a picture shrinks the filter is widened by s, so that it takes all that a target pixel covers and nothing is aliased; weights
// beyond the edge are left out and the rest made to sum to 1. This is how Pillow resizes, which the code of Wu et al. does it with.

import { type Frame, type Region, shares } from './frame.ts'

export interface Filter {
  /** It is 0 from here on. */
  readonly radius: number
  at(x: number): number
}

/** Keys's cubic with a = −½. */
export const cubic: Filter = {
  radius: 2,
  at(x) {
    const t = Math.abs(x)
    if (t < 1) return (1.5 * t - 2.5) * t * t + 1
    return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
  },
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))

/** sinc(x) · sinc(x / 3). */
export const lanczos3: Filter = {
  radius: 3,
  at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0),
}

interface Taps {
  /** Source pixels to each target pixel. */
  readonly count: number
  /** The first of them. */
  readonly start: Int32Array
  /** [target pixel, tap]. */
  readonly weights: Float64Array
}

/** The sums that make target pixels first … first + length − 1 of `to` out of `from`. */
export function tapsOf(
  from: number,
  to: number,
  filter: Filter,
  first: number,
  length: number,
): Taps {
  const scale = Math.max(1, from / to)
  const reach = filter.radius * scale
  // Pixels strictly within reach: at its ends filters are 0.
  const count = Math.min(from, Math.ceil(2 * reach))
  const start = new Int32Array(length)
  const weights = new Float64Array(length * count)
  for (let i = 0; i < length; i++) {
    const centre = ((first + i + 0.5) * from) / to - 0.5
    start[i] = Math.min(from - count, Math.max(0, Math.floor(centre - reach) + 1))
    let sum = 0
    for (let k = 0; k < count; k++) sum += filter.at((start[i] + k - centre) / scale)
    for (let k = 0; k < count; k++)
      weights[i * count + k] = filter.at((start[i] + k - centre) / scale) / sum
  }
  return { count, start, weights }
}

/** A region of the image as it is when resized to [toHeight, toWidth], cut off at 0 and 1; the rest of it is not computed. */
export function resampled(
  { image, height, width }: Pick<Frame, 'image' | 'height' | 'width'>,
  toHeight: number,
  toWidth: number,
  rowFilter: Filter,
  columnFilter: Filter,
  region: Region,
): Float32Array {
  const rows = tapsOf(height, toHeight, columnFilter, region.top, region.height)
  const columns = tapsOf(width, toWidth, rowFilter, region.left, region.width)
  const firstRow = rows.start[0]
  const lastRow = rows.start[region.height - 1] + rows.count
  const firstColumn = columns.start[0]
  const lastColumn = columns.start[region.width - 1] + columns.count
  const line = new Float64Array(3 * (lastColumn - firstColumn))
  const across = 3 * region.width
  const between = new Float32Array((lastRow - firstRow) * across)
  for (let y = firstRow; y < lastRow; y++) {
    const from = 3 * (y * width + firstColumn)
    if (image instanceof Uint8Array)
      for (let i = 0; i < line.length; i++) line[i] = shares[image[from + i]]
    else for (let i = 0; i < line.length; i++) line[i] = image[from + i]
    acrossRow(line, firstColumn, columns, between, (y - firstRow) * across)
  }
  return downColumns(between, firstRow, rows, across)
}

/** One row, in another width. */
function acrossRow(
  line: Float64Array,
  firstColumn: number,
  { start, count, weights }: Taps,
  out: Float32Array,
  at: number,
): void {
  for (let x = 0, to = at, w = 0; x < start.length; x++, to += 3) {
    let from = 3 * (start[x] - firstColumn)
    let r = 0
    let g = 0
    let b = 0
    for (let k = 0; k < count; k++, from += 3, w++) {
      const weight = weights[w]
      r += weight * line[from]
      g += weight * line[from + 1]
      b += weight * line[from + 2]
    }
    out[to] = r
    out[to + 1] = g
    out[to + 2] = b
  }
}

/** Rows of `across` numbers in another height, cut off at 0 and 1; four source rows at a time, since the sums lie in memory. */
function downColumns(
  rows: Float32Array,
  firstRow: number,
  { start, count, weights }: Taps,
  across: number,
): Float32Array {
  const height = start.length
  const out = new Float32Array(height * across)
  const sums = new Float64Array(across)
  for (let y = 0; y < height; y++) {
    sums.fill(0)
    let w = y * count
    let a = (start[y] - firstRow) * across
    let left = count
    for (; left >= 4; left -= 4, w += 4, a += 4 * across) {
      const w0 = weights[w]
      const w1 = weights[w + 1]
      const w2 = weights[w + 2]
      const w3 = weights[w + 3]
      const b = a + across
      const c = b + across
      const d = c + across
      for (let i = 0; i < across; i++)
        sums[i] += w0 * rows[a + i] + w1 * rows[b + i] + w2 * rows[c + i] + w3 * rows[d + i]
    }
    for (; left > 0; left--, w++, a += across) {
      const weight = weights[w]
      for (let i = 0; i < across; i++) sums[i] += weight * rows[a + i]
    }
    for (let i = 0, to = y * across; i < across; i++, to++) {
      const v = sums[i]
      out[to] = v < 0 ? 0 : v > 1 ? 1 : v
    }
  }
  return out
}
