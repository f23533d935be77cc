// Losses of single numbers: distances with a limited gradient, and yes-or-no probabilities.

import { sameShape, showType } from '../engine/dtype.ts'
import { OptionError } from '../engine/errors.ts'
import type { TensorLike } from '../engine/op.ts'
import { abs, add, less, mul, neg, softplus, square, sub, where } from '../engine/ops/arithmetic.ts'
import { mean, sum } from '../engine/ops/reduce.ts'
import { refuse } from '../engine/ops/refuse.ts'
import { toTensor } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'
import { checkReduction, type Reduction } from './losses.ts'

export interface ElementLossOptions {
  /** Default 'mean', over all elements. */
  readonly reduction?: Reduction
}

function reduced(losses: Tensor, { reduction = 'mean' }: ElementLossOptions): Tensor {
  checkReduction(reduction)
  if (reduction === 'none') return losses
  return reduction === 'sum' ? sum(losses) : mean(losses)
}

/** Both as tensors of one type: a target that broadcasts is nearly always a mistake. */
function pair(op: string, x: TensorLike, target: TensorLike): [Tensor, Tensor] {
  const [a, b] = [toTensor(x), toTensor(target)]
  if (a.dtype !== b.dtype) refuse(op, 'the dtypes differ', [a, b], 'use cast()')
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
  const { beta = 1 } = options
  if (!(beta >= 0 && beta < Number.POSITIVE_INFINITY))
    throw new OptionError(`beta: ${beta} is no distance`, 'use a number from 0')
  const distance = sub(...pair('smoothL1', x, target))
  const d = abs(distance)
  // 1 / β must be a number of f32.
  if (beta < 2 ** -126) return reduced(d, options)
  const isNear = less(d, beta)
  const near = mul(square(where(isNear, distance, 0)), 0.5 / beta)
  return reduced(where(isNear, near, sub(d, beta / 2)), options)
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
  const { delta = 1 } = options
  if (!(delta > 0 && delta < Number.POSITIVE_INFINITY))
    throw new OptionError(`delta: ${delta} is no distance`, 'use a number above 0')
  const distance = sub(...pair('huber', x, target))
  const d = abs(distance)
  const far = mul(sub(d, delta / 2), delta)
  const isNear = less(d, delta)
  // An infinite distance squared would make the gradient NaN, chosen or not.
  const near = mul(square(where(isNear, distance, 0)), 0.5)
  return reduced(where(isNear, near, far), options)
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
  const { weight, positiveWeight } = options
  const [logits, t] = pair('binaryCrossEntropyWithLogits', x, target)
  const positive = mul(t, softplus(neg(logits)))
  const raised = positiveWeight === undefined ? positive : mul(positive, positiveWeight)
  const losses = add(raised, mul(sub(1, t), softplus(logits)))
  const weighted = weight === undefined ? losses : mul(losses, weight)
  if (!sameShape(weighted.shape, logits.shape))
    refuse(
      'binaryCrossEntropyWithLogits',
      `the weights make it ${showType(weighted)}`,
      [logits],
      'weights must broadcast to the shape of the logits',
    )
  return reduced(weighted, options)
}
