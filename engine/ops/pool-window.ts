// The windows of a pooling: options written out, the size of the result, and what is refused.

import type { PoolSpec } from '../../shaders/pool.ts'
import type { TensorType } from '../dtype.ts'
import type { Bound, Windows } from '../op.ts'
import { optionsOf, type Padding, type Pair, pairOf, type Sides, sidesOf } from './options.ts'
import { inputRows, outputRows } from './windows.ts'

type Refuse = (problem: string, hint?: string) => never

export interface PoolOptions {
  /** Height and width of the window. */
  readonly kernel: number | Pair
  /** Step between windows; default: the kernel, so that they do not overlap. */
  readonly stride?: number | Pair
  /** Cells around x that no maximum and no sum counts: all sides, [vertical, horizontal] or
   * [top, left, bottom, right]. Default 0. */
  readonly padding?: Padding
  /** Step between the cells of a window; default 1. */
  readonly dilation?: number | Pair
  /** Round the output size up rather than down, as far as the last window still starts inside x or before it. */
  readonly ceil?: boolean
}

/** Fully written out. */
export type PoolWindow = {
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
  /** [top, left, bottom, right] */
  readonly padding: Sides
  /** Height and width of x and of y. */
  readonly size: Pair
  readonly out: Pair
}

export const poolDefaults = {
  kernel: undefined,
  stride: undefined,
  padding: 0,
  dilation: 1,
  ceil: false,
}

/** The options of `op` for a map x. Throws OptionError for what no map could have; what x cannot have is left to
 * `checkWindow`. */
export function windowOf(op: string, { shape }: TensorType, options: PoolOptions): PoolWindow {
  const given = optionsOf(op, options, poolDefaults)
  const kernel = pairOf(op, 'kernel', given.kernel)
  const stride = pairOf(op, 'stride', given.stride ?? kernel)
  const dilation = pairOf(op, 'dilation', given.dilation)
  const padding = sidesOf(op, given.padding)
  const size: Pair = [shape[1], shape[2]]
  const out = ([0, 1] as const).map((a) => {
    const span = size[a] + padding[a] + padding[a + 2] - dilation[a] * (kernel[a] - 1) - 1
    const count = (given.ceil ? Math.ceil : Math.floor)(span / stride[a]) + 1
    return given.ceil && (count - 1) * stride[a] >= size[a] + padding[a] ? count - 1 : count
  })
  return { kernel, stride, dilation, padding, size, out: [out[0], out[1]] }
}

/** Refuses what is no map [n, h, w, c]. */
export function checkMap({ shape }: TensorType, refuse: Refuse): void {
  if (shape.length !== 4) refuse('a tensor [n, h, w, c] is needed', 'use reshape() or expandDims()')
  if (shape.some((n) => n < 1)) refuse('there is nothing to pool: a size is 0')
}

/** Refuses windows that do not fit x, or of which one has no cell inside x and so nothing to give. */
export function checkWindow(w: PoolWindow, refuse: Refuse): void {
  if (w.out.some((n) => n < 1))
    refuse('the window is larger than the padded input', 'use a smaller kernel or more padding')
  for (const a of [0, 1] as const)
    for (let o = 0; o < w.out[a]; o++) {
      const start = o * w.stride[a] - w.padding[a]
      const first = Math.ceil(Math.max(0, -start) / w.dilation[a])
      if (first < w.kernel[a] && start + first * w.dilation[a] < w.size[a]) continue
      const which = a === 0 ? `row ${o}` : `column ${o}`
      refuse(
        `the windows in ${which} of the result lie wholly in the padding`,
        'padding of at most half the kernel leaves every window something',
      )
    }
}

/** Refuses windows that start beyond x. */
export function checkLast({ size, out, stride, padding }: PoolWindow, refuse: Refuse): void {
  if ([0, 1].some((a) => (out[a] - 1) * stride[a] - padding[a] >= size[a]))
    refuse('the last window starts beyond the map')
}

/** What the kernels see: `map` gives batch, channels and element type. */
export function poolSpec(map: TensorType, inputs: readonly Bound[], w: PoolWindow): PoolSpec {
  return {
    n: map.shape[0],
    c: map.shape[3],
    h: w.size[0],
    w: w.size[1],
    oh: w.out[0],
    ow: w.out[1],
    kernel: w.kernel,
    stride: w.stride,
    dilation: w.dilation,
    pad: [w.padding[0], w.padding[1]],
    elem: map.dtype,
    indexElem: indexDtype(w),
    access: inputs.map((x) => x.access),
  }
}

/** Windows onto large maps: cut along batch and rows of the pooled map, whose cells read rows of the other one, or the other
 * way about. `inputs` names the map that each input is, and `shift` moves what else counts rows of x from the corner of
 * its padding. */
export const poolRows = <A extends PoolWindow>(
  cut: 'x' | 'y',
  inputs: readonly ('x' | 'y')[],
  shift: (attrs: A, rows: number) => A = (attrs) => attrs,
): Windows<A>[] => [
  {
    cut: 'output',
    axes: () => 2,
    part: ([image, range], attrs, types) => {
      const { kernel, stride, dilation, padding, size, out } = attrs
      const axis = { kernel: kernel[0], stride: stride[0], dilation: dilation[0], pad: padding[0] }
      const [of, other] = cut === 'y' ? [inputRows, size[0]] : [outputRows, out[0]]
      const found = of(axis, other, range)
      const [x, y] = cut === 'y' ? [found.rows, range] : [range, found.rows]
      const part = {
        ...attrs,
        padding: [found.pad, padding[1], size[0] + padding[2] - x[1], padding[3]] as const,
        size: [x[1] - x[0], size[1]] as const,
        out: [y[1] - y[0], out[1]] as const,
      }
      const ofMap = { x, y }
      return {
        attrs: shift(part, y[0] * stride[0]),
        inputs: types.map((t, i) => [image, ofMap[inputs[i]], [0, t.shape[2]], [0, t.shape[3]]]),
      }
    },
  },
]

/** Of the number of a cell in its window. */
export const indexDtype = ({ kernel }: PoolWindow): 'u8' | 'u32' =>
  kernel[0] * kernel[1] <= 256 ? 'u8' : 'u32'

/** Shapes and options that the kernels tell apart, for samples. */
export const windowCases: readonly [x: number[], options: PoolOptions][] = [
  [[2, 4, 6, 4], { kernel: 2 }],
  [[1, 7, 5, 3], { kernel: 3, stride: 2, padding: 1 }],
  [[1, 8, 8, 8], { kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [2, 1], ceil: true }],
  [[1, 6, 7, 1], { kernel: 3, stride: 2, ceil: true }],
  [[1, 5, 4, 2], { kernel: [2, 3], stride: [3, 1], padding: [0, 1, 1, 2] }],
]
