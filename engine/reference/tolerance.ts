// How far a device may be from the float64 interpreter.

import { isFloat, sizeOf, type TensorType } from '../dtype.ts'
import type { Attrs, Op } from '../op.ts'

/** Half a unit in the last place of 1, in f32. */
const roundoff = 2 ** -24

/** What WGSL allows these functions beyond a few roundings, as absolute errors on their samples' ranges. */
const allowed: Readonly<Record<string, number>> = {
  // "Absolute error at most 2⁻²¹ when x is in [0.5, 2]".
  log: 2 ** -21,
  logSoftmax: 2 ** -20,
  // "3 + 2·|x| ulp", where |x| is at most 8.
  exp: 2 ** -20,
  softmax: 2 ** -20,
  // "Max of 1e-5 and what sinh/cosh would inherit".
  tanh: 1e-5,
  // cos is good to 2⁻¹¹ in [-π, π] only; times √(-2 log u) ≤ 5.8.
  randomNormal: 6 * 2 ** -11,
}

/** Largest difference that rounding explains, for results of size at most `size`.
 *
 * A sum of n terms of size at most 1 makes n roundings of partial sums that are themselves about as large as the
 * result, or √n where terms cancel; pairwise or serial, the error stays below n·roundoff·max(1, |result|). A handful
 * of roundings more are what a few elementwise steps make. Integers are exact. */
export function tolerance(
  op: Op,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  attrs: Attrs,
  size: number,
  dtype: TensorType['dtype'] = 'f32',
): number {
  if (!isFloat(dtype)) return 0
  const { macs, flops } = op.cost(inputs, outputs, attrs)
  const elements = outputs.reduce((n, t) => n + sizeOf(t.shape), 0)
  const terms = Math.max(macs, flops) / Math.max(1, elements)
  return (terms + 8) * roundoff * Math.max(1, size) + (allowed[op.name] ?? 0) * Math.max(1, size)
}

/** The largest |a − b|; NaN and infinities must agree, or it is Infinity. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let most = 0
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue
    const d = Math.abs(a[i] - b[i])
    if (!Number.isFinite(d)) return Number.POSITIVE_INFINITY
    most = Math.max(most, d)
  }
  return most
}

/** The largest finite |x|. */
export const sizeOfValues = (xs: ArrayLike<number>): number => {
  let most = 0
  for (let i = 0; i < xs.length; i++)
    if (Number.isFinite(xs[i])) most = Math.max(most, Math.abs(xs[i]))
  return most
}
