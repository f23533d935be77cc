// Products with vectors, and the fully connected layer.

import { sizeOf } from '../dtype.ts'
import type { TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { add, mul } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { sum } from './reduce.ts'
import { refuse } from './refuse.ts'
import { reshape } from './shape.ts'
import { toTensor } from './source.ts'

function vectors(op: string, xs: readonly TensorLike[]): Tensor[] {
  const both = xs.map((x) => toTensor(x, op))
  if (both.some((t) => t.shape.length !== 1))
    refuse(op, 'vectors are needed', both, 'use matmul() for matrices')
  if (both[0].dtype !== both[1].dtype) refuse(op, 'dtypes differ', both, 'use cast()')
  return both
}

/** Σ a[i]·b[i] of two vectors of one length, a scalar, as accurate as `sum`. Throws ShapeError. */
export function dot(a: TensorLike, b: TensorLike): Tensor {
  const both = vectors('dot', [a, b])
  if (both[0].shape[0] !== both[1].shape[0])
    refuse('dot', 'lengths differ', both, 'outer() takes vectors of any lengths')
  return partOf('dot', () => sum(mul(both[0], both[1])))
}

/** a [m], b [n]: [m, n] of a[i]·b[j]. Throws ShapeError. */
export function outer(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = vectors('outer', [a, b])
  return partOf('outer', () => mul(reshape(x, [x.shape[0], 1]), y))
}

/** x [..., in] times w [in, out], plus bias [out] if there is one: [..., out], in one kernel. Throws ShapeError. */
export function linear(x: TensorLike, w: TensorLike, bias?: TensorLike): Tensor {
  const [t, weight] = [toTensor(x, 'linear'), toTensor(w, 'linear')]
  const b = bias === undefined ? undefined : toTensor(bias, 'linear')
  const no = (problem: string, hint?: string) =>
    refuse('linear', problem, b ? [t, weight, b] : [t, weight], hint)
  if ([t, weight, b].some((v) => v && v.dtype !== 'f32')) no('f32 is needed', 'use cast()')
  if ([t, weight].some((v) => !sizeOf(v.shape))) no('an operand has no elements')
  if (weight.shape.length !== 2) no('the weight must be [in, out]', 'matmul() takes more axes')
  if (!t.shape.length) no('x must be [..., in]', 'use mul() for a number')
  if (t.shape[t.shape.length - 1] !== weight.shape[0])
    no(
      'the last axis of x must have the weight’s inputs',
      'the weight is [in, out], the transpose of what PyTorch stores',
    )
  if (b && (b.shape.length !== 1 || b.shape[0] !== weight.shape[1]))
    no('the bias must have one element for each output', 'it is [out]; the weight is [in, out]')
  const y = matmul(t.shape.length === 1 ? reshape(t, [1, -1]) : t, weight)
  const z = b ? add(y, b) : y
  return t.shape.length === 1 ? reshape(z, [-1]) : z
}
