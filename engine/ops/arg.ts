// Where the largest element stands.

import { argmax as argmaxRecipe } from '../../shaders/arg.ts'
import { sizeOf, type TensorType } from '../dtype.ts'
import { apply, none, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { toTensor } from './source.ts'

type Empty = Record<string, never>
const lastOf = (x: TensorType) => x.shape[x.shape.length - 1]
const rowsOf = (x: TensorType) => sizeOf(x.shape) / lastOf(x)

const argmaxOp: StructuredOp<Empty> = {
  name: 'argmax',
  error: 'exact',
  kind: 'structured',
  tail: false,
  prologue: false,
  infer: ([x], _, refuse) => {
    if (x.dtype !== 'f32' || x.shape.length < 1) refuse('an f32 tensor [..., c] is needed')
    return [{ dtype: lastOf(x) <= 256 ? 'u8' : 'i32', shape: x.shape.slice(0, -1) }]
  },
  vjp: none('argmax is piecewise constant'),
  cost: ([x]) => ({ macs: 0, flops: sizeOf(x.shape) }),
  lower: ({ inputs: [x], outputs: [y] }) =>
    argmaxRecipe({
      rows: rowsOf(x),
      c: lastOf(x),
      elem: y.dtype as 'u8' | 'i32',
      access: [x.access],
    }),
  samples: [
    { inputs: [{ ...sample([2, 3, 5]), steps: 4 }], attrs: {} },
    { inputs: [sample([3, 300])], attrs: {} },
  ],
}

/** Index of the largest element along the last axis, the first of equals; u8 for up to 256 classes, else i32. */
export const argmax = (x: TensorLike): Tensor => apply(argmaxOp, [toTensor(x)], {})[0]

export const argOps = [argmaxOp] as const
