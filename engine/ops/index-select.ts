// Taking by number: single elements, whole rows, and the rows of an identity.

import { oneHot as oneHotRecipe } from '../../shaders/label.ts'
import {
  gather as gatherRecipe,
  type IndexElem,
  selectRows as selectRecipe,
} from '../../shaders/take.ts'
import { type DType, dtypeHint, isDType, type Shape, sameShape, sizeOf } from '../dtype.ts'
import {
  apply,
  type Box,
  noCost,
  none,
  type SampleInput,
  type StructuredOp,
  sample,
  type TensorLike,
  type Windows,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { optionsOf } from './options.ts'
import { around, cropped, fits, isIndex, notAnIndex, resized } from './places.ts'
import { axisOf, refuse, shown } from './refuse.ts'
import { addAt } from './scatter.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

type AlongAxis = { readonly axis: number }
const plain = { kind: 'structured', error: 'exact', tail: false, prologue: false } as const

/** Numbers around the range of places, so that some are outside on both sides. */
const places = (dtype: 'u8' | 'i32' | 'u32', shape: Shape, n: number): SampleInput => ({
  dtype,
  shape,
  range: [dtype === 'i32' ? -1 : 0, n],
})
const wholes = (dtype: DType, shape: Shape): SampleInput => ({ dtype, shape, range: [0, 255] })

/** Any part of the result, from all of x along the axis and the same part of its others. */
const windows = (indexOf: (box: Box, axis: number) => Box): Windows<AlongAxis> => ({
  cut: 'output',
  axes: (_, [x]) => x.shape.length,
  part: (box, attrs, [x]) => ({
    attrs,
    inputs: [x.shape.map((n, a) => (a === attrs.axis ? [0, n] : box[a])), indexOf(box, attrs.axis)],
  }),
})

const gatherOp: StructuredOp<AlongAxis> = {
  ...plain,
  name: 'gather',
  source: 'torch.gather, but a number outside gives 0',
  infer: ([x, index], { axis }, no) => {
    if (!isIndex(index)) no(...notAnIndex)
    if (index.shape.join() !== resized(x.shape, axis, index.shape[axis]).join())
      no(`the index must have the sizes of x but on axis ${axis}`)
    return [{ dtype: x.dtype, shape: index.shape }]
  },
  vjp: ({ inputs: [x, index], attrs: { axis } }, [dy]) => [dy && addAt(x.shape, index, dy, axis)],
  cost: () => noCost,
  windows: [windows((box) => box)],
  lower: ({ inputs: [x, index], attrs: { axis } }) =>
    gatherRecipe({
      ...around(x.shape, axis),
      m: index.shape[axis],
      elem: x.dtype,
      index: index.dtype as IndexElem,
      access: [x.access, index.access],
    }),
  samples: [
    { inputs: [sample([3, 5]), places('i32', [3, 2], 5)], attrs: { axis: 1 } },
    { inputs: [sample([7, 4]), places('u32', [9, 4], 7)], attrs: { axis: 0 } },
    { inputs: [sample([2, 19, 3]), places('u8', [2, 1, 3], 19)], attrs: { axis: 1 } },
    { inputs: [sample([1]), places('i32', [1], 1)], attrs: { axis: 0 } },
    { inputs: [sample([40]), places('i32', [1000], 40)], attrs: { axis: 0 } },
    { inputs: [wholes('u8', [3, 7]), places('u8', [3, 5], 7)], attrs: { axis: 1 } },
    { inputs: [wholes('i32', [3, 7]), places('i32', [2, 7], 3)], attrs: { axis: 0 } },
  ],
}

/** The elements of x that an index of x's rank names along an axis: y[i][j][k] = x[i][index[i][j][k]][k] for axis 1.
 * The result has the index's shape and the dtype of x, which is any; the index is u8, i32 or u32, and on the other axes
 * no larger than x. A number outside of the axis, a negative one too, gives 0.
 * The gradient adds what falls on one element in a fixed tree, so that equal inputs give equal bits.
 * Throws ShapeError for other sizes, dtypes and axes. */
export function gather(x: TensorLike, index: TensorLike, axis: number): Tensor {
  const [t, at] = [toTensor(x, 'gather'), toTensor(index, 'gather')]
  const a = axisOf('gather', axis, t.shape.length, [t, at])
  if (!fits(at.shape, resized(t.shape, a, Number.POSITIVE_INFINITY)))
    refuse(
      'gather',
      `the index must be no larger than x but on axis ${a}`,
      [t, at],
      'the index has the rank of x; indexSelect() takes whole slices by a vector',
    )
  const met = resized(at.shape, a, t.shape[a])
  if (!sizeOf(met) && !sameShape(met, t.shape))
    refuse('gather', 'the index is empty', [t, at], 'an index is empty along its axis only')
  return apply(gatherOp, [cropped(t, met), at], { axis: a })[0]
}

const selectOp: StructuredOp<AlongAxis> = {
  ...plain,
  name: 'indexSelect',
  source: 'torch.index_select, but a number outside gives 0',
  infer: ([x, index], { axis }, no) => {
    if (!isIndex(index)) no(...notAnIndex)
    if (index.shape.length !== 1) no('the index must be a vector', 'gather() takes one of any rank')
    return [{ dtype: x.dtype, shape: resized(x.shape, axis, index.shape[0]) }]
  },
  vjp: ({ inputs: [x, index], attrs: { axis } }, [dy]) => [dy && addAt(x.shape, index, dy, axis)],
  cost: () => noCost,
  windows: [windows((box, axis) => [box[axis]])],
  lower: ({ inputs: [x, index], attrs: { axis } }) =>
    selectRecipe({
      ...around(x.shape, axis),
      m: index.shape[0],
      elem: x.dtype,
      index: index.dtype as IndexElem,
      access: [x.access, index.access],
    }),
  samples: [
    { inputs: [sample([5, 8]), places('i32', [7], 5)], attrs: { axis: 0 } },
    { inputs: [sample([3, 4, 5]), places('u32', [6], 4)], attrs: { axis: 1 } },
    { inputs: [sample([2, 9]), places('u8', [3], 9)], attrs: { axis: 1 } },
    { inputs: [sample([1, 1]), places('i32', [1], 1)], attrs: { axis: 0 } },
    { inputs: [sample([2, 30, 3]), places('i32', [900], 30)], attrs: { axis: 1 } },
    { inputs: [wholes('u8', [5, 3]), places('u8', [4], 5)], attrs: { axis: 0 } },
    { inputs: [wholes('u8', [5, 12]), places('u8', [4], 5)], attrs: { axis: 0 } },
    { inputs: [wholes('i32', [5, 3]), places('i32', [4], 5)], attrs: { axis: 0 } },
  ],
}

/** The slices of x that a vector of numbers names along an axis, in its order: x [.., n, ..] and index [m] give
 * [.., m, ..] of the dtype of x, which is any; the index is u8, i32 or u32. A number outside of the axis, a negative one
 * too, gives zeros. The gradient adds what falls on one slice in the order of the index.
 * Throws ShapeError for other shapes, dtypes and axes. */
export function indexSelect(x: TensorLike, index: TensorLike, axis: number): Tensor {
  const [t, at] = [toTensor(x, 'indexSelect'), toTensor(index, 'indexSelect')]
  const a = axisOf('indexSelect', axis, t.shape.length, [t, at])
  return apply(selectOp, [t, at], { axis: a })[0]
}

const oneHotOp: StructuredOp<{ classes: number; dtype: DType }> = {
  ...plain,
  name: 'oneHot',
  source: 'torch one_hot, but a label outside gives zeros',
  infer: ([labels], { classes, dtype }, no) => {
    if (!isIndex(labels)) no('labels must be u8, i32 or u32', 'use cast()')
    if (!Number.isInteger(classes) || classes < 1)
      no(`there cannot be ${shown(classes)} classes`, 'give a whole number from 1')
    if (!isDType(dtype)) no(`there is no dtype ${shown(dtype)}`, dtypeHint)
    return [{ dtype, shape: [...labels.shape, classes] }]
  },
  vjp: none('labels are whole numbers'),
  cost: () => noCost,
  windows: rows((_, [labels]) => labels.shape.length),
  lower: ({ inputs: [labels], attrs: { classes, dtype } }) =>
    oneHotRecipe({
      rows: sizeOf(labels.shape),
      c: classes,
      labels: labels.dtype as IndexElem,
      elem: dtype,
      access: [labels.access],
    }),
  samples: [
    { inputs: [places('u8', [2, 3], 6)], attrs: { classes: 5, dtype: 'f32' } },
    { inputs: [places('i32', [7], 8)], attrs: { classes: 8, dtype: 'f32' } },
    { inputs: [places('u32', [5], 3)], attrs: { classes: 3, dtype: 'u8' } },
    { inputs: [places('i32', [5], 4)], attrs: { classes: 4, dtype: 'i32' } },
    { inputs: [places('u8', [3], 3)], attrs: { classes: 3, dtype: 'u32' } },
  ],
}

export interface OneHotOptions {
  /** Of the result; default f32. */
  readonly dtype?: DType
}

/** 1 at each label and 0 elsewhere: labels [...] of u8, i32 or u32 give [..., classes]. A label that is no class gives
 * zeros. Throws ShapeError for other dtypes and for `classes` that is no whole number from 1. */
export function oneHot(labels: TensorLike, classes: number, options: OneHotOptions = {}): Tensor {
  const { dtype } = optionsOf('oneHot', options, { dtype: 'f32' })
  return apply(oneHotOp, [toTensor(labels, 'oneHot')], { classes, dtype })[0]
}

export const takeOps = [gatherOp, selectOp, oneHotOp] as const
