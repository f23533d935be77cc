// How ops fall into smaller applications of themselves (see engine/passes/windows.ts). Most ops treat some leading axes as so many
// independent rows; the others say which rows of their inputs a range of rows needs.

import type { TensorType } from '../dtype.ts'
import type { Attrs, Box, Windows } from '../op.ts'
import type { Tensor } from '../tensor.ts'

type Range = readonly [from: number, to: number]
type Inputs = readonly TensorType[]

/** The first `count` axes cut as in `box`, the others whole. */
export const leadingOf = (box: Box, count: number, x: TensorType): Box =>
  x.shape.map((n, a) => (a < count ? box[a] : [0, n]))

/** Ops whose first `count` axes are independent rows, in the inputs `of` (default: all) as in the results. */
export const rows = <A extends Attrs = never>(
  count: number | ((attrs: A, inputs: Inputs) => number),
  of?: readonly number[],
): Windows<A>[] => {
  const axes = typeof count === 'number' ? () => count : count
  return [
    {
      cut: 'output',
      axes,
      part: (box, attrs, inputs) => ({
        attrs,
        inputs: inputs.map((x, i) =>
          !of || of.includes(i) ? leadingOf(box, axes(attrs, inputs), x) : undefined,
        ),
      }),
    },
  ]
}

/** For ops that are sums or extremes over what is cut. */
export const combinePairwise =
  (join: (a: Tensor, b: Tensor) => Tensor) =>
  (parts: readonly Tensor[][]): Tensor[] =>
    parts[0].map((_, i) =>
      pairwise(
        parts.map((p) => p[i]),
        join,
      ),
    )

/** As a tree, so that the error does not grow with the number of windows. */
export function pairwise(xs: readonly Tensor[], join: (a: Tensor, b: Tensor) => Tensor): Tensor {
  if (xs.length === 1) return xs[0]
  const half = Math.ceil(xs.length / 2)
  return join(pairwise(xs.slice(0, half), join), pairwise(xs.slice(half), join))
}

/** A sliding window along one axis: output o reads input o·stride + k·dilation − pad for each k < kernel. */
export interface Sliding {
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly pad: number
}

/** Which of `size` input rows the output rows [from, to) read, at least one, and the padding before them. */
export function inputRows(
  s: Sliding,
  size: number,
  [from, to]: Range,
): { rows: Range; pad: number } {
  const reach = s.dilation * (s.kernel - 1)
  const first = Math.min(Math.max(from * s.stride - s.pad, 0), size - 1)
  const end = Math.min((to - 1) * s.stride - s.pad + reach + 1, size)
  return { rows: [first, Math.max(end, first + 1)], pad: s.pad - from * s.stride + first }
}

/** Which of `size` output rows read the input rows [from, to), at least one, and the padding before them. */
export function outputRows(
  s: Sliding,
  size: number,
  [from, to]: Range,
): { rows: Range; pad: number } {
  const reach = s.dilation * (s.kernel - 1)
  const first = Math.min(Math.max(Math.ceil((from + s.pad - reach) / s.stride), 0), size - 1)
  const end = Math.min(Math.floor((to - 1 + s.pad) / s.stride) + 1, size)
  return { rows: [first, Math.max(end, first + 1)], pad: s.pad + from - first * s.stride }
}

/** Rows of the two sides of a sliding window. */
export interface SlidingRows {
  /** How many rows of the input, and of the output. */
  readonly x: number
  readonly y: number
  /** Padding before the input rows. */
  readonly pad: number
}

/** Ops on maps [n, h, w, c] with a sliding window, cut along n and h. `cut` is the side that is cut, `sides` the side that
 * each input belongs to ('w': neither, needed whole), and `at` the attributes for some of the rows. */
export const slidingRows = <A extends Attrs>(
  cut: 'x' | 'y',
  sides: readonly ('x' | 'y' | 'w')[],
  sliding: (attrs: A) => Sliding,
  at: (attrs: A, rows: SlidingRows) => A,
): Windows<A> => ({
  cut: 'output',
  axes: () => 2,
  part: (box, attrs, inputs) => {
    const other = inputs[sides.indexOf(cut === 'x' ? 'y' : 'x')].shape[1]
    const find = cut === 'x' ? outputRows : inputRows
    const { rows: found, pad } = find(sliding(attrs), other, box[1])
    const [x, y] = cut === 'x' ? [box[1], found] : [found, box[1]]
    const ofSide = { x, y }
    return {
      attrs: at(attrs, { x: x[1] - x[0], y: y[1] - y[0], pad }),
      inputs: inputs.map((t, i) => {
        const side = sides[i]
        return side === 'w' ? undefined : [box[0], ofSide[side], [0, t.shape[2]], [0, t.shape[3]]]
      }),
    }
  },
})
