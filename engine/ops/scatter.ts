// Adding by number: every element of the result collects what falls on it, in a fixed order.

import { scatterAdd as scatterRecipe } from '../../shaders/scatter.ts'
import type { IndexElem } from '../../shaders/take.ts'
import { type Shape, sameShape, sizeOf } from '../dtype.ts'
import { apply, type SampleInput, type StructuredOp, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add, cast } from './arithmetic.ts'
import { gather, indexSelect } from './index-select.ts'
import { around, cropped, fits, isIndex, notAnIndex, resized } from './places.ts'
import { axisOf, refuse } from './refuse.ts'
import { pad } from './shape.ts'
import { toTensor } from './source.ts'
import { combinePairwise, leadingOf } from './windows.ts'

/** Inputs: the index, of the shape of what is added or a vector for all of it; what is added; perhaps the base. The
 * result has `n` places along `axis`. */
const scatterOp: StructuredOp<{ axis: number; n: number }> = {
  name: 'scatterAdd',
  source: 'torch.scatter_add, but a number outside goes nowhere',
  kind: 'structured',
  tail: false,
  prologue: false,
  infer: ([index, src, base], { axis, n }, no) => {
    if (!isIndex(index)) no(...notAnIndex)
    const own = index.shape.length === 1 ? [src.shape[axis]] : src.shape
    if (!sameShape(index.shape, own)) no('the index must have the sizes of what is added')
    const shape = resized(src.shape, axis, n)
    if (base && (base.dtype !== src.dtype || !sameShape(base.shape, shape)))
      no('the base must have the dtype and sizes of what is added to it')
    return [{ dtype: src.dtype, shape }]
  },
  vjp: ({ inputs: [index, , base], attrs: { axis } }, [dy]) => [
    undefined,
    dy && (index.shape.length === 1 ? indexSelect(dy, index, axis) : gather(dy, index, axis)),
    base && dy,
  ],
  cost: ([, src]) => ({ macs: 0, flops: sizeOf(src.shape) }),
  windows: [
    {
      cut: 'output',
      axes: ({ axis }) => axis,
      part: (box, attrs, inputs) => ({
        attrs,
        // A vector is needed whole.
        inputs: inputs.map((x) => (x.shape.length > 1 ? leadingOf(box, attrs.axis, x) : undefined)),
      }),
    },
    // Some of the sources after others; the first of them onto the base.
    {
      cut: 'input',
      axes: ({ axis }, [index]) => (axis === 0 || index.shape.length === 1 ? 1 : 0),
      part: (box, attrs, [, src, base]) => ({
        attrs,
        inputs: [
          box,
          src.shape.map((n, a) => (a === attrs.axis ? box[0] : [0, n])),
          ...(base ? [box[0][0] === 0 ? undefined : null] : []),
        ],
      }),
      combine: combinePairwise(add),
    },
  ],
  lower: ({ inputs: [index, src, base], attrs: { axis, n }, caps }) => {
    const { outer, n: m, inner } = around(src.shape, axis)
    return scatterRecipe(
      {
        ...{ outer, n, m, inner },
        elem: src.dtype,
        index: index.dtype as IndexElem,
        shared: index.shape.length === 1,
        base: !!base,
        access: [index, src, ...(base ? [base] : [])].map((t) => t.access),
      },
      caps,
    )
  },
  samples: [
    ...sampleOf([4, 9, 3], 1, 5),
    ...sampleOf([2, 3, 8], 1, 7),
    ...sampleOf([1], 0, 1),
    // Long enough to be sorted.
    ...sampleOf([2100], 0, 3),
    ...sampleOf([1, 2100, 2], 1, 40),
    ...sampleOf([1, 2052, 4], 1, 1),
  ],
}

/** With an index for each element and a base, and with a vector and none. */
function sampleOf(shape: Shape, axis: number, n: number) {
  const float: SampleInput = { dtype: 'f32', shape }
  const index = (of: Shape): SampleInput => ({ dtype: 'i32', shape: of, range: [-1, n] })
  const base: SampleInput = { dtype: 'f32', shape: resized(shape, axis, n) }
  return [
    { inputs: [index(shape), float, base], attrs: { axis, n } },
    { inputs: [index([shape[axis]]), float], attrs: { axis, n } },
  ]
}

/** Zeros of a shape, or `base`, and what an index of src's shape, or a vector for all of src, adds along an axis. */
export const addAt = (
  shape: Shape,
  index: Tensor,
  src: Tensor,
  axis: number,
  base?: Tensor,
): Tensor => apply(scatterOp, [index, src, ...(base ? [base] : [])], { axis, n: shape[axis] })[0]

/** `base` and what `src` adds to it where an index of src's rank says along an axis: for axis 1,
 * y[i][index[i][j][k]][k] += src[i][j][k]. The result has the type of the base; src has its dtype, which is any, and is
 * no smaller than the index, nor is the base but on the axis; the index is u8, i32 or u32. A number outside of the axis,
 * a negative one too, adds nowhere. What falls on one element is summed in a fixed tree, so that equal inputs give equal
 * bits. Integers wrap.
 * Throws ShapeError for other sizes, dtypes and axes. */
export function scatterAdd(
  base: TensorLike,
  index: TensorLike,
  src: TensorLike,
  axis: number,
): Tensor {
  const got = [base, index, src].map((x) => toTensor(x, 'scatterAdd'))
  const [t, at, s] = got
  const a = axisOf('scatterAdd', axis, t.shape.length, got)
  const no = (problem: string, hint: string) => refuse('scatterAdd', problem, got, hint)
  if (!isIndex(at)) no(...notAnIndex)
  if (s.dtype !== t.dtype) no('the dtypes of base and src differ', 'use cast()')
  const each =
    'there is one number of a place for each element that is added: broadcastTo() makes them of a vector'
  if (!fits(at.shape, s.shape)) no('the index must be no larger than src', each)
  if (!fits(at.shape, resized(t.shape, a, Number.POSITIVE_INFINITY)))
    no(`the index must be no larger than the base but on axis ${a}`, each)
  if (!sizeOf(at.shape)) return t
  const added = cropped(s, at.shape)
  const whole = resized(t.shape, a, at.shape[a])
  if (sameShape(at.shape, whole)) return addAt(t.shape, at, added, a, t)
  // What the index does not reach goes nowhere.
  const [none, after] = [whole.map(() => 0), whole.map((n, i) => n - at.shape[i])]
  return addAt(t.shape, pad(cast(at, 'i32'), none, after, -1), pad(added, none, after), a, t)
}

export const scatterOps = [scatterOp] as const
