// The one op behind permute, flip, slice, pad and roll: a one-to-one gather along axes.

import { stridedCopy } from '../../shaders/copy.ts'
import type { Shape } from '../dtype.ts'
import { apply, noCost, type StructuredOp, sample } from '../op.ts'
import { sizes } from '../passes/box.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'

/** Where an output element reads: input axis a at `o[from]·step + offset`, or at `(o[from] − offset) / step` where
 * `divide` and that is whole. Outside the input the result is `fill`, or with `wrap` the input again. */
export interface AxisMap {
  readonly from: number
  readonly step: number
  readonly offset: number
  readonly divide?: boolean
}
export type Rearrange = {
  /** What the user called: permute, flip, slice, pad, roll. */
  readonly as: string
  readonly shape: Shape
  readonly map: readonly AxisMap[]
  readonly fill: number
  readonly wrap?: boolean
}

/** Any one-to-one gather along axes. The maps are closed under transposition, so one op is its own derivative. */
export const rearrangeOp: StructuredOp<Rearrange> = {
  name: 'rearrange',
  error: 'exact',
  source: 'steps and shifts as in NumPy',
  kind: 'structured',
  infer: ([x], { shape, map, wrap }, no) => {
    if (map.length !== x.shape.length) no(`there are maps for ${map.length} axes`)
    if (
      wrap &&
      map.some(
        ({ from, offset }, a) => shape[from] !== x.shape[a] || offset ** 2 > shape[from] ** 2,
      )
    )
      no('axes are wrapped once, into their own length')
    return [{ dtype: x.dtype, shape }]
  },
  vjp: ({ inputs: [x], attrs: { as, map, wrap } }, [dy]) => {
    const back = new Array<AxisMap>(map.length)
    map.forEach(({ from, step, offset, divide }, axis) => {
      // The inverse of a step of ±1 is one too, and cheaper than a division.
      back[from] =
        Math.abs(step) === 1 && !divide
          ? { from: axis, step, offset: -step * offset }
          : { from: axis, step, offset, ...(!divide && { divide: true }) }
    })
    return [dy && rearrange(dy, { as, shape: x.shape, map: back, fill: 0, ...(wrap && { wrap }) })]
  },
  cost: () => noCost,
  tail: false,
  prologue: false,
  f16: 'alike',
  windows: [
    {
      cut: 'output',
      // What wraps around needs all of its axis.
      axes: ({ shape, map, wrap }) => (wrap ? map.findIndex((m) => m.offset) : shape.length),
      part: (box, attrs, [x]) => {
        const parts = attrs.map.map((m, a) =>
          attrs.wrap && m.offset
            ? { range: [0, x.shape[a]] as const, map: m }
            : partOfAxis(m, x.shape[a], box[m.from]),
        )
        const map = parts.map((p) => p.map)
        return { inputs: [parts.map((p) => p.range)], attrs: { ...attrs, shape: sizes(box), map } }
      },
    },
  ],
  lower: ({ inputs: [x], attrs }) =>
    stridedCopy({
      elem: x.dtype,
      outShape: attrs.shape,
      inShape: x.shape,
      map: attrs.map,
      fill: attrs.fill,
      border: attrs.wrap ? 'wrap' : 'constant',
      access: [x.access],
    }),
  samples: [
    { inputs: [sample([2, 3, 8])], attrs: permuteAttrs([2, 3, 8], [1, 0, 2]) },
    { inputs: [sample([2, 3, 5])], attrs: permuteAttrs([2, 3, 5], [2, 0, 1]) },
    { inputs: [sample([5, 7])], attrs: sliceAttrs([5, 7], [1, 6], [5, 1], [2, -2]) },
    { inputs: [sample([3, 4, 2])], attrs: padAttrs([3, 4, 2], [1, 0, 0], [2, -1, 3], 0.5) },
    { inputs: [sample([4, 5, 3])], attrs: rollAttrs([4, 5, 3], [1, 3, 0]) },
    { inputs: [sample([3, 2, 8])], attrs: rollAttrs([3, 2, 8], [2, 0, 4]) },
    {
      inputs: [{ dtype: 'u8', shape: [3, 5], range: [0, 255] }],
      attrs: rollAttrs([3, 5], [1, 4]),
    },
    {
      inputs: [{ dtype: 'i32', shape: [2, 3, 5], range: [-9, 9] }],
      attrs: padAttrs([2, 3, 5], [0, 1, 0], [1, 0, 2], -7),
    },
  ],
}

/** What output coordinates [from, to) read of an input axis, at least one entry, and the map between them. */
function partOfAxis(m: AxisMap, size: number, [from, to]: readonly [number, number]) {
  const at = (o: number) => (m.divide ? (o - m.offset) / m.step : o * m.step + m.offset)
  const [a, b] = [at(from), at(to - 1)].sort((p, q) => p - q)
  const first = Math.min(Math.max(Math.ceil(a), 0), size - 1)
  const end = Math.max(Math.min(Math.floor(b) + 1, size), first + 1)
  const offset = m.divide ? m.offset - from + first * m.step : m.offset + from * m.step - first
  return { range: [first, end] as const, map: { ...m, offset } }
}

export const rearrange = (x: Tensor, attrs: Rearrange): Tensor =>
  partOf(attrs.as, () => apply(rearrangeOp, [x], attrs)[0])

// ---- its attributes, from arguments that are known to be right

export function permuteAttrs(shape: Shape, order: readonly number[]): Rearrange {
  return {
    as: 'permute',
    shape: order.map((axis) => shape[axis]),
    map: shape.map((_, axis) => ({ from: order.indexOf(axis), step: 1, offset: 0 })),
    fill: 0,
  }
}

export function flipAttrs(shape: Shape, axes: readonly number[]): Rearrange {
  return {
    as: 'flip',
    shape,
    map: shape.map((n, a) =>
      axes.includes(a) ? { from: a, step: -1, offset: n - 1 } : { from: a, step: 1, offset: 0 },
    ),
    fill: 0,
  }
}

export function rollAttrs(shape: Shape, shifts: readonly number[]): Rearrange {
  return {
    as: 'roll',
    shape,
    map: shape.map((_, a) => ({ from: a, step: 1, offset: -shifts[a] })),
    fill: 0,
    wrap: true,
  }
}

export function sliceAttrs(
  shape: Shape,
  start: readonly number[],
  stop: readonly number[],
  step: readonly number[],
): Rearrange {
  return {
    as: 'slice',
    shape: shape.map((_, a) => Math.max(0, Math.ceil((stop[a] - start[a]) / step[a]))),
    map: shape.map((_, a) => ({ from: a, step: step[a], offset: start[a] })),
    fill: 0,
  }
}

export function padAttrs(
  shape: Shape,
  before: readonly number[],
  after: readonly number[],
  fill: number,
): Rearrange {
  return {
    as: 'pad',
    shape: shape.map((n, a) => n + before[a] + after[a]),
    map: shape.map((_, a) => ({ from: a, step: 1, offset: -before[a] })),
    fill,
  }
}
