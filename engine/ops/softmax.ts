// Scores over classes: softmax and its logarithm along any axis, and the score at a label.

import { scatterLabel as scatterRecipe, takeLabel as takeRecipe } from '../../shaders/label.ts'
import { logSoftmax as logSoftmaxRecipe, softmax as softmaxRecipe } from '../../shaders/softmax.ts'
import { softmaxGrad as gradRecipe } from '../../shaders/softmax-grad.ts'
import { type Shape, sameShape, sameType, sizeOf, type TensorType } from '../dtype.ts'
import {
  apply,
  noCost,
  type OpError,
  type Sample,
  type StructuredOp,
  sample,
  type TensorLike,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { exp, mul, sub } from './arithmetic.ts'
import { isIndex } from './places.ts'
import { sum } from './reduce.ts'
import { axisOf } from './refuse.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

type Empty = Record<string, never>
type AlongAxis = { readonly axis: number }
const plain = { tail: false, prologue: false } as const
const lastOf = (x: TensorType) => x.shape[x.shape.length - 1]
const rowsOf = (x: TensorType) => sizeOf(x.shape.slice(0, -1))

const around = (shape: Shape, axis: number) => ({
  outer: sizeOf(shape.slice(0, axis)),
  c: shape[axis],
  inner: sizeOf(shape.slice(axis + 1)),
})
// One vec4 of a row, of columns, or none; then axes that are cut into strips, once and twice.
const samples = (inputs: number, range: readonly [number, number]): Sample<AlongAxis>[] =>
  [
    { shape: [2, 3, 8], axis: 2 },
    { shape: [7, 5], axis: 1 },
    { shape: [1, 1], axis: 0 },
    { shape: [3, 19], axis: 1 },
    { shape: [2, 5, 8], axis: 1 },
    { shape: [7, 5, 3], axis: 0 },
    { shape: [3, 300], axis: 1 },
    { shape: [70, 2], axis: 0 },
    { shape: [260, 4], axis: 0 },
    { shape: [1, 1200], axis: 1 },
  ].map(({ shape, axis }) => ({
    inputs: Array.from({ length: inputs }, () => sample(shape, range)),
    attrs: { axis },
  }))

const softmaxOf = (
  name: string,
  recipe: typeof softmaxRecipe,
  error: OpError,
  gradient: () => StructuredOp<AlongAxis>,
): StructuredOp<AlongAxis> => ({
  name,
  kind: 'structured',
  error,
  source: 'shifted by the maximum, Goodfellow et al. 2016, section 4.1',
  ...plain,
  infer: ([x], _, no) => {
    if (x.dtype !== 'f32') no('an f32 tensor is needed', 'use cast()')
    if (!sizeOf(x.shape)) no('an empty tensor has no scores')
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  vjp: ({ outputs: [y], attrs }, [dy]) => [dy && apply(gradient(), [dy, y], attrs)[0]],
  cost: ([x]) => ({ macs: 0, flops: 12 * sizeOf(x.shape) }),
  windows: rows(({ axis }) => axis),
  lower: ({ inputs: [x], attrs: { axis } }) =>
    recipe({ ...around(x.shape, axis), access: [x.access] }),
  samples: samples(1, [-4, 4]),
})

const softmaxOp = softmaxOf('softmax', softmaxRecipe, { relative: 2 ** -20 }, () => softmaxGradOp)
// The softmax is rebuilt from its own logarithm, so that nothing but the output is kept.
const logSoftmaxOp = softmaxOf(
  'logSoftmax',
  logSoftmaxRecipe,
  { absolute: 2 ** -20 },
  () => logSoftmaxGradOp,
)

const gradientOf = (
  name: string,
  log: boolean,
  vjp: StructuredOp<AlongAxis>['vjp'],
): StructuredOp<AlongAxis> => ({
  name,
  kind: 'structured',
  error: { relative: 2 ** -20 },
  source: 'product with the Jacobian, from the output alone',
  ...plain,
  infer: ([dy, y], _, no) => {
    if (y.dtype !== 'f32' || !sameType(dy, y)) no('two f32 tensors of one shape are needed')
    return [{ dtype: y.dtype, shape: y.shape }]
  },
  vjp,
  cost: ([y]) => ({ macs: 0, flops: 4 * sizeOf(y.shape) }),
  windows: rows(({ axis }) => axis),
  lower: ({ inputs: [dy, y], attrs: { axis }, caps }) =>
    gradRecipe({ ...around(y.shape, axis), log, access: [dy.access, y.access], caps }),
  samples: samples(2, [-1, 1]),
})

const along = (x: Tensor, { axis }: AlongAxis) => sum(x, [axis], { keepDims: true })
const softmaxGradOp = gradientOf('softmaxGrad', false, ({ inputs: [dy, y], attrs }, [g]) => {
  if (!g) return []
  const dx = sub(mul(g, sub(dy, along(mul(dy, y), attrs))), mul(dy, along(mul(g, y), attrs)))
  return [apply(softmaxGradOp, [g, y], attrs)[0], dx]
})
const logSoftmaxGradOp = gradientOf('logSoftmaxGrad', true, ({ inputs: [dy, y], attrs }, [g]) => {
  if (!g) return []
  const p = exp(y)
  return [sub(g, along(mul(g, p), attrs)), mul(mul(g, p), mul(along(dy, attrs), -1))]
})

function alongAxis(op: StructuredOp<AlongAxis>, x: TensorLike, axis: number): Tensor {
  const t = toTensor(x, op.name)
  return apply(op, [t], { axis: axisOf(op.name, axis, t.shape.length, [t]) })[0]
}

/** exp(x) / Σ exp(x) along an axis, the last by default: f32 of x's shape, shifted by the maximum, so that nothing
 * overflows. −∞ has probability 0; where all are −∞, or one is NaN or +∞, all along the axis become NaN.
 * Throws ShapeError for other dtypes, for an empty tensor, and for an axis that x has not. */
export const softmax = (x: TensorLike, axis = -1): Tensor => alongAxis(softmaxOp, x, axis)

/** x − log Σ exp(x) along an axis, the last by default, without taking the logarithm of a rounded probability. Shapes,
 * infinities, NaN and errors as in `softmax`. */
export const logSoftmax = (x: TensorLike, axis = -1): Tensor => alongAxis(logSoftmaxOp, x, axis)

type LabelDType = 'u8' | 'i32' | 'u32'
const labels = (shape: readonly number[], most: number) => ({
  dtype: 'u8' as const,
  shape,
  range: [0, most] as const,
})

type Refuse = (problem: string, hint?: string) => never

/** Refuses what are no scores f32 [..., classes] with their labels [...]. */
export function checkScores(x: TensorType, labels: TensorType, no: Refuse): void {
  if (x.dtype !== 'f32') no('scores must be f32', 'use cast()')
  if (!isIndex(labels)) no('labels must be u8, i32 or u32', 'use cast()')
  if (!x.shape.length || !sameShape(labels.shape, x.shape.slice(0, -1)))
    no('labels must have the shape of the scores without their last axis', labelHint(x, labels))
}

function labelHint({ shape }: TensorType, labels: TensorType): string {
  if (sameShape(labels.shape, shape)) return 'argmax(labels) makes classes of one-hot vectors'
  if (sameShape(labels.shape, [...shape.slice(0, -1), 1])) return 'use squeeze(labels, [-1])'
  if (sameShape(labels.shape, shape.toSpliced(1, 1)))
    return 'scores are [n, h, w, classes]: permute(x, [0, 2, 3, 1]) makes one of [n, classes, h, w]'
  return 'scores are [..., classes], labels [...]'
}

const takeOp: StructuredOp<Empty> = {
  name: 'takeLabel',
  source: 'gather along the classes',
  error: 'exact',
  kind: 'structured',
  ...plain,
  infer: ([x, l], _, refuse) => {
    checkScores(x, l, refuse)
    return [{ dtype: x.dtype, shape: l.shape }]
  },
  vjp: ({ inputs: [x, l] }, [dy]) => [dy && apply(scatterOp, [dy, l], { classes: lastOf(x) })[0]],
  cost: () => noCost,
  windows: rows((_, inputs) => inputs[1].shape.length),
  lower: ({ inputs: [x, l] }) =>
    takeRecipe({
      rows: rowsOf(x),
      c: lastOf(x),
      labels: l.dtype as LabelDType,
      access: [x.access, l.access],
    }),
  samples: [
    { inputs: [sample([2, 3, 5]), labels([2, 3], 6)], attrs: {} },
    { inputs: [sample([7, 8]), { dtype: 'i32', shape: [7], range: [-1, 8] }], attrs: {} },
  ],
}

const scatterOp: StructuredOp<{ classes: number }> = {
  name: 'scatterLabel',
  source: 'transpose of takeLabel',
  error: 'exact',
  kind: 'structured',
  ...plain,
  infer: ([dy, l], { classes }, refuse) => {
    if (dy.dtype !== 'f32' || !isIndex(l)) refuse('values must be f32 and labels u8, i32 or u32')
    return [{ dtype: dy.dtype, shape: [...l.shape, classes] }]
  },
  vjp: ({ inputs: [, l] }, [g]) => [g && apply(takeOp, [g, l], {})[0]],
  cost: () => noCost,
  windows: rows((_, inputs) => inputs[1].shape.length),
  lower: ({ inputs: [dy, l], attrs: { classes } }) =>
    scatterRecipe({
      rows: sizeOf(l.shape),
      c: classes,
      labels: l.dtype as LabelDType,
      access: [dy.access, l.access],
    }),
  samples: [
    { inputs: [sample([2, 3]), labels([2, 3], 6)], attrs: { classes: 5 } },
    { inputs: [sample([9]), labels([9], 9)], attrs: { classes: 8 } },
  ],
}

/** The score at each label: x f32 [..., c] and labels [...] of u8, i32 or u32 give [...]; 0 where the label is no class. Throws
 * ShapeError. */
export const takeLabel = (x: TensorLike, labels: TensorLike): Tensor =>
  apply(takeOp, [toTensor(x, 'takeLabel'), toTensor(labels, 'takeLabel')], {})[0]

export const softmaxOps = [
  softmaxOp,
  logSoftmaxOp,
  softmaxGradOp,
  logSoftmaxGradOp,
  takeOp,
  scatterOp,
] as const
