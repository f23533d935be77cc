// How often two numbers stand at one pixel: what all scores of label images are made of.

import { add, cast, greaterEqual, less, mul, where } from '../../engine/ops/arithmetic.ts'
import { histogram } from '../../engine/ops/histogram.ts'
import type { Tensor } from '../../engine/tensor.ts'

/** Largest table of counts. */
export const MOST_PAIRS = 65536

/** At how many pixels a is i and b is j: u32 [rows · columns], row-major, for a and b of one shape, u8, i32 or f32 with whole
 * numbers. Where a is not in 0 … rows − 1 or b not in 0 … columns − 1, nothing is counted. Exact, as long as there are fewer
 * than 2³² pixels: the pair's number is a whole f32 below 2¹⁶. Throws ShapeError for more than 65,536 pairs. */
export function pairCounts(a: Tensor, b: Tensor, rows: number, columns: number): Tensor {
  const [i, j] = [cast(a, 'f32'), cast(b, 'f32')]
  const known = mul(within(i, rows), within(j, columns))
  const pair = where(known, add(mul(i, columns), j), -1)
  return histogram(pair, rows * columns, { min: 0, max: rows * columns })
}

const within = (x: Tensor, below: number): Tensor => mul(greaterEqual(x, 0), less(x, below))
