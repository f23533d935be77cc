// Scores over classes, in the last axis: softmax, its logarithm, and the score at a label.

import { scatterLabel as scatterRecipe, takeLabel as takeRecipe } from '../../shaders/label.ts'
import { logSoftmax as logSoftmaxRecipe, softmax as softmaxRecipe } from '../../shaders/softmax.ts'
import { sizeOf, type TensorType } from '../dtype.ts'
import { apply, noCost, type OpError, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { exp, mul, sub } from './arithmetic.ts'
import { sum } from './reduce.ts'
import { toTensor } from './source.ts'

type Empty = Record<string, never>
const plain = { tail: false, prologue: false } as const
const lastOf = (x: TensorType) => x.shape[x.shape.length - 1]
const rowsOf = (x: TensorType) => sizeOf(x.shape) / lastOf(x)
const scoreSamples = [
  [2, 3, 8],
  [7, 5],
  [1, 1],
  [3, 19],
].map((shape) => ({
  inputs: [sample(shape, [-4, 4])],
  attrs: {},
}))

const rowwise = (
  name: string,
  recipe: typeof softmaxRecipe,
  error: OpError,
  vjp: StructuredOp<Empty>['vjp'],
): StructuredOp<Empty> => ({
  name,
  kind: 'structured',
  error,
  ...plain,
  infer: ([x], _, refuse) => {
    if (x.dtype !== 'f32' || x.shape.length < 1) refuse('an f32 tensor [..., c] is needed')
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  vjp,
  cost: ([x]) => ({ macs: 0, flops: 12 * sizeOf(x.shape) }),
  lower: ({ inputs: [x] }) => recipe({ rows: rowsOf(x), c: lastOf(x), access: [x.access] }),
  samples: scoreSamples,
})

const last = { keepDims: true } as const
const softmaxOp = rowwise(
  'softmax',
  softmaxRecipe,
  { relative: 2 ** -20 },
  ({ outputs: [y] }, [dy]) => [dy && mul(y, sub(dy, sum(mul(dy, y), [-1], last)))],
)
// The softmax is rebuilt from its own logarithm, so that nothing but the output is kept.
const logSoftmaxOp = rowwise(
  'logSoftmax',
  logSoftmaxRecipe,
  { absolute: 2 ** -20 },
  ({ outputs: [y] }, [dy]) => [dy && sub(dy, mul(exp(y), sum(dy, [-1], last)))],
)

/** exp(x) / Σ exp(x) over the last axis, stably. */
export const softmax = (x: TensorLike): Tensor => apply(softmaxOp, [toTensor(x)], {})[0]

/** x − log Σ exp(x) over the last axis, stably. */
export const logSoftmax = (x: TensorLike): Tensor => apply(logSoftmaxOp, [toTensor(x)], {})[0]

type LabelDType = 'u8' | 'i32' | 'u32'
const isLabels = (t: TensorType): boolean =>
  t.dtype === 'u8' || t.dtype === 'i32' || t.dtype === 'u32'
const labels = (shape: readonly number[], most: number) => ({
  dtype: 'u8' as const,
  shape,
  range: [0, most] as const,
})

const takeOp: StructuredOp<Empty> = {
  name: 'takeLabel',
  error: 'exact',
  kind: 'structured',
  ...plain,
  infer: ([x, l], _, refuse) => {
    if (x.dtype !== 'f32' || !isLabels(l)) refuse('scores must be f32 and labels u8, i32 or u32')
    if (x.shape.length !== l.shape.length + 1 || l.shape.some((n, i) => n !== x.shape[i]))
      refuse('labels must have the shape of the scores without their last axis')
    return [{ dtype: x.dtype, shape: l.shape }]
  },
  vjp: ({ inputs: [x, l] }, [dy]) => [dy && apply(scatterOp, [dy, l], { classes: lastOf(x) })[0]],
  cost: () => noCost,
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
  error: 'exact',
  kind: 'structured',
  ...plain,
  infer: ([dy, l], { classes }, refuse) => {
    if (dy.dtype !== 'f32' || !isLabels(l)) refuse('values must be f32 and labels u8, i32 or u32')
    return [{ dtype: dy.dtype, shape: [...l.shape, classes] }]
  },
  vjp: ({ inputs: [, l] }, [g]) => [g && apply(takeOp, [g, l], {})[0]],
  cost: () => noCost,
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

/** The score at each label: x [..., c] and labels [...] give [...]; 0 where the label is no class. */
export const takeLabel = (x: TensorLike, labels: TensorLike): Tensor =>
  apply(takeOp, [toTensor(x), toTensor(labels)], {})[0]

export const softmaxOps = [softmaxOp, logSoftmaxOp, takeOp, scatterOp] as const
