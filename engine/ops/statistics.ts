// Statistics over axes that are more than one sum: variance, log Σ exp, and what is nonzero.

import { logSumExpFold } from '../../shaders/folds.ts'
import { isFloat, type Shape } from '../dtype.ts'
import { apply, none, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { abs, add, equal, exp, log1p, maximum, mul, neg, sub, where } from './arithmetic.ts'
import { foldingOf, type ReduceOptions, type Run, runsOf, spread } from './axes.ts'
import { foldAxes, foldOp, samplesOf } from './fold.ts'
import { momentsOp } from './norm.ts'
import { optionsOf } from './options.ts'
import { pointwise, unary } from './pointwise.ts'
import { maxOp, meanOp, minOp, sumOp } from './reduce.ts'
import { refuse, shown } from './refuse.ts'
import { reshape } from './shape.ts'
import { combinePairwise } from './windows.ts'

export interface VarianceOptions extends ReduceOptions {
  /** The divisor is the count less this; default 0. With 1 the variance of a sample is unbiased. */
  readonly correction?: number
}

/** Σ (x − mean)² / (count − correction) over `axes`, by default all, of an f32 tensor. Computed around the mean, never as
 * a difference of two large sums: a mean that is large beside the deviation costs no digits.
 * Throws ShapeError unless the count is larger than the correction, for other dtypes (use cast), for an empty tensor,
 * and for axes that x has not or that are named twice. */
export function variance(
  x: TensorLike,
  axes?: readonly number[],
  options: VarianceOptions = {},
): Tensor {
  const name = 'variance'
  const { correction, keepDims } = optionsOf(name, options, { correction: 0, keepDims: false })
  const { x: t, axes: which, shape } = foldingOf(name, x, axes, { keepDims })
  const count = which.reduce((n, a) => n * t.shape[a], 1)
  if (!(Number.isFinite(correction) && count > correction))
    refuse(
      name,
      `${count} values less a correction of ${shown(correction)} leave no divisor`,
      [t],
      'the correction is a number below the count: 0, or 1 for the variance of a sample',
    )
  const runs = runsOf(t.shape, which)
  // The variance of equal groups is the mean of their variances and the variance of their means.
  let centre = t
  let inside: Tensor | undefined
  for (const run of runs.length ? runs.reverse() : [{ first: 0, count: 0 }]) {
    const attrs: Run = { ...run, shape: centre.shape }
    const [m, v] = partOf(name, () => apply(momentsOp, [centre], attrs))
    inside = inside ? add(apply(meanOp, [inside], attrs)[0], v) : v
    centre = m
  }
  return reshape(correction ? mul(inside!, count / (count - correction)) : inside!, shape)
}

/** exp(x − y) for x ≤ y, with ∞ − ∞ = 0 and 0 where y = −∞: the share of x in what y is the logarithm of. */
const shareOp = pointwise('shareOf', {
  source: 'the gradient of log Σ exp',
  flops: 9,
  wgsl: ([x, y]) =>
    `select(select(math_exp(${x} - ${y}), vec4f(1.0), ${x} == ${y}), vec4f(), bitcast<vec4u>(${y}) == vec4u(0xff800000u))`,
  reference: ([x, y]) => (y === Number.NEGATIVE_INFINITY ? 0 : x === y ? 1 : Math.exp(x - y)),
  vjp: ({ outputs: [s] }, [g]) => {
    if (!g) return []
    const dx = mul(g, s)
    return [dx, neg(dx)]
  },
  samples: [
    { inputs: [sample([2, 3, 5], [-4, 0]), sample([2, 1, 5], [0, 2])], attrs: {} },
    { inputs: [sample([7, 4], [-4, 0]), sample([], [0, 2])], attrs: {} },
  ],
})

const logSumExpOp: StructuredOp<Run> = foldOp<Run>('logSumExp', {
  source: 'PyTorch',
  flops: 12,
  fold: () => logSumExpFold,
  prologue: false,
  takes: ['f32'],
  vjp: ({ inputs: [x], outputs: [y], attrs }, [dy]) => [
    dy && mul(spread(dy, attrs), apply(shareOp, [x, spread(y, attrs)], {})[0]),
  ],
  samples: samplesOf((shape: Shape) => sample(shape, [-6, 6])),
  // Equal ones apart, since infinities have no difference.
  combine: combinePairwise((a, b) => {
    const apart = add(maximum(a, b), log1p(exp(neg(abs(sub(a, b))))))
    return where(equal(a, b), add(a, Math.LN2), apart)
  }),
})

/** log Σ exp(x) over `axes`, by default all, of an f32 tensor, in one pass and without overflow. Nothing but −∞ gives −∞,
 * whose gradient is zero; +∞ gives +∞, and each infinite element takes the whole gradient; NaN gives NaN. Throws as
 * `mean` does. */
export const logSumExp = (
  x: TensorLike,
  axes?: readonly number[],
  options: ReduceOptions = {},
): Tensor => foldAxes(logSumExpOp, x, axes, options)

const nonzeroDef = unary('nonzero', {
  source: 'NumPy: NaN is nonzero, −0 is not',
  error: 'exact',
  infer: ([x]) => [{ dtype: 'u8', shape: x.shape }],
  // By the bits: a comparison may take a subnormal for zero, and NaN for anything.
  wgsl: (x, { types: [type] }) =>
    `min(${isFloat(type) ? `bitcast<vec4u>(${x}) << vec4u(1u)` : `vec4u(${x})`}, vec4u(1u))`,
  reference: (x) => (x === 0 ? 0 : 1),
  vjp: none('a test is piecewise constant'),
})

/** u8: 1 where some element over `axes`, by default all, is not zero. NaN is not zero, −0 is. x may have any dtype.
 * Throws ShapeError for an empty tensor, and for axes that x has not or that are named twice. */
export const any = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  foldAxes(maxOp, x, axes, options, { name: 'any', of: nonzeroDef.of })

/** u8: 1 where no element over `axes`, by default all, is zero. NaN is not zero, −0 is. x may have any dtype. Throws as
 * `any` does. */
export const all = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  foldAxes(minOp, x, axes, options, { name: 'all', of: nonzeroDef.of })

/** u32: how many elements over `axes`, by default all, are not zero. NaN is not zero, −0 is. x may have any dtype. Throws
 * as `any` does. */
export const countNonzero = (
  x: TensorLike,
  axes?: readonly number[],
  options: ReduceOptions = {},
): Tensor => foldAxes(sumOp, x, axes, options, { name: 'countNonzero', of: nonzeroDef.of })

export const statisticsOps = [logSumExpOp, shareOp, nonzeroDef.op] as const
