// When a computed tensor agrees with a golden one: the rules of the golden values' README, and nothing softer.

import assert from 'node:assert/strict'
import type { DType } from '../../engine/dtype.ts'

/** What a comparison found. `share` is the part of the tolerance that was used up: above 1 it failed. */
export interface Comparison {
  /** Relative L2 error; of tensors that are all zero, the largest absolute value; of exact ones, how many differ. */
  readonly error: number
  readonly share: number
  /** What is wrong, as the end of a sentence that names the tensor. */
  readonly problem?: string
}

export interface Rule {
  readonly tolerance: number
  /** An absolute error that the case allows in any value, where it says so. */
  readonly floor?: number
}

/** Largest absolute value where the reference is zero everywhere. */
const zeroBound = 1e-6

/** Floats, by relative L2 error and by the worst single value; tolerance 0 asks for equal bits. */
export function compareFloats(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { tolerance, floor = 0 }: Rule,
): Comparison {
  if (got.length !== want.length) return countProblem(got, want)
  if (tolerance === 0) return compareBits(got, want)
  let [off, norm, worst, largest, at] = [0, 0, 0, 0, 0]
  for (let i = 0; i < want.length; i++) {
    if (!Number.isFinite(want[i]) || !Number.isFinite(got[i])) {
      if (Object.is(got[i], want[i])) continue
      return failed(Number.POSITIVE_INFINITY, `has ${got[i]} for ${want[i]} at ${i}`)
    }
    const d = Math.abs(got[i] - want[i])
    off += d * d
    norm += want[i] * want[i]
    largest = Math.max(largest, Math.abs(want[i]))
    if (d > worst) {
      worst = d
      at = i
    }
  }
  const value = `value ${at} is ${got[at]} for ${want[at]}`
  if (largest === 0) {
    const share = worst / zeroBound
    if (share <= 1) return { error: worst, share }
    return failed(worst, `is not zero everywhere: ${value}, where ${zeroBound} is allowed`, share)
  }
  const error = Math.sqrt(off) / Math.max(Math.sqrt(norm), 1e-6 * Math.sqrt(want.length))
  const share = error / tolerance
  if (worst <= floor) return { error, share: Math.min(share, 1) }
  if (share > 1) {
    const sizes = `relative L2 error ${show(error)}, where ${show(tolerance)} is allowed`
    return failed(error, `is off: ${sizes}; worst: ${value}`, share)
  }
  const bound = 100 * tolerance * largest
  if (worst > bound) return failed(error, `has one value far off: ${value}`, worst / bound)
  return { error, share }
}

/** Integers, which must be equal. */
export function compareIntegers(got: ArrayLike<number>, want: ArrayLike<number>): Comparison {
  return compareEach(got, want, (i) => got[i] === want[i])
}

function compareBits(got: ArrayLike<number>, want: ArrayLike<number>): Comparison {
  const [a, b] = [got, want].map((v) => new Uint32Array(Float32Array.from(v).buffer))
  // All NaNs are one: which of its many patterns a device writes is its own choice.
  return compareEach(
    got,
    want,
    (i) => a[i] === b[i] || (Number.isNaN(got[i]) && Number.isNaN(want[i])),
  )
}

function compareEach(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  same: (i: number) => boolean,
): Comparison {
  if (got.length !== want.length) return countProblem(got, want)
  const wrong = Array.from(want, (_, i) => i).filter((i) => !same(i))
  if (!wrong.length) return { error: 0, share: 0 }
  const [i] = wrong
  const shown = [got[i], want[i]].map((v) => (Object.is(v, -0) ? '-0' : `${v}`))
  const first = `value ${i} is ${shown[0]} for ${shown[1]}`
  return failed(
    wrong.length,
    `must be equal and ${wrong.length} of ${want.length} differ: ${first}`,
  )
}

const countProblem = (got: ArrayLike<number>, want: ArrayLike<number>) =>
  failed(Number.POSITIVE_INFINITY, `has ${got.length} values for ${want.length}`)

const failed = (error: number, problem: string, share = Number.POSITIVE_INFINITY): Comparison => ({
  error,
  share,
  problem,
})

/** Whether a computed dtype may stand for a stored one; the width of an integer is each side's own choice. */
export function sameKind(computed: DType, stored: string): boolean {
  if (stored === 'F32') return computed === 'f32'
  return computed === 'i32' || computed === 'u32' || computed === 'u8'
}

export const show = (x: number): string =>
  x === 0 ? '0' : Number.isFinite(x) ? x.toExponential(1) : `${x}`

/** As `compareFloats`, for tests: what is wrong is thrown. Returns the relative error. */
export function close(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  what: string,
): number {
  const { error, problem } = compareFloats(got, want, { tolerance })
  assert.equal(problem, undefined, `${what} ${problem}`)
  return error
}
