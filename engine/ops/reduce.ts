// Reductions over axes. A reduction op folds one run of neighbouring axes; the functions split any set of axes into
// such runs. Several values of one shape may be summed in one pass.

import { type Fold, reduce } from '../../shaders/reduce.ts'
import { normalizeAxes, type Shape, sizeOf } from '../dtype.ts'
import { apply, type LowerContext, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { broadcastTo, equal, mul, where } from './arithmetic.ts'
import { refuse } from './refuse.ts'
import { iota, reshape } from './shape.ts'
import { toTensor } from './source.ts'

/** Axes first … first+count−1 are folded away. */
type Run = { readonly first: number; readonly count: number }

const without = (shape: Shape, { first, count }: Run): number[] => [
  ...shape.slice(0, first),
  ...shape.slice(first + count),
]
const kept = (shape: Shape, { first, count }: Run): number[] =>
  shape.map((n, a) => (a >= first && a < first + count ? 1 : n))

function lowerFold(fold: Fold, shape: Shape, run: Run, values: number, c: LowerContext<Run>) {
  return reduce(
    {
      fold,
      outer: sizeOf(shape.slice(0, run.first)),
      reduce: sizeOf(shape.slice(run.first, run.first + run.count)),
      inner: sizeOf(shape.slice(run.first + run.count)),
      values,
      load: c.prologue,
    },
    c.caps,
  )
}

const foldOp = (
  fold: Fold,
  vjp: StructuredOp<Run & { shape: Shape }>['vjp'],
): StructuredOp<Run & { shape: Shape }> => ({
  name: fold,
  ...(fold !== 'sum' && { error: 'exact' as const }),
  kind: 'structured',
  infer: (types, attrs, no) => {
    if (types.some((t) => t.dtype !== 'f32')) no('only f32 is reduced', 'use cast()')
    return types.map((t) => ({ dtype: t.dtype, shape: without(t.shape, attrs) }))
  },
  vjp,
  cost: (inputs) => ({ macs: 0, flops: inputs.reduce((n, t) => n + sizeOf(t.shape), 0) }),
  tail: false,
  prologue: true,
  lower: (c) => lowerFold(fold, c.attrs.shape, c.attrs, c.outputs.length, c),
  samples: (fold === 'sum' ? [1, 2] : [1]).flatMap((values) =>
    [
      { shape: [2, 3, 8], first: 0, count: 2 },
      { shape: [7, 3, 5], first: 1, count: 1 },
      { shape: [3, 40], first: 1, count: 1 },
      { shape: [1300, 3], first: 0, count: 1 },
      { shape: [5000], first: 0, count: 1 },
    ].map((attrs) => ({
      inputs: Array.from({ length: values }, () => sample(attrs.shape)),
      attrs,
    })),
  ),
})

const spread = (dy: Tensor, shape: Shape, run: Run) =>
  broadcastTo(reshape(dy, kept(shape, run)), shape)

const sumOp = foldOp('sum', ({ attrs }, dys) =>
  dys.map((dy) => dy && spread(dy, attrs.shape, attrs)),
)

// Of equal largest elements the first in row-major order takes all of the gradient.
const extremeVjp: StructuredOp<Run & { shape: Shape }>['vjp'] = (
  { inputs: [x], outputs: [y], attrs },
  [dy],
) => {
  if (!dy) return []
  const n = sizeOf(attrs.shape.slice(attrs.first, attrs.first + attrs.count))
  const flat = [
    ...attrs.shape.slice(0, attrs.first),
    n,
    ...attrs.shape.slice(attrs.first + attrs.count),
  ]
  const run = { first: attrs.first, count: 1 }
  const position = iota(flat, attrs.first)
  const hit = where(equal(reshape(x, flat), spread(y, flat, run)), position, n)
  const first = apply(minOp, [hit], { ...run, shape: flat })[0]
  const mine = where(equal(position, spread(first, flat, run)), spread(dy, flat, run), 0)
  return [reshape(mine, attrs.shape)]
}
const maxOp = foldOp('max', extremeVjp)
const minOp: StructuredOp<Run & { shape: Shape }> = foldOp('min', extremeVjp)

export interface ReduceOptions {
  /** Keep the reduced axes with size 1. */
  readonly keepDims?: boolean
}

/** Runs of neighbouring axes, last first, so that dropping one does not move the others. */
function runsOf(axes: readonly number[]): Run[] {
  const runs: { first: number; count: number }[] = []
  for (const a of axes) {
    const last = runs[runs.length - 1]
    if (last && last.first + last.count === a) last.count++
    else runs.push({ first: a, count: 1 })
  }
  return runs.reverse()
}

function fold(
  op: StructuredOp<Run & { shape: Shape }>,
  x: TensorLike,
  axes: readonly number[] | undefined,
  { keepDims = false }: ReduceOptions,
): Tensor {
  const t = toTensor(x)
  const all = axes ?? t.shape.map((_, a) => a)
  const which = normalizeAxes(all, t.shape.length) ?? refuse(op.name, `no such axes [${all}]`, [t])
  let y = t
  for (const run of runsOf(which)) y = apply(op, [y], { ...run, shape: y.shape })[0]
  return keepDims
    ? reshape(
        y,
        t.shape.map((n, a) => (which.includes(a) ? 1 : n)),
      )
    : y
}

/** Sum over `axes` (default all). Pairwise by blocks, so the error does not grow with the count. */
export const sum = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  fold(sumOp, x, axes, options)

/** Largest element over `axes` (default all); NaN wins. */
export const max = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  fold(maxOp, x, axes, options)

/** Smallest element over `axes` (default all); NaN wins. */
export const min = (x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor =>
  fold(minOp, x, axes, options)

/** Mean over `axes` (default all). */
export function mean(x: TensorLike, axes?: readonly number[], options: ReduceOptions = {}): Tensor {
  const t = toTensor(x)
  const y = sum(t, axes, options)
  return mul(y, sizeOf(y.shape) / sizeOf(t.shape))
}

/** Sums of several tensors of one shape over the leading axes, in one pass: one [c] per tensor. */
export function channelSums(xs: readonly Tensor[]): Tensor[] {
  const shape = xs[0].shape
  return apply(sumOp, xs, { first: 0, count: shape.length - 1, shape })
}

/** `x` summed down to `shape`, undoing a broadcast. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length
  const axes = x.shape.flatMap((n, a) =>
    a < lead || (shape[a - lead] === 1 && n !== 1) ? [a] : [],
  )
  return axes.length ? reshape(sum(x, axes), shape) : x
}

export const reduceOps = [sumOp, maxOp, minOp] as const
