// Sums, extremes and moments.

import { reference, rowsOf, type Value } from './value.ts'

/** Axes first … first+count−1 are folded away. */
interface FoldAttrs {
  readonly first: number
  readonly count: number
}

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1)

function fold(x: Value, { first, count }: FoldAttrs, start: number, step: Step): Float64Array {
  const outer = product(x.shape.slice(0, first))
  const rows = product(x.shape.slice(first, first + count))
  const inner = product(x.shape.slice(first + count))
  const y = new Float64Array(outer * inner).fill(start)
  for (let o = 0; o < outer; o++)
    for (let r = 0; r < rows; r++)
      for (let i = 0; i < inner; i++)
        y[o * inner + i] = step(y[o * inner + i], x.data[(o * rows + r) * inner + i])
  return y
}
type Step = (a: number, b: number) => number

const { POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number

export const reduceReferences = {
  sum: reference<FoldAttrs>((xs, attrs) => xs.map((x) => fold(x, attrs, 0, (a, b) => a + b))),
  // Math.max and Math.min let NaN win, which is the rule here.
  max: reference<FoldAttrs>((xs, attrs) =>
    xs.map((x) => fold(x, attrs, NEGATIVE_INFINITY, Math.max)),
  ),
  min: reference<FoldAttrs>((xs, attrs) =>
    xs.map((x) => fold(x, attrs, POSITIVE_INFINITY, Math.min)),
  ),

  /** Mean and biased variance of each channel, in two passes. */
  moments: reference(([x]) => {
    const [rows, channels] = rowsOf(x)
    const mean = new Float64Array(channels)
    const variance = new Float64Array(channels)
    x.data.forEach((v, i) => {
      mean[i % channels] += v / rows
    })
    x.data.forEach((v, i) => {
      variance[i % channels] += (v - mean[i % channels]) ** 2 / rows
    })
    return [mean, variance]
  }),
}
