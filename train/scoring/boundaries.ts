// Where the classes of a label image meet, and how far every pixel is from there.

import { OptionError } from '../../engine/errors.ts'
import { VOID } from '../dataset.ts'

/** Squared distance of every pixel of an image in which nothing meets. */
export const NO_BOUNDARY = 2 ** 30

export interface BoundaryOptions {
  /** Whether a class also meets void. Default false: Cityscapes' void is a margin, not an object. */
  readonly withVoid?: boolean
}

export type DistanceNorm = 'euclidean' | 'chessboard'

/** 1 at each pixel with a neighbour above, below, left or right of another label, u8 [height, width]; void (255) is a label like
 * others `withVoid`, and without it neither a boundary nor the cause of one. Throws OptionError where the labels are
 * not height × width. */
export function labelBoundaries(
  labels: Uint8Array,
  height: number,
  width: number,
  { withVoid = false }: BoundaryOptions = {},
): Uint8Array {
  checkSize('labelBoundaries', labels, height, width)
  const boundary = new Uint8Array(labels.length)
  const meet = (i: number, j: number) => {
    if (labels[i] === labels[j]) return
    if (!withVoid && (labels[i] === VOID || labels[j] === VOID)) return
    boundary[i] = 1
    boundary[j] = 1
  }
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = y * width + x
      if (x + 1 < width) meet(i, i + 1)
      if (y + 1 < height) meet(i, i + width)
    }
  return boundary
}

/** The squared distance in pixels, centre to centre, from each pixel to the nearest marked one: exact whole numbers,
 * [height, width], `NO_BOUNDARY` everywhere where none is marked. `chessboard` counts the larger of rows and columns.
 * Throws OptionError where `marked` is not height × width.
 *
 * One pass along the columns finds the distance within each; the second takes, along each row, the lower envelope of
 * the parabolas d(x) = column² + (x − x₀)² (Felzenszwalb and Huttenlocher 2012), or for the chessboard, where two
 * sweeps over the neighbours are exact, those. */
export function squaredDistances(
  marked: Uint8Array,
  height: number,
  width: number,
  norm: DistanceNorm = 'euclidean',
): Int32Array {
  checkSize('squaredDistances', marked, height, width)
  if (!marked.includes(1)) return new Int32Array(marked.length).fill(NO_BOUNDARY)
  return norm === 'chessboard'
    ? chessboard(marked, height, width)
    : euclidean(marked, height, width)
}

function euclidean(marked: Uint8Array, height: number, width: number): Int32Array {
  const far = height + width
  const columns = new Int32Array(marked.length)
  for (let x = 0; x < width; x++) {
    let since = far
    for (let y = 0; y < height; y++) {
      since = marked[y * width + x] ? 0 : since + 1
      columns[y * width + x] = since
    }
    since = far
    for (let y = height - 1; y >= 0; y--) {
      since = marked[y * width + x] ? 0 : since + 1
      columns[y * width + x] = Math.min(since, columns[y * width + x])
    }
  }
  const squared = new Int32Array(marked.length)
  // Parabola k has its foot at column feet[k] and is the lowest from column from[k] on.
  const feet = new Int32Array(width)
  const from = new Float64Array(width)
  for (let y = 0; y < height; y++) {
    const row = y * width
    const rise = (x: number) => columns[row + x] ** 2 + x * x
    let last = -1
    for (let x = 0; x < width; x++) {
      let start = Number.NEGATIVE_INFINITY
      while (last >= 0) {
        const foot = feet[last]
        start = (rise(x) - rise(foot)) / (2 * (x - foot))
        if (start > from[last]) break
        last--
      }
      last++
      feet[last] = x
      from[last] = last ? start : Number.NEGATIVE_INFINITY
    }
    for (let x = 0, k = 0; x < width; x++) {
      while (k < last && from[k + 1] <= x) k++
      squared[row + x] = columns[row + feet[k]] ** 2 + (x - feet[k]) ** 2
    }
  }
  return squared
}

function chessboard(marked: Uint8Array, height: number, width: number): Int32Array {
  const d = new Int32Array(marked.length)
  const sweep = (y: number, x: number, step: 1 | -1) => {
    const i = y * width + x
    let near = marked[i] ? 0 : step > 0 ? height + width : d[i]
    for (const [dy, dx] of [
      [step, -1],
      [step, 0],
      [step, 1],
      [0, step],
    ]) {
      const [r, c] = [y - dy, x - dx]
      if (r >= 0 && r < height && c >= 0 && c < width) near = Math.min(near, d[r * width + c] + 1)
    }
    d[i] = near
  }
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) sweep(y, x, 1)
  for (let y = height - 1; y >= 0; y--) for (let x = width - 1; x >= 0; x--) sweep(y, x, -1)
  return d.map((v) => v * v)
}

function checkSize(me: string, pixels: Uint8Array, height: number, width: number): void {
  if (pixels.length !== height * width || !pixels.length)
    throw new OptionError(
      `${me}: ${pixels.length} pixels are not ${height}×${width}`,
      'give one value for each pixel, row by row',
    )
}
