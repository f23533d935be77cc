// Where the largest or smallest element stands, and its inverse: a value at one place along an axis and zero elsewhere,
// which is what the gradient of a maximum is.

import { argFold } from '../../shaders/folds.ts'
import { register } from '../../shaders/kernel.ts'
import { broadcastShapes, type DType, isFloat, sameShape } from '../dtype.ts'
import { apply, none, type PointwiseOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add, cast } from './arithmetic.ts'
import {
  beside,
  extentOf,
  foldingOf,
  type ReduceOptions,
  type Run,
  spread,
  without,
} from './axes.ts'
import { equal, greater, isNaN, less, logicalAnd, logicalNot, logicalOr, where } from './compare.ts'
import { foldOp, runs, samplesOf } from './fold.ts'
import { pointwise } from './pointwise.ts'
import { axisOf } from './refuse.ts'
import { reshape } from './shape.ts'
import { toTensor } from './source.ts'

type Arg = Run & {
  /** Element that a window begins with. A window gives the best value and its position, so that the best of all can be
   * found. */
  readonly from?: number
}

/** The position of the best value of all windows, from the best value and the position in each. */
function bestOf(which: 'max' | 'min', windows: readonly Tensor[][]): Tensor {
  const runs = windows.map(([value]) => value.node.attrs as Arg)
  const rows = runs.reduce((n, run) => n + extentOf(run).rows, 0)
  const best = windows.map(([value, at], k) => {
    // Where a window has nothing but the worst value there is, it tells no position.
    const position = where(equal(at, 2 ** 32 - 1), 0, at)
    return { value, at: add(position, runs[k].from! / extentOf(runs[k]).inner) }
  })
  const { at } = best.reduce((a, b) => {
    const ahead = which === 'max' ? greater(b.value, a.value) : less(b.value, a.value)
    const isNew = isFloat(b.value.dtype)
      ? logicalAnd(logicalOr(ahead, isNaN(b.value)), logicalNot(isNaN(a.value)))
      : ahead
    return { value: where(isNew, b.value, a.value), at: where(isNew, b.at, a.at) }
  })
  return cast(at, indexType(rows))
}

const indexType = (rows: number): DType => (rows <= 256 ? 'u8' : 'i32')

const argOp = (which: 'max' | 'min') =>
  foldOp<Arg>(`arg${which}`, {
    source: 'NumPy: the first of equals, and of NaN',
    error: 'exact',
    fold: (out, x) => argFold(which, register(x), out),
    prologue: false,
    takes: ['f32', 'i32', 'u32', 'u8'],
    gives: (_, attrs) => indexType(extentOf(attrs).rows),
    states: ({ from }) => from !== undefined,
    mark: (attrs, from) => ({ ...attrs, from }),
    combine: (windows) => [bestOf(which, windows)],
    vjp: none(`arg${which} is piecewise constant`),
    samples: [
      ...samplesOf((shape) => ({ ...sample(shape), steps: 7 })),
      ...samplesOf(sample).slice(0, 5),
      ...samplesOf((shape) => ({ dtype: 'i32', shape, range: [-9, 9] })).slice(0, 4),
      ...samplesOf((shape) => ({ dtype: 'u32', shape, range: [0, 2 ** 32 - 1] })).slice(0, 2),
      ...samplesOf((shape) => ({ dtype: 'u8', shape })).slice(0, 4),
    ],
  })
const argmaxOp = argOp('max')
const argminOp = argOp('min')

/** Position in a run of the largest or smallest element: u8 for up to 256 of them, else i32. */
export const argOver = (which: 'max' | 'min', x: Tensor, { shape, first, count }: Run): Tensor =>
  apply(which === 'max' ? argmaxOp : argminOp, [x], { shape, first, count })[0]

function argAlong(which: 'max' | 'min', x: TensorLike, axis: number, options: ReduceOptions) {
  const name = `arg${which}`
  const t = toTensor(x, name)
  const first = axisOf(name, axis, t.shape.length, [t])
  const { shape } = foldingOf(name, t, [first], options)
  return reshape(argOver(which, t, { shape: t.shape, first, count: 1 }), shape)
}

/** Index of the largest element along `axis`, by default the last: the first of equals, and of NaN, which counts as the
 * largest. u8 where the axis has up to 256 elements, else i32.
 * Throws ShapeError for f16 (use cast), for an empty tensor, and for an axis that x has not. */
export const argmax = (x: TensorLike, axis = -1, options: ReduceOptions = {}): Tensor =>
  argAlong('max', x, axis, options)

/** Index of the smallest element along `axis`, by default the last: the first of equals, and of NaN, which counts as the
 * smallest. u8 where the axis has up to 256 elements, else i32. Throws as `argmax` does. */
export const argmin = (x: TensorLike, axis = -1, options: ReduceOptions = {}): Tensor =>
  argAlong('min', x, axis, options)

const halves = (n: number) => [n >>> 16, n & 0xffff]
const onlyAtOp: PointwiseOp<Run> = pointwise<Run>('onlyAt', {
  source: 'the gradient of a maximum',
  error: 'exact',
  infer: ([index, value], run, no) => {
    const joint = broadcastShapes([index.shape, value.shape, run.shape])
    if (isFloat(index.dtype) || !joint || !sameShape(joint, run.shape))
      no(`whole numbers and values that broadcast to [${run.shape}] are needed`)
    return [{ dtype: value.dtype, shape: run.shape }]
  },
  indexed: true,
  // Run-time values are f32, which holds 24 bits: a size travels as its two halves.
  constants: (run) => {
    const { rows, inner } = extentOf(run)
    return [...halves(rows), ...halves(inner)]
  },
  wgsl: ([at, value], { index, constants: [r1, r0, i1, i0], out }) => {
    const whole = (high: string, low: string) => `(vec4u(${high}) * 65536u + vec4u(${low}))`
    const zero = { f32: 'vec4f()', f16: 'vec4f()', i32: 'vec4i()', u32: 'vec4u()', u8: 'vec4u()' }
    return `select(${zero[out]}, ${value}, (${index} / ${whole(i1, i0)}) % ${whole(r1, r0)} == vec4u(${at}))`
  },
  reference: ([at, value], run, index) => {
    const { rows, inner } = extentOf(run)
    return Math.floor(index / inner) % rows === at ? value : 0
  },
  vjp: ({ inputs: [at], attrs }, [dy]) => [undefined, dy && apply(onlyAtOp, [at, dy], attrs)[0]],
  samples: runs.slice(0, 3).map((attrs) => ({
    inputs: [
      { dtype: 'u8', shape: beside(attrs), range: [0, extentOf(attrs).rows] },
      sample(attrs.first ? beside(attrs) : without(attrs)),
    ],
    attrs,
  })),
})

/** `y`, which lacks a run of axes, at position `index` of that run, and 0 elsewhere. */
export const onlyAt = (index: Tensor, y: Tensor, run: Run): Tensor =>
  apply(onlyAtOp, [spread(index, run), spread(y, run)], run)[0]

export const argOps = [argmaxOp, argminOp, onlyAtOp] as const
