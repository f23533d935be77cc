// Orders and selections by sorting, row by row.

import { reference, rowsOf, type Value } from './value.ts'

/** The elements of row r. */
const rowOf = (x: Value, r: number): Float64Array => {
  const [, m] = rowsOf(x)
  return x.data.subarray(r * m, (r + 1) * m)
}

/** One array from a function of each row. */
function perRow(x: Value, f: (row: Float64Array, r: number) => ArrayLike<number>): Float64Array {
  const [rows] = rowsOf(x)
  const parts = Array.from({ length: rows }, (_, r) => Array.from(f(rowOf(x, r), r)))
  return Float64Array.from(parts.flat())
}

/** Indices of a row, ascending by key; equal keys in the order of their indices. */
const orderBy = (row: ArrayLike<number>, key: (x: number) => number): number[] =>
  Array.from(row, (_, i) => i).sort((a, b) => key(row[a]) - key(row[b]) || a - b)

export const selectReferences = {
  sortOrder: reference<{ bits: number }>(([keys], { bits }) => [
    perRow(keys, (row) => orderBy(row, (x) => x % 2 ** bits)),
  ]),
}
