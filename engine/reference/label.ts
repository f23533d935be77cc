// Scores over classes: softmax along any axis, and row by row the score at a label.

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

type AlongAxis = { readonly axis: number }

/** As the first input, from what a function makes of each run of elements along the axis, the same of every input. */
function perColumn(
  xs: readonly Value[],
  { axis }: AlongAxis,
  f: (...columns: Float64Array[]) => ArrayLike<number>,
): Float64Array[] {
  const [{ shape, data }] = xs
  const y = new Float64Array(data.length)
  const c = shape[axis]
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  for (let begin = 0; begin < data.length; begin++) {
    if (Math.floor(begin / inner) % c) continue
    const at = Array.from({ length: c }, (_, j) => begin + j * inner)
    const column = f(...xs.map((x) => Float64Array.from(at, (i) => x.data[i])))
    at.forEach((i, j) => {
      y[i] = column[j]
    })
  }
  return [y]
}

const total = (xs: Float64Array) => xs.reduce((a, b) => a + b, 0)

function logSoftmax(row: Float64Array): Float64Array {
  const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const sum = total(row.map((v) => Math.exp(v - most)))
  return row.map((v) => v - most - Math.log(sum))
}

export const labelReferences = {
  softmax: reference<AlongAxis>((xs, attrs) =>
    perColumn(xs, attrs, (x) => logSoftmax(x).map(Math.exp)),
  ),
  logSoftmax: reference<AlongAxis>((xs, attrs) => perColumn(xs, attrs, logSoftmax)),
  softmaxGrad: reference<AlongAxis>((xs, attrs) =>
    perColumn(xs, attrs, (dy, y) => {
      const sum = total(dy.map((d, j) => d * y[j]))
      return dy.map((d, j) => y[j] * (d - sum))
    }),
  ),
  logSoftmaxGrad: reference<AlongAxis>((xs, attrs) =>
    perColumn(xs, attrs, (dy, y) => dy.map((d, j) => d - Math.exp(y[j]) * total(dy))),
  ),

  /** 0 where the label is no class. */
  crossEntropy: reference(([x, labels]) => [
    perRow(x, (row, r) => [labels.data[r] in row ? -logSoftmax(row)[labels.data[r]] : 0]),
  ]),
  crossEntropyGrad: reference(([x, labels, dy]) => [
    perRow(x, (row, r) => {
      if (!(labels.data[r] in row) || dy.data[r] === 0) return row.map(() => 0)
      return logSoftmax(row).map(
        (l, j) => (Math.exp(l) - (j === labels.data[r] ? 1 : 0)) * dy.data[r],
      )
    }),
  ]),

  /** 0 where the label is no class. */
  takeLabel: reference(([x, labels]) => [perRow(x, (row, r) => [row[labels.data[r]] ?? 0])]),

  scatterLabel: reference<{ classes: number }>(([dy, labels], { classes }) => {
    const y = new Float64Array(dy.data.length * classes)
    labels.data.forEach((label, r) => {
      if (label >= 0 && label < classes) y[r * classes + label] = dy.data[r]
    })
    return [y]
  }),
}
