// How far a device may be from the float64 interpreter.

import { isFloat, sizeOf, type TensorType } from '../dtype.ts'
import type { Attrs, Op } from '../op.ts'

/** Half a unit in the last place of 1, in f32. */
const roundoff = 2 ** -24

/** Roundings that a fold is granted: in its strips (shaders/reduce.ts) at most 128 additions follow each other, which do not
 * all round the same way. */
const STRIP = 64

/** Largest error of an op in two parts: one that goes with the size of its results, and one that does not.
 *
 * A sum of n terms makes n roundings of partial sums that are themselves about as large as the result, or √n where
 * terms cancel; pairwise or serial, the error stays below n·roundoff·(size of the largest result). Folds, which have no
 * products, make fewer. A handful of roundings more are what a few elementwise steps make. */
export function errorOf(
  op: Op,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  attrs: Attrs,
): { relative: number; absolute: number } {
  const { macs, flops } = op.cost(inputs, outputs, attrs)
  const own = op.error === 'exact' || !op.error ? {} : op.error
  const elements = outputs.reduce((n, t) => n + sizeOf(t.shape), 0)
  const most = Math.max(macs, flops) / Math.max(1, elements)
  const terms = macs ? most : Math.min(most, STRIP)
  return {
    relative: (terms + 8) * roundoff + (own.relative ?? 0),
    absolute: own.absolute ?? 0,
  }
}

/** Largest difference that rounding explains, for results of size at most `size` from inputs of about 1. Integers are
 * exact. */
export function tolerance(
  op: Op,
  inputs: readonly TensorType[],
  outputs: readonly TensorType[],
  attrs: Attrs,
  size: number,
  dtype: TensorType['dtype'] = 'f32',
): number {
  if (!isFloat(dtype)) return 0
  const error = errorOf(op, inputs, outputs, attrs)
  return error.relative * Math.max(1, size) + error.absolute
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
