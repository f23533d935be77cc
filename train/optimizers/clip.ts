// Gradient clipping, by the norm of all gradients together or by value.
//
//   r = norm / bound = √(Σ (g · 2⁻⁴⁰ / bound)²) · 2⁴⁰        g ← g / max(1, r)
//
// The squares are scaled, so that they neither overflow, up to a norm of 2¹⁰⁴ · bound, nor lose anything beside the bound: what is
// too small to be counted is below 2⁻²³ · bound. One pass over the gradients does where a scale that is found first would take two.

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
import { sum } from '../../engine/ops/reduce.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import type { Tensor } from '../../engine/tensor.ts'

/** The largest global norm of the gradients, √ of the sum of the squares of all of them: those of a longer one are scaled down to
 * it (Pascanu et al. 2013). Or the largest magnitude of each value. */
export type Clip = number | { readonly norm: number } | { readonly value: number }

/** Throws OptionError for what is no bound above 0. */
export function checkClip(clip: Clip): void {
  const bound = boundOf(clip)
  const [[name, value], ...more] = Object.entries(bound)
  if (more.length || !['norm', 'value'].includes(name))
    refuseOption('clip', `${shown(Object.keys(bound))}`, 'give norm or value, one of them')
  if (!(typeof value === 'number' && Number.isFinite(value) && value > 0))
    refuseOption('clip', `${name} ${shown(value)} is no bound`, 'use a number above 0')
}

const boundOf = (clip: Clip) =>
  (typeof clip === 'object' && clip ? clip : { norm: clip }) as { norm?: number; value?: number }

/** Gradients within the bound; those within it keep their bits. A value that is not finite stays so, and under a bound of the
 * norm makes all gradients so, that nobody overlooks it. */
export function clipped(gradients: readonly Tensor[], clip: Clip): Tensor[] {
  const { norm, value } = boundOf(clip)
  if (!gradients.length) return []
  if (value !== undefined)
    return gradients.map((g) => where(isFinite(g), clamp(g, -value, value), g))
  const r = relativeNorm(gradients, norm!)
  const factor = where(isFinite(r), reciprocal(maximum(r, 1)), r)
  return gradients.map((g) => mul(g, factor))
}

const SCALE = 2 ** -40

/** The norm of all values of the tensors together, divided by `bound`: an f32 scalar, exact to some roundings where it is between
 * 2⁻²⁰ and 2¹⁰⁴. Tensors of one shape are added up before they are summed, in one kernel. */
export function relativeNorm(tensors: readonly Tensor[], bound: number): Tensor {
  const byShape = new Map<string, Tensor>()
  for (const t of tensors) {
    const [key, squares] = [t.shape.join(), square(mul(t, SCALE / bound))]
    const others = byShape.get(key)
    byShape.set(key, others ? add(others, squares) : squares)
  }
  const total = [...byShape.values()].map((t) => sum(t)).reduce((a, b) => add(a, b))
  return mul(sqrt(total), 1 / SCALE)
}
