// Which axes are folded. A kernel folds one run of neighbouring axes, x seen as [outer, rows, inner]; any set of axes is
// such runs one after another, the last first, so that dropping one does not move the others.

import { type Shape, sizeOf } from '../dtype.ts'
import type { TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { broadcastTo } from './arithmetic.ts'
import { optionsOf } from './options.ts'
import { axesOf } from './refuse.ts'
import { reshape } from './shape.ts'
import { toTensor } from './source.ts'

/** Axes first … first+count−1 of `shape` are folded away. */
export type Run = { readonly shape: Shape; readonly first: number; readonly count: number }

export interface ReduceOptions {
  /** Keep the reduced axes with size 1; default false. */
  readonly keepDims?: boolean
}

/** The sizes before, in and after the run. */
export const extentOf = ({ shape, first, count }: Run) => ({
  outer: sizeOf(shape.slice(0, first)),
  rows: sizeOf(shape.slice(first, first + count)),
  inner: sizeOf(shape.slice(first + count)),
})

/** The shape without the run. */
export const without = ({ shape, first, count }: Run): number[] => [
  ...shape.slice(0, first),
  ...shape.slice(first + count),
]

/** The shape with the run's axes of size 1. */
export const beside = ({ shape, first, count }: Run): number[] =>
  shape.map((n, a) => (a >= first && a < first + count ? 1 : n))

/** `y`, which lacks the run, in a shape that broadcasts against what has it. Behind a leading run nothing has to be said. */
export const spread = (y: Tensor, run: Run): Tensor =>
  run.first === 0 ? y : reshape(y, beside(run))

/** `y`, which lacks the run, repeated along it. */
export const along = (y: Tensor, run: Run): Tensor => broadcastTo(spread(y, run), run.shape)

/** The axes that are folded, and the shape that is left. */
export interface Folding {
  readonly x: Tensor
  readonly axes: readonly number[]
  readonly shape: Shape
}

/** Throws ShapeError for axes that x has not, or that are named twice, and OptionError. */
export function foldingOf(
  op: string,
  x: TensorLike,
  axes: readonly number[] | undefined,
  options: ReduceOptions,
): Folding {
  const t = toTensor(x, op)
  const { keepDims } = optionsOf(op, options, { keepDims: false })
  const which = axes === undefined ? t.shape.map((_, a) => a) : axesOf(op, axes, t)
  const folded = (a: number) => which.includes(a)
  const shape = keepDims
    ? t.shape.map((n, a) => (folded(a) ? 1 : n))
    : t.shape.filter((_, a) => !folded(a))
  return { x: t, axes: which, shape }
}

/** The runs of neighbours among axes, first to last. An axis of size 1 separates no run, and alone makes none. */
export function runsOf(shape: Shape, axes: readonly number[]): Omit<Run, 'shape'>[] {
  const runs: { first: number; count: number }[] = []
  let open = false
  shape.forEach((n, a) => {
    const last = runs[runs.length - 1]
    if (!axes.includes(a)) open &&= n === 1
    else if (open) last.count = a - last.first + 1
    else {
      runs.push({ first: a, count: 1 })
      open = true
    }
  })
  return runs.filter(({ first, count }) => sizeOf(shape.slice(first, first + count)) !== 1)
}
