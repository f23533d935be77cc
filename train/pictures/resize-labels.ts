// Label maps at another size. Labels cannot be averaged: a cell takes what most of it is, or nothing, or what its centre is.

import { VOID } from '../dataset.ts'

/**
 * Labels [height, width] at [toHeight, toWidth]. Where both factors are whole, FRRN's rule: the label that holds more
 * than half of a cell, else void. Otherwise the label at the centre of each target pixel. The same size gives the same array.
 */
export function resizeLabels(
  labels: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Uint8Array {
  if (height === toHeight && width === toWidth) return labels
  const whole = height % toHeight === 0 && width % toWidth === 0
  return whole
    ? cellMajority(labels, height, width, height / toHeight, width / toWidth)
    : resizeNearest(labels, height, width, toHeight, toWidth)
}

/** The label that holds more than half of each cell of fy × fx, else void, [⌈height / fy⌉, ⌈width / fx⌉]; a cell at the edge is what is
 * there of it. */
export function cellMajority(
  labels: Uint8Array,
  height: number,
  width: number,
  fy: number,
  fx: number,
): Uint8Array {
  const toHeight = Math.ceil(height / fy)
  const toWidth = Math.ceil(width / fx)
  const out = new Uint8Array(toHeight * toWidth)
  for (let y = 0, to = 0; y < toHeight; y++) {
    const rows = Math.min(fy, height - y * fy)
    for (let x = 0; x < toWidth; x++, to++) {
      const start = y * fy * width + x * fx
      out[to] = majorityOf(labels, start, rows, Math.min(fx, width - x * fx), width)
    }
  }
  return out
}

/** Boyer and Moore: only what is left standing can hold more than half; a second look counts it. */
function majorityOf(
  labels: Uint8Array,
  start: number,
  rows: number,
  columns: number,
  width: number,
): number {
  let winner = VOID
  let lead = 0
  for (let j = 0, row = start; j < rows; j++, row += width)
    for (let i = row; i < row + columns; i++) {
      const label = labels[i]
      if (lead === 0) winner = label
      lead += label === winner ? 1 : -1
    }
  // Where nobody was of another opinion there is nothing to count.
  if (lead === rows * columns) return winner
  let votes = 0
  for (let j = 0, row = start; j < rows; j++, row += width)
    for (let i = row; i < row + columns; i++) if (labels[i] === winner) votes++
  return 2 * votes > rows * columns ? winner : VOID
}

/** The value in the middle of each cell of factor × factor, below and to the right where there are two. */
export function nearestOfCells<T extends Uint8Array | Uint16Array>(
  values: T,
  height: number,
  width: number,
  factor: number,
): T {
  const middles = (length: number) =>
    Int32Array.from({ length: Math.ceil(length / factor) }, (_, i) =>
      Math.min(length - 1, i * factor + Math.floor(factor / 2)),
    )
  return picked(values, width, middles(height), middles(width))
}

/** The values [height, width] at the centre of each pixel of [toHeight, toWidth]. */
export function resizeNearest<T extends Uint8Array | Uint16Array>(
  values: T,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): T {
  const all = { top: 0, left: 0, height: toHeight, width: toWidth }
  return nearestWindow(values, height, width, toHeight, toWidth, all)
}

/** A region of that. */
export function nearestWindow<T extends Uint8Array | Uint16Array>(
  values: T,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
  region: {
    readonly top: number
    readonly left: number
    readonly height: number
    readonly width: number
  },
): T {
  const centres = (first: number, count: number, from: number, to: number) =>
    Int32Array.from({ length: count }, (_, i) =>
      Math.min(from - 1, Math.floor(((first + i + 0.5) * from) / to)),
    )
  const rows = centres(region.top, region.height, height, toHeight)
  return picked(values, width, rows, centres(region.left, region.width, width, toWidth))
}

function picked<T extends Uint8Array | Uint16Array>(
  values: T,
  width: number,
  rows: Int32Array,
  columns: Int32Array,
): T {
  const length = rows.length * columns.length
  const out = values instanceof Uint16Array ? new Uint16Array(length) : new Uint8Array(length)
  for (let y = 0, to = 0; y < rows.length; y++) {
    const row = rows[y] * width
    for (let x = 0; x < columns.length; x++, to++) out[to] = values[row + columns[x]]
  }
  return out as T
}
