// Selection of the k largest, exactly and without a read-back: their values and indices, the last of them, or a mask of
// them, which is what the bootstrapped losses need.

import { selectLargest as selectRecipe } from '../../shaders/select.ts'
import {
  kthLargest as kthRecipe,
  putDistinct as putRecipe,
  topK as topKRecipe,
} from '../../shaders/topk.ts'
import { type Shape, sameShape, sizeOf, type TensorType } from '../dtype.ts'
import {
  apply,
  noCost,
  none,
  type SampleInput,
  type StructuredOp,
  sample,
  type TensorLike,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { gather } from './index-select.ts'
import { shown } from './refuse.ts'
import { reshape } from './shape.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

const plain = { kind: 'structured', error: 'exact', tail: false, prologue: false } as const

type Rank = { readonly k: number }

const lastOf = ({ shape }: TensorType) => shape[shape.length - 1]
const rowsOf = ({ shape }: TensorType) => sizeOf(shape.slice(0, -1))
const leading = rows<Rank>((_, [x]) => x.shape.length - 1)

/** The rule of both that take a rank: f32 [..., m], k from 1 to m. */
const inferRank =
  (shapeOf: (leading: Shape, k: number) => Shape): StructuredOp<Rank>['infer'] =>
  ([x], { k }, refuse) => {
    if (x.dtype !== 'f32') refuse('an f32 tensor is needed', 'use cast()')
    if (x.shape.length < 1 || lastOf(x) < 1)
      refuse('there is no last axis to choose from', 'x is [..., m] with m from 1')
    const m = lastOf(x)
    if (!Number.isInteger(k) || k < 1 || k > m)
      refuse(
        `k must be a whole number from 1 to ${m}, not ${shown(k)}`,
        'it counts along the last axis: permute() and reshape() make one of others',
      )
    const shape = shapeOf(x.shape.slice(0, -1), k)
    return [
      { dtype: 'f32', shape },
      { dtype: 'i32', shape },
    ]
  }

const specOf = (x: TensorType & { access: 'read' | 'read_write' }, k: number) => ({
  rows: rowsOf(x),
  m: lastOf(x),
  k,
  access: [x.access],
})

const topKOp: StructuredOp<Rank> = {
  ...plain,
  name: 'topK',
  source: 'torch.topk; ties to the lowest index',
  infer: inferRank((shape, k) => [...shape, k]),
  vjp: ({ inputs: [x], outputs: [, indices] }, [dy]) => [dy && putDistinct(dy, indices, lastOf(x))],
  cost: ([x]) => ({ macs: 0, flops: 16 * sizeOf(x.shape) }),
  windows: leading,
  lower: ({ inputs: [x], attrs: { k }, caps }) => topKRecipe({ ...specOf(x, k), caps }),
  samples: [
    { inputs: [sample([7])], attrs: { k: 3 } },
    { inputs: [sample([1])], attrs: { k: 1 } },
    { inputs: [sample([2, 3, 8])], attrs: { k: 8 } },
    { inputs: [sample([3, 131])], attrs: { k: 5 } },
    // Among so many values some are too close for a difference quotient.
    { inputs: [sample([1000])], attrs: { k: 300 }, wrt: [] },
    { inputs: [sample([2, 260])], attrs: { k: 260 }, wrt: [] },
    { inputs: [{ ...sample([2, 200]), steps: 7 }], attrs: { k: 90 }, wrt: [] },
  ],
}

/** The k largest along the last axis of x f32 [..., m], in descending order: values f32 [..., k] and indices i32
 * [..., k]. Equal values come in the order of their indices, NaN counts as the largest, and −0 equals 0; values are moved
 * bit by bit. The gradient of the values goes to the elements that were taken.
 * Throws ShapeError for other dtypes and k outside of 1 … m. */
export function topK(x: TensorLike, k: number): { values: Tensor; indices: Tensor } {
  const [values, indices] = apply(topKOp, [toTensor(x, 'topK')], { k })
  return { values, indices }
}

const kthOp: StructuredOp<Rank> = {
  ...plain,
  name: 'kthLargest',
  source: 'the last of topK',
  infer: inferRank((shape) => shape),
  vjp: ({ inputs: [x], outputs: [, index] }, [dy]) => {
    const one = (t: Tensor) => reshape(t, [...t.shape, 1])
    return [dy && putDistinct(one(dy), one(index), lastOf(x))]
  },
  cost: ([x]) => ({ macs: 0, flops: 16 * sizeOf(x.shape) }),
  windows: leading,
  lower: ({ inputs: [x], attrs: { k }, caps }) => kthRecipe({ ...specOf(x, k), caps }),
  samples: [
    { inputs: [sample([7])], attrs: { k: 3 } },
    { inputs: [sample([5, 2, 8])], attrs: { k: 8 } },
    { inputs: [sample([2, 131])], attrs: { k: 1 } },
    { inputs: [sample([1000])], attrs: { k: 300 }, wrt: [] },
    { inputs: [{ ...sample([2, 200]), steps: 7 }], attrs: { k: 90 }, wrt: [] },
  ],
}

/** The value of rank k along the last axis of x f32 [..., m], f32 [...]: rank 1 is the largest, rank m the smallest. It is
 * the last that `topK` gives: NaN counts as the largest, and of equal values those with the lowest indices come first,
 * so the gradient goes to one element. Throws ShapeError for other dtypes and k outside of 1 … m. */
export const kthLargest = (x: TensorLike, k: number): Tensor =>
  apply(kthOp, [toTensor(x, 'kthLargest')], { k })[0]

/** The transpose of taking: zeros [..., m] with the values at the indices, which are distinct in a row. */
const putOp: StructuredOp<{ m: number }> = {
  ...plain,
  name: 'putDistinct',
  source: 'gradient of topK',
  infer: ([v, indices], { m }, refuse) => {
    if (v.dtype !== 'f32' || indices.dtype !== 'i32' || !sameShape(v.shape, indices.shape))
      refuse('values must be f32, indices i32 of the same shape')
    return [{ dtype: 'f32', shape: [...v.shape.slice(0, -1), m] }]
  },
  vjp: ({ inputs: [v, indices] }, [g]) => [g && gather(g, indices, v.shape.length - 1)],
  cost: () => noCost,
  windows: rows((_, [v]) => v.shape.length - 1),
  lower: ({ inputs: [v, indices], attrs: { m } }) =>
    putRecipe({ rows: rowsOf(v), m, k: lastOf(v), access: [v.access, indices.access] }),
  // Single indices, since drawn ones are not distinct.
  samples: [
    { inputs: [sample([1]), { dtype: 'i32', shape: [1], range: [0, 0] }], attrs: { m: 1 } },
    { inputs: [sample([5, 1]), { dtype: 'i32', shape: [5, 1], range: [0, 6] }], attrs: { m: 7 } },
    {
      inputs: [sample([2, 3, 1]), { dtype: 'i32', shape: [2, 3, 1], range: [0, 7] }],
      attrs: { m: 8 },
    },
  ],
}

const putDistinct = (v: Tensor, indices: Tensor, m: number): Tensor =>
  apply(putOp, [v, indices], { m })[0]

const selectOp: StructuredOp<Rank> = {
  ...plain,
  name: 'selectLargest',
  source: 'top-K bootstrapping; ties to the lowest index',
  infer: ([values, valid], { k }, refuse) => {
    if (values.shape.length !== 2 || values.dtype !== 'f32')
      refuse('values must be f32 [rows, m]', 'use cast() and reshape()')
    if (valid.dtype !== 'u8' || !sameShape(valid.shape, values.shape))
      refuse('valid must be u8 of the shape of the values', 'comparisons give u8')
    if (!Number.isInteger(k) || k < 0)
      refuse(`k must be a whole number, not ${shown(k)}`, 'it may be larger than a row')
    return [
      { dtype: 'u8', shape: values.shape },
      { dtype: 'u32', shape: [values.shape[0]] },
    ]
  },
  vjp: none('a selection is piecewise constant'),
  cost: ([values]) => ({ macs: 0, flops: 16 * sizeOf(values.shape) }),
  windows: rows(1),
  lower: ({ inputs: [values, valid], attrs: { k }, caps }) =>
    selectRecipe({ ...specOf(values, k), access: [values.access, valid.access], caps }),
  samples: [
    [1, 40, 7, 5],
    [3, 13, 4, 4],
    [2, 500, 120, 50],
    [2, 9, 20, 3],
  ].map(([rows, m, k, steps]) => ({
    inputs: [
      { dtype: 'f32', shape: [rows, m], steps },
      { dtype: 'u8', shape: [rows, m], range: [0, 1] },
    ] satisfies SampleInput[],
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
  const inputs = [values, valid].map((x) => toTensor(x, 'selectLargest'))
  const [mask, kept] = apply(selectOp, inputs, { k })
  return { mask, kept }
}

export const selectOps = [selectOp, topKOp, kthOp, putOp] as const
