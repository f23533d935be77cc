// Sums, means and extremes over axes. Several values of one shape may be summed in one pass.

import { extremeFold, sumFold } from '../../shaders/folds.ts'
import { register } from '../../shaders/kernel.ts'
import { type DType, type Shape, sameType, sizeOf } from '../dtype.ts'
import { apply, type SampleInput, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { argOver, onlyAt } from './arg.ts'
import { add, broadcastTo, cast, maximum, minimum, mul } from './arithmetic.ts'
import { along, extentOf, type ReduceOptions, type Run } from './axes.ts'
import { foldAxes, foldOp, samplesOf } from './fold.ts'
import { refuse } from './refuse.ts'
import { reshape } from './shape.ts'
import { listOf, scalar } from './source.ts'
import { combinePairwise } from './windows.ts'

const numbers: readonly DType[] = ['f32', 'i32', 'u32', 'u8']
const floats = (shape: Shape) => sample(shape)
/** Whole numbers of the full range, so that sums wrap. */
const wholes: readonly ((shape: Shape) => SampleInput)[] = [
  (shape) => ({ dtype: 'i32', shape, range: [-(2 ** 31), 2 ** 31 - 1] }),
  (shape) => ({ dtype: 'u32', shape, range: [0, 2 ** 32 - 1] }),
  (shape) => ({ dtype: 'u8', shape, range: [0, 255] }),
]

export const sumOp = foldOp<Run>('sum', {
  source: 'NumPy: the sum of bytes is wider',
  fold: (out) => sumFold(register(out)),
  takes: numbers,
  gives: (dtype) => (dtype === 'u8' ? 'u32' : dtype),
  vjp: ({ attrs }, dys) => dys.map((dy) => dy && along(dy, attrs)),
  samples: [
    ...samplesOf(floats),
    ...samplesOf(floats, 2),
    ...wholes.flatMap((w) => samplesOf(w, 1).slice(0, 4)),
  ],
  combine: combinePairwise(add),
})

export const meanOp = foldOp<Run>('mean', {
  source: 'NumPy',
  fold: () => sumFold('f32'),
  takes: ['f32'],
  scale: (attrs) => 1 / extentOf(attrs).rows,
  vjp: ({ attrs }, [dy]) => [dy && along(mul(dy, 1 / extentOf(attrs).rows), attrs)],
  samples: samplesOf(floats),
  combine: (parts, share) => combinePairwise(add)(parts.map(([y], k) => [mul(y, share[k])])),
})

const extremeOp = (which: 'max' | 'min') =>
  foldOp<Run>(which, {
    source: 'PyTorch: NaN wins, and one element takes the gradient',
    error: 'exact',
    fold: (out) => extremeFold(which, register(out)),
    takes: numbers,
    vjp: ({ inputs: [x], attrs }, [dy]) => [dy && onlyAt(argOver(which, x, attrs), dy, attrs)],
    samples: [...samplesOf(floats), ...wholes.flatMap((w) => samplesOf(w).slice(0, 4))],
    combine: combinePairwise(which === 'max' ? maximum : minimum),
  })
export const maxOp = extremeOp('max')
export const minOp = extremeOp('min')

/** Sum over `axes`, by default all, in fixed order and pairwise by blocks: the error stays below 1e-6 · Σ|x| for ten
 * million numbers. i32 and u32 wrap; the sum of u8 is u32.
 * Throws ShapeError for f16 (use cast), for an empty tensor, and for axes that x has not or that are named twice. */
export const sum = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  foldAxes(sumOp, x, axes, options)

/** Mean over `axes`, by default all, of an f32 tensor; as exact as its sum. Throws as `sum` does. */
export const mean = (
  x: TensorLike,
  axes?: readonly number[],
  options: ReduceOptions = {},
): Tensor => foldAxes(meanOp, x, axes, options)

/** Largest element over `axes`, by default all, in the dtype of x; NaN wins. Of equal ones the first in row-major order
 * takes the whole gradient. Throws as `sum` does. */
export const max = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  foldAxes(maxOp, x, axes, options)

/** Smallest element over `axes`, by default all, in the dtype of x; NaN wins. Of equal ones the first in row-major order
 * takes the whole gradient. Throws as `sum` does. */
export const min = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  foldAxes(minOp, x, axes, options)

/** Sums of several tensors [..., c] of one type over the leading axes, in one pass: one [c] per tensor. Throws ShapeError. */
export function channelSums(xs: readonly TensorLike[]): Tensor[] {
  const ts = listOf('channelSums', xs)
  if (!ts.length || !ts[0].shape.length || ts.some((t) => !sameType(t, ts[0])))
    refuse(
      'channelSums',
      'one tensor [..., c] or several of one type are needed',
      ts,
      'use cast() and broadcastTo()',
    )
  const { shape } = ts[0]
  return partOf('channelSums', () => apply(sumOp, ts, { first: 0, count: shape.length - 1, shape }))
}

/** `x` summed down to `shape`, undoing a broadcast; f16 in f32. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length
  const axes = x.shape.flatMap((n, a) =>
    a < lead || (shape[a - lead] === 1 && n !== 1) ? [a] : [],
  )
  if (!axes.length) return x
  if (!sizeOf(x.shape)) return broadcastTo(scalar(0, x.dtype), shape)
  const wide = x.dtype === 'f16' ? cast(x, 'f32') : x
  return cast(reshape(sum(wide, axes), shape), x.dtype)
}

export const reduceOps = [sumOp, meanOp, maxOp, minOp] as const
