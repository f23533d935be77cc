// Losses of single numbers: distances with a limited gradient, and yes-or-no probabilities.

import { broadcastShapes, isFloat, sameShape, sizeOf } from '../engine/dtype.ts'
import type { TensorLike } from '../engine/op.ts'
import { abs, add, less, mul, neg, softplus, square, sub, where } from '../engine/ops/arithmetic.ts'
import { optionsOf } from '../engine/ops/options.ts'
import { mean, sum } from '../engine/ops/reduce.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { toTensor } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'
import { partOf } from '../engine/trace.ts'
import { checkReduction, type Reduction } from './losses.ts'

export interface ElementLossOptions {
  /** Default 'mean', over all elements. */
  readonly reduction?: Reduction
}

function reduced(losses: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : mean(losses)
}

/** Both as tensors of one type: a target that broadcasts is nearly always a mistake. */
function pair(op: string, x: TensorLike, target: TensorLike): [Tensor, Tensor] {
  const [a, b] = [toTensor(x, op), toTensor(target, op)]
  if (a.dtype !== b.dtype) refuse(op, 'the dtypes differ', [a, b], 'use cast()')
  if (!isFloat(a.dtype)) refuse(op, 'floating-point numbers are needed', [a, b], 'use cast()')
  if (!sizeOf(a.shape)) refuse(op, 'there are no numbers: a size is 0', [a, b])
  if (!sameShape(a.shape, b.shape))
    refuse(
      op,
      'the target must have the shape of what it is compared with',
      [a, b],
      'use broadcastTo()',
    )
  return [a, b]
}

export interface SmoothL1Options extends ElementLossOptions {
  /** Where the square becomes a straight line; default 1. With 0, or less than 2⁻¹²⁶, it is plain |x − t|. */
  readonly beta?: number
}

/** Distance with a gradient within ±1 (Girshick 2015, eq. 3, has β = 1): with d = |x − t|,
 *
 *     d² / (2β) where d < β, else d − β / 2
 *
 * It is `huber` with δ = β, divided by β. Both tensors get gradients; at d = 0 they are 0.
 * Throws ShapeError for targets of another type, OptionError for a negative β. */
export function smoothL1(x: TensorLike, target: TensorLike, options: SmoothL1Options = {}): Tensor {
  const me = 'smoothL1'
  const { beta, reduction } = optionsOf(me, options, { beta: 1, reduction: 'mean' })
  if (!(Number.isFinite(beta) && beta >= 0))
    refuseOption(me, `beta ${shown(beta)} is no distance`, 'use a number from 0')
  checkReduction(me, reduction)
  const [a, b] = pair(me, x, target)
  return partOf(me, () => {
    const distance = sub(a, b)
    const d = abs(distance)
    // 1 / β must be a number of f32.
    if (beta < 2 ** -126) return reduced(d, reduction)
    const isNear = less(d, beta)
    const near = mul(square(where(isNear, distance, 0)), 0.5 / beta)
    return reduced(where(isNear, near, sub(d, beta / 2)), reduction)
  })
}

export interface HuberOptions extends ElementLossOptions {
  /** Where the square becomes a straight line; default 1. */
  readonly delta?: number
}

/** Distance with a gradient within ±δ (Huber 1964): with d = |x − t|,
 *
 *     d² / 2 where d < δ, else δ·(d − δ / 2)
 *
 * It is δ times `smoothL1` with β = δ: the two agree only for 1. Both tensors get gradients.
 * Throws ShapeError for targets of another type, OptionError for a δ that is not above 0. */
export function huber(x: TensorLike, target: TensorLike, options: HuberOptions = {}): Tensor {
  const me = 'huber'
  const { delta, reduction } = optionsOf(me, options, { delta: 1, reduction: 'mean' })
  if (!(Number.isFinite(delta) && delta > 0))
    refuseOption(me, `delta ${shown(delta)} is no distance`, 'use a number above 0')
  checkReduction(me, reduction)
  const [a, b] = pair(me, x, target)
  return partOf(me, () => {
    const distance = sub(a, b)
    const d = abs(distance)
    const far = mul(sub(d, delta / 2), delta)
    const isNear = less(d, delta)
    // An infinite distance squared would make the gradient NaN, chosen or not.
    const near = mul(square(where(isNear, distance, 0)), 0.5)
    return reduced(where(isNear, near, far), reduction)
  })
}

export interface BinaryCrossEntropyOptions extends ElementLossOptions {
  /** A factor for each element, which broadcasts to x. */
  readonly weight?: TensorLike | number
  /** A factor of the positive term alone, which broadcasts to x; [c] for one a class. Default 1. */
  readonly positiveWeight?: TensorLike | number
}

/** Cross entropy of x, the logits of yes-or-no answers, with targets t in [0, 1] of x's type. With p = `positiveWeight`:
 *
 *     weight · (p·t·log(1 + e⁻ˣ) + (1 − t)·log(1 + eˣ)) = −weight · (p·t·log σ(x) + (1 − t)·log(1 − σ(x)))
 *
 * Both terms are positive and through softplus, so that no size of x overflows or cancels. The mean is over all elements,
 * whatever the weights.
 * Throws ShapeError for targets of another type and for weights that make another shape. */
export function binaryCrossEntropyWithLogits(
  x: TensorLike,
  target: TensorLike,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const me = 'binaryCrossEntropyWithLogits'
  const defaults = { weight: 1, positiveWeight: 1, reduction: 'mean' } as const
  const { weight, positiveWeight, reduction } = optionsOf(me, options, defaults)
  checkReduction(me, reduction)
  const [logits, t] = pair(me, x, target)
  const scaled = (losses: Tensor, by: TensorLike | number): Tensor => {
    if (by === 1) return losses
    const factor = toTensor(by, me, losses.dtype)
    const shape = broadcastShapes([factor.shape, losses.shape])
    if (factor.dtype !== losses.dtype || !shape || !sameShape(shape, losses.shape))
      refuse(
        me,
        'weights must broadcast to the shape of the logits',
        [logits, factor],
        'and have their dtype',
      )
    return mul(losses, factor)
  }
  return partOf(me, () => {
    const positive = mul(t, softplus(neg(logits)))
    const losses = add(scaled(positive, positiveWeight), mul(sub(1, t), softplus(logits)))
    return reduced(scaled(losses, weight), reduction)
  })
}
