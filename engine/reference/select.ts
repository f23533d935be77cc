// Orders and selections by sorting, row by row; and counts.

import { reference, rowsOf, type Value } from './value.ts'

type Row = ArrayLike<number>

/** One array from a function of each row. */
function perRow(x: Value, f: (row: Float64Array, r: number) => Row): Float64Array {
  const [rows, m] = rowsOf(x)
  const parts = Array.from({ length: rows }, (_, r) =>
    Array.from(f(x.data.subarray(r * m, (r + 1) * m), r)),
  )
  return Float64Array.from(parts.flat())
}

/** Indices of a row in an order; what it takes for equal stays in the order of the indices. */
const orderOf = (row: Row, compare: (a: number, b: number) => number): number[] =>
  Array.from(row, (_, i) => i).sort((i, j) => compare(row[i], row[j]) || i - j)

/** NaN first, then from the largest to the smallest; 0 and −0 are equal. */
function descending(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a))
  return a === b ? 0 : a > b ? -1 : 1
}

interface Histogram {
  readonly bins: number
  readonly low: number
  readonly high: number
  readonly scale: number
}

type Rank = { readonly k: number }

export const selectReferences = {
  sortOrder: reference<{ bits: number }>(([keys], { bits }) => [
    perRow(keys, (row) =>
      orderOf(
        row.map((x) => x % 2 ** bits),
        (a, b) => a - b,
      ),
    ),
  ]),

  topK: reference<Rank>(([x], { k }) => {
    const indices = perRow(x, (row) => orderOf(row, descending).slice(0, k))
    const [, m] = rowsOf(x)
    return [indices.map((j, i) => x.data[Math.floor(i / k) * m + j]), indices]
  }),

  kthLargest: reference<Rank>(([x], { k }) => {
    const indices = perRow(x, (row) => [orderOf(row, descending)[k - 1]])
    const [, m] = rowsOf(x)
    return [indices.map((j, r) => x.data[r * m + j]), indices]
  }),

  putDistinct: reference<{ m: number }>(([v, indices], { m }) => {
    const [rows, k] = rowsOf(v)
    const y = new Float64Array(rows * m)
    v.data.forEach((x, i) => {
      y[Math.floor(i / k) * m + indices.data[i]] = x
    })
    return [y]
  }),

  /** Marks the k largest valid values of each row; kept is how many there were to mark. */
  selectLargest: reference<Rank>(([values, valid], { k }) => {
    const [, m] = rowsOf(values)
    const chosenOf = (row: Row, r: number) =>
      orderOf(row, descending)
        .filter((i) => valid.data[r * m + i] !== 0)
        .slice(0, k)
    const mask = perRow(values, (row, r) => {
      const chosen = new Set(chosenOf(row, r))
      return row.map((_, i) => Number(chosen.has(i)))
    })
    return [mask, perRow(values, (row, r) => [chosenOf(row, r).length])]
  }),

  histogram: reference<Histogram>(([x], { bins, low, high, scale }) => {
    const counts = new Float64Array(bins)
    for (const v of x.data) {
      if (!(v >= low && v <= high)) continue
      counts[Math.min(Math.floor(Math.fround(Math.fround(v - low) * scale)), bins - 1)]++
    }
    return [counts]
  }),
}
