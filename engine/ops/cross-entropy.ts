// Cross entropy of scores with labels, in one pass over the scores; what losses of classes are made of.

import {
  type CrossEntropySpec,
  crossEntropyGrad as gradRecipe,
  crossEntropy as lossRecipe,
} from '../../shaders/cross-entropy.ts'
import type { FloatElem } from '../../shaders/kernel.ts'
import { sameShape, sizeOf, type TensorType } from '../dtype.ts'
import {
  apply,
  type Bound,
  type SampleInput,
  type StructuredOp,
  sample,
  type TensorLike,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { cast, greaterEqual, less, mul, sub, where } from './arithmetic.ts'
import { sum } from './reduce.ts'
import { reshape } from './shape.ts'
import { checkScores, softmax, takeLabel } from './softmax.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

type Empty = Record<string, never>
const plain = { kind: 'structured', tail: false, prologue: false } as const

const lastOf = (x: TensorType) => x.shape[x.shape.length - 1]
const specOf = (inputs: readonly Bound[]): CrossEntropySpec => ({
  rows: sizeOf(inputs[1].shape),
  c: lastOf(inputs[0]),
  elem: inputs[0].dtype as FloatElem,
  labels: inputs[1].dtype as CrossEntropySpec['labels'],
  access: inputs.map((t) => t.access),
})

/** Rows in vec4s and not, and rows that are cut into strips; some labels are no class. */
const samples = (more: (rows: number[]) => SampleInput[]) =>
  [
    { shape: [2, 3, 5], dtype: 'u8' },
    { shape: [7, 8], dtype: 'i32' },
    { shape: [1, 1], dtype: 'u32' },
    { shape: [5, 400], dtype: 'i32' },
    { shape: [3, 70], dtype: 'u8' },
  ].map(({ shape, dtype }) => {
    const [lead, c] = [shape.slice(0, -1), shape[shape.length - 1]]
    const labels = {
      dtype: dtype as TensorType['dtype'],
      shape: lead,
      range: [dtype === 'i32' ? -1 : 0, Math.min(c, 255)] as const,
    }
    return { inputs: [sample(shape, [-4, 4]), labels, ...more(lead)], attrs: {} }
  })

const lossOp: StructuredOp<Empty> = {
  ...plain,
  name: 'crossEntropy',
  error: { absolute: 2 ** -19 },
  source: 'log-sum-exp shifted by the maximum',
  infer: ([x, labels], _, no) => {
    checkScores(x, labels, no)
    return [{ dtype: 'f32', shape: labels.shape }]
  },
  vjp: ({ inputs: [x, labels] }, [dy]) => [dy && apply(gradOp, [x, labels, dy], {})[0]],
  cost: ([x]) => ({ macs: 0, flops: 8 * sizeOf(x.shape) }),
  windows: rows((_, inputs) => inputs[1].shape.length),
  f16: { inputs: [0], outputs: [] },
  lower: ({ inputs }) => lossRecipe(specOf(inputs)),
  samples: samples(() => []),
}

const gradOp: StructuredOp<Empty> = {
  ...plain,
  name: 'crossEntropyGrad',
  error: { absolute: 2 ** -19 },
  source: 'softmax − one-hot, Bishop 2006, eq. 4.109',
  infer: ([x, labels, dy], _, no) => {
    checkScores(x, labels, no)
    if (dy.dtype !== 'f32' || !sameShape(dy.shape, labels.shape))
      no('the gradient must be f32 of the shape of the labels')
    return [{ dtype: 'f32', shape: x.shape }]
  },
  vjp: ({ inputs: [x, labels, dy] }, [g]) => {
    if (!g) return []
    const ids = cast(labels, 'i32')
    const isClass = mul(greaterEqual(ids, 0), less(ids, lastOf(x)))
    const column = [...labels.shape, 1]
    // Where there is no class nothing of x matters, NaN neither.
    const p = where(reshape(isClass, column), softmax(x), 0)
    const given = reshape(where(isClass, dy, 0), column)
    const along = mul(g, given)
    return [
      mul(p, sub(along, sum(mul(along, p), [-1], { keepDims: true }))),
      undefined,
      where(isClass, sub(sum(mul(g, p), [-1]), takeLabel(g, labels)), 0),
    ]
  },
  cost: ([x]) => ({ macs: 0, flops: 10 * sizeOf(x.shape) }),
  windows: rows((_, inputs) => inputs[1].shape.length),
  f16: { inputs: [0], outputs: [0] },
  lower: ({ inputs, outputs: [dx] }) =>
    gradRecipe({ ...specOf(inputs), out: dx.dtype as FloatElem }),
  samples: samples((shape) => [sample(shape)]),
}

/** −log softmax(x) at each label: scores f32 [..., c] and labels [...] of u8, i32 or u32 give f32 [...]; 0 with zero
 * gradient where the label is no class, whatever the scores are there.
 * Throws ShapeError for other shapes and dtypes. */
export const labelCrossEntropy = (x: TensorLike, labels: TensorLike): Tensor =>
  apply(lossOp, [toTensor(x, 'crossEntropy'), toTensor(labels, 'crossEntropy')], {})[0]

export const crossEntropyOps = [lossOp, gradOp] as const
