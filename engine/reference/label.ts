// Scores over classes, row by row: softmax, the score at a label, the best class, and the largest values of a row.

import { reference, rowsOf, type Value } from './value.ts'

const rowOf = (x: Value, r: number): Float64Array => {
  const [, c] = rowsOf(x)
  return x.data.subarray(r * c, (r + 1) * c)
}

/** One array from a function of each row. */
function perRow(x: Value, f: (row: Float64Array, r: number) => ArrayLike<number>): Float64Array {
  const [rows] = rowsOf(x)
  const parts = Array.from({ length: rows }, (_, r) => Array.from(f(rowOf(x, r), r)))
  return Float64Array.from(parts.flat())
}

function logSoftmax(row: Float64Array): Float64Array {
  const most = Math.max(...row)
  const total = row.reduce((n, v) => n + Math.exp(v - most), 0)
  return row.map((v) => v - most - Math.log(total))
}

/** Descending, NaN before everything, equal values in the order of their indices. */
function ranking(row: ArrayLike<number>): number[] {
  const key = (i: number) => (Number.isNaN(row[i]) ? Number.POSITIVE_INFINITY : row[i])
  const first = (i: number) => (Number.isNaN(row[i]) ? 0 : 1)
  return Array.from(row, (_, i) => i).sort((a, b) => {
    if (first(a) !== first(b)) return first(a) - first(b)
    return key(a) === key(b) ? a - b : key(b) - key(a)
  })
}

export const labelReferences = {
  softmax: reference(([x]) => [perRow(x, (row) => logSoftmax(row).map(Math.exp))]),
  logSoftmax: reference(([x]) => [perRow(x, logSoftmax)]),

  /** 0 where the label is no class. */
  takeLabel: reference(([x, labels]) => [perRow(x, (row, r) => [row[labels.data[r]] ?? 0])]),

  scatterLabel: reference<{ classes: number }>(([dy, labels], { classes }) => {
    const y = new Float64Array(dy.data.length * classes)
    labels.data.forEach((label, r) => {
      if (label >= 0 && label < classes) y[r * classes + label] = dy.data[r]
    })
    return [y]
  }),

  argmax: reference(([x]) => [perRow(x, (row) => [ranking(row)[0]])]),

  /** Marks the k largest valid values of each row; kept is how many there were to mark. */
  selectLargest: reference<{ k: number }>(([values, valid], { k }) => {
    const mask = perRow(values, (row, r) => {
      const allowed = ranking(row).filter((i) => rowOf(valid, r)[i] !== 0)
      const chosen = new Set(allowed.slice(0, k))
      return row.map((_, i) => (chosen.has(i) ? 1 : 0))
    })
    const [rows, m] = rowsOf(values)
    const kept = Float64Array.from({ length: rows }, (_, r) =>
      mask.subarray(r * m, (r + 1) * m).reduce((a, b) => a + b, 0),
    )
    return [mask, kept]
  }),
}
