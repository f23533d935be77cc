// Selection of the k largest, exactly and without a read-back: what the bootstrapped losses need.

import { selectLargest as selectRecipe } from '../../shaders/select.ts'
import { sizeOf } from '../dtype.ts'
import { apply, none, type StructuredOp, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { toTensor } from './source.ts'

const selectOp: StructuredOp<{ k: number }> = {
  name: 'selectLargest',
  error: 'exact',
  kind: 'structured',
  tail: false,
  prologue: false,
  infer: ([values, valid], { k }, refuse) => {
    if (values.shape.length !== 2 || values.dtype !== 'f32') refuse('values must be f32 [rows, m]')
    if (valid.dtype !== 'u8' || valid.shape.join() !== values.shape.join())
      refuse('valid must be u8 of the shape of the values')
    if (!Number.isInteger(k) || k < 0) refuse(`k must be a whole number, not ${k}`)
    return [
      { dtype: 'u8', shape: values.shape },
      { dtype: 'u32', shape: [values.shape[0]] },
    ]
  },
  vjp: none('a selection is piecewise constant'),
  cost: ([values]) => ({ macs: 0, flops: 8 * sizeOf(values.shape) }),
  lower: ({ inputs: [values, valid], attrs: { k } }) =>
    selectRecipe({
      rows: values.shape[0],
      m: values.shape[1],
      k,
      access: [values.access, valid.access],
    }),
  samples: [
    [1, 40, 7, 5],
    [3, 13, 4, 4],
    [2, 500, 120, 50],
    [2, 9, 20, 3],
  ].map(([rows, m, k, steps]) => ({
    inputs: [
      { dtype: 'f32', shape: [rows, m], steps },
      { dtype: 'u8', shape: [rows, m], range: [0, 1] },
    ],
    attrs: { k },
  })),
}

/** Marks the k largest valid values of each row: mask u8 [rows, m] with exactly min(k, number valid) ones, ties going
 * to the lowest index, and how many that is, u32 [rows]. NaN counts as largest. */
export function selectLargest(
  values: TensorLike,
  valid: TensorLike,
  k: number,
): { mask: Tensor; kept: Tensor } {
  const [mask, kept] = apply(selectOp, [toTensor(values), toTensor(valid)], { k })
  return { mask, kept }
}

export const selectOps = [selectOp] as const
