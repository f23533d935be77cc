// Products with vectors, and the fully connected layer.

import type { TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add, mul } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { sum } from './reduce.ts'
import { refuse } from './refuse.ts'
import { reshape } from './shape.ts'
import { toTensor } from './source.ts'

const needVector = (op: string, t: Tensor, all: readonly Tensor[]) => {
  if (t.shape.length !== 1) refuse(op, 'vectors are needed', all, 'use matmul() for matrices')
}

/** Σ a[i]·b[i] of two vectors of one length, a scalar, as accurate as `sum`. Throws ShapeError. */
export function dot(a: TensorLike, b: TensorLike): Tensor {
  const both = [toTensor(a), toTensor(b)]
  for (const t of both) needVector('dot', t, both)
  if (both[0].shape[0] !== both[1].shape[0]) refuse('dot', 'lengths differ', both)
  return sum(mul(both[0], both[1]))
}

/** a [m], b [n]: [m, n] of a[i]·b[j]. Throws ShapeError. */
export function outer(a: TensorLike, b: TensorLike): Tensor {
  const both = [toTensor(a), toTensor(b)]
  for (const t of both) needVector('outer', t, both)
  return mul(reshape(both[0], [-1, 1]), both[1])
}

/** x [..., in] times w [in, out], plus bias [out] if there is one: [..., out], in one kernel. Throws ShapeError. */
export function linear(x: TensorLike, w: TensorLike, bias?: TensorLike): Tensor {
  const [t, weight] = [toTensor(x), toTensor(w)]
  const b = bias === undefined ? undefined : toTensor(bias)
  const no = (problem: string, hint?: string) =>
    refuse('linear', problem, b ? [t, weight, b] : [t, weight], hint)
  if (weight.shape.length !== 2) no('the weight must be [in, out]')
  if (t.shape[t.shape.length - 1] !== weight.shape[0])
    no(
      'the last axis of x must have the weight’s inputs',
      'the weight is [in, out], the transpose of what PyTorch stores',
    )
  if (b && (b.shape.length !== 1 || b.shape[0] !== weight.shape[1]))
    no('the bias must have one element for each output')
  const y = matmul(t.shape.length === 1 ? reshape(t, [1, -1]) : t, weight)
  const z = b ? add(y, b) : y
  return t.shape.length === 1 ? reshape(z, [-1]) : z
}
