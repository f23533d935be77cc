// Sums, means, extremes, their places, and moments.

import { reference, type Value } from './value.ts'

/** Axes first … first+count−1 are folded away. */
interface FoldAttrs {
  readonly first: number
  readonly count: number
}

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1)

/** One number from each group of elements that are folded together. */
const folding = (f: (group: Float64Array) => number) =>
  reference<FoldAttrs>((xs, attrs) => xs.map((x) => fold(x, attrs, f)))

function fold(x: Value, { first, count }: FoldAttrs, f: (group: Float64Array) => number) {
  const outer = product(x.shape.slice(0, first))
  const rows = product(x.shape.slice(first, first + count))
  const inner = product(x.shape.slice(first + count))
  const y = new Float64Array(outer * inner)
  const group = new Float64Array(rows)
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      for (let r = 0; r < rows; r++) group[r] = x.data[(o * rows + r) * inner + i]
      y[o * inner + i] = f(group)
    }
  return y
}

const sum = (group: Float64Array) => group.reduce((a, b) => a + b, 0)
// Math.max and Math.min let NaN win, which is the rule here.
const most = (group: Float64Array) => group.reduce((a, b) => Math.max(a, b))
const least = (group: Float64Array) => group.reduce((a, b) => Math.min(a, b))
/** The first place of a value, NaN being equal to itself. */
const place = (group: Float64Array, value: number) =>
  group.findIndex((v) => v === value || (Number.isNaN(v) && Number.isNaN(value)))

/** The place of the best; for a window of a larger tensor its value too. */
const arg = (best: (group: Float64Array) => number) =>
  reference<FoldAttrs & { from?: number }>(([x], attrs) => {
    const at = fold(x, attrs, (group) => place(group, best(group)))
    return attrs.from === undefined ? [at] : [fold(x, attrs, best), at]
  })

/** Stable, and −∞ for nothing but −∞. */
function logSumExp(group: Float64Array): number {
  const m = most(group)
  return Number.isFinite(m) ? m + Math.log(sum(group.map((v) => Math.exp(v - m)))) : m
}

export const reduceReferences = {
  sum: folding(sum),
  mean: folding((group) => sum(group) / group.length),
  max: folding(most),
  min: folding(least),
  argmax: arg(most),
  argmin: arg(least),
  logSumExp: folding(logSumExp),

  /** Mean and biased variance, in two passes. */
  moments: reference<FoldAttrs>(([x], attrs) => {
    const mean = (group: Float64Array) => sum(group) / group.length
    return [
      fold(x, attrs, mean),
      fold(x, attrs, (group) => {
        const m = mean(group)
        return mean(group.map((v) => (v - m) ** 2))
      }),
    ]
  }),
}
