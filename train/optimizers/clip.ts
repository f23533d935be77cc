// Gradient clipping, by the norm of all gradients together or by value.
//
//   r = norm / bound        g ← g / max(1, r)
//
// Squares overflow from 2⁶⁴ on and vanish below 2⁻⁶³. So they are summed at two scales in one pass, h = g / bound:
//
//   S₁ = Σ (h · 2⁻²⁰)²    S₂ = Σ (h · 2⁻⁶⁴)²        r = 2²⁰ √S₁, or where S₁ is not finite 2⁶⁴ √S₂
//
// S₁ loses nothing that counts beside the bound, and S₂ nothing that counts beside what brought S₁ to overflow. A scale that is
// found first, by the largest value, would take a second pass over all gradients.

import { sizeOf } from '../../engine/dtype.ts'
import { apply } from '../../engine/op.ts'
import {
  add,
  clamp,
  isFinite,
  maximum,
  mul,
  reciprocal,
  sqrt,
  square,
  where,
} from '../../engine/ops/arithmetic.ts'
import { sumOp } from '../../engine/ops/reduce.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import { reshape } from '../../engine/ops/shape.ts'
import type { Tensor } from '../../engine/tensor.ts'

/** The largest global norm of the gradients, √ of the sum of the squares of all of them: those of a longer one are scaled down to
 * it (Pascanu et al. 2013). Or the largest magnitude of each value. */
export type Clip = number | { readonly norm: number } | { readonly value: number }

/** Throws OptionError for what is no bound above 0. */
export function checkClip(clip: Clip): void {
  const bound = boundOf(clip)
  const [name, ...more] = Object.keys(bound)
  if (more.length || !['norm', 'value'].includes(name))
    refuseOption(
      'clip',
      `${shown(Object.keys(bound))} is no bound`,
      'give norm or value, one of them',
    )
  const value = bound.norm ?? bound.value
  if (!(typeof value === 'number' && Number.isFinite(value) && value > 0))
    refuseOption('clip', `${name} ${shown(value)} is no bound`, 'use a number above 0')
}

const boundOf = (clip: Clip) =>
  (typeof clip === 'object' && clip ? clip : { norm: clip }) as { norm?: number; value?: number }

/** Whether it is the norm that is bounded, and so is known. */
export const boundsNorm = (clip: Clip): boolean => boundOf(clip).norm !== undefined

export interface Clipped {
  readonly gradients: readonly Tensor[]
  /** f32 scalar: what it was, where that is what is bounded and there are gradients. */
  readonly norm?: Tensor
}

/** Gradients within the bound; those within it keep their bits. A value that is not finite stays so, and under a bound of the
 * norm makes all gradients so, that nobody overlooks it. */
export function clipped(gradients: readonly Tensor[], clip: Clip): Clipped {
  const { norm, value } = boundOf(clip)
  if (!gradients.length) return { gradients }
  if (value !== undefined)
    return { gradients: gradients.map((g) => where(isFinite(g), clamp(g, -value, value), g)) }
  const r = relativeNorm(gradients, norm!)
  const factor = where(isFinite(r), reciprocal(maximum(r, 1)), r)
  return { gradients: gradients.map((g) => mul(g, factor)), norm: mul(r, norm!) }
}

/** Of the two sums. */
const SCALES = [2 ** -20, 2 ** -64]

/** The norm of all values of the tensors together, divided by `bound`: an f32 scalar, exact to some roundings wherever the norm of
 * the values over the bound is a finite f32 above 2⁻²⁰.
 *
 * A sum to one number takes a dispatch for each level of it. So tensors of one shape are added up first, each such sum is folded to
 * rows of few lengths that all have in common, and rows of one length are added up before they are summed to the end. */
export function relativeNorm(tensors: readonly Tensor[], bound: number): Tensor {
  const byShape = new Map<string, Tensor[]>()
  for (const t of tensors) {
    const others = byShape.get(t.shape.join()) ?? []
    byShape.set(t.shape.join(), [...others, t])
  }
  const groups = [...byShape.values()].sort(([a], [b]) => sizeOf(b.shape) - sizeOf(a.shape))
  const byLength = new Map<number, Tensor[]>()
  for (const group of groups) {
    const n = sizeOf(group[0].shape)
    const length = [...byLength.keys()].find((c) => n % c === 0 && n / c <= ROWS) ?? n / rowsOf(n)
    const squares = group.map((t) => squaresOf(reshape(t, [n / length, length]), bound))
    const sums = sumsOf(squares.reduce(addEach), 0)
    const others = byLength.get(length)
    byLength.set(length, others ? addEach(others, sums) : sums)
  }
  const totals = [...byLength.values()].map((sums) => sumsOf(sums, 0)).reduce(addEach)
  const [near, far] = SCALES.map((scale, i) => mul(sqrt(totals[i]), 1 / scale))
  return where(isFinite(near), near, far)
}

/** Rows that are summed in one dispatch wherever they are. */
const ROWS = 128

const rowsOf = (n: number): number => {
  for (let rows = ROWS; ; rows--) if (n % rows === 0) return rows
}

const squaresOf = (t: Tensor, bound: number): Tensor[] =>
  SCALES.map((scale) => square(mul(mul(t, 1 / bound), scale)))

const addEach = (xs: readonly Tensor[], ys: readonly Tensor[]): Tensor[] =>
  xs.map((x, i) => add(x, ys[i]))

/** Over an axis of several tensors of one shape, in one pass. */
function sumsOf(xs: readonly Tensor[], axis: number): Tensor[] {
  const [{ shape }] = xs
  return apply(sumOp, xs, { first: axis, count: 1, shape })
}
