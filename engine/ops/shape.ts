// Moving elements without changing them: reshape, permute, flip, roll, slice, pad, and an element's own position.

import { stridedCopy } from '../../shaders/copy.ts'
import { sizes } from '../box.ts'
import {
  holds,
  isShape,
  normalizeAxes,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
} from '../dtype.ts'
import {
  apply,
  noCost,
  none,
  type StructuredOp,
  sample,
  type TensorLike,
  type ViewOp,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { pointwise } from './pointwise.ts'
import { axisOf, refuse } from './refuse.ts'
import { toTensor } from './source.ts'

const reshapeOp: ViewOp<{ shape: Shape }> = {
  name: 'reshape',
  error: 'exact',
  kind: 'view',
  infer: ([x], { shape }, no) => {
    if (!isShape(shape) || sizeOf(shape) !== sizeOf(x.shape))
      no(`cannot become [${shape}]: the number of elements differs`)
    return [{ dtype: x.dtype, shape }]
  },
  vjp: ({ inputs: [x] }, [dy]) => [dy && reshape(dy, x.shape)],
  cost: () => noCost,
  samples: [{ inputs: [sample([2, 3, 4])], attrs: { shape: [6, 4] } }],
}

/** The same elements in row-major order under another shape; one size may be -1 and is worked out. */
export function reshape(x: TensorLike, shape: Shape): Tensor {
  const t = toTensor(x)
  const known = shape.filter((d) => d !== -1)
  const open = sizeOf(t.shape) / sizeOf(known)
  const full = shape.map((d) => (d === -1 ? open : d))
  if (known.length < shape.length - 1)
    refuse('reshape', `[${shape}] leaves more than one size open`, [t])
  if (!isShape(full)) refuse('reshape', `cannot become [${shape}]: sizes are whole numbers`, [t])
  return sameShape(full, t.shape) ? t : apply(reshapeOp, [t], { shape: full })[0]
}

/** Where an output element reads: input axis a at `o[from]·step + offset`, or at `(o[from] − offset) / step` where
 * `divide` and that is whole. Outside the input the result is `fill`, or with `wrap` the input again. */
export interface AxisMap {
  readonly from: number
  readonly step: number
  readonly offset: number
  readonly divide?: boolean
}
type Rearrange = {
  /** What the user called: permute, flip, slice, pad, roll. */
  readonly as: string
  readonly shape: Shape
  readonly map: readonly AxisMap[]
  readonly fill: number
  readonly wrap?: boolean
}

/** Any one-to-one gather along axes. The maps are closed under transposition, so one op is its own derivative. */
const rearrangeOp: StructuredOp<Rearrange> = {
  name: 'rearrange',
  error: 'exact',
  kind: 'structured',
  infer: ([x], { shape }) => [{ dtype: x.dtype, shape }],
  vjp: ({ inputs: [x], attrs: { as, map, wrap } }, [dy]) => {
    const back = new Array<AxisMap>(map.length)
    map.forEach(({ from, step, offset, divide }, axis) => {
      // The inverse of a step of ±1 is one too, and cheaper than a division.
      back[from] =
        Math.abs(step) === 1 && !divide
          ? { from: axis, step, offset: -step * offset }
          : { from: axis, step, offset, ...(!divide && { divide: true }) }
    })
    return [dy && rearrange(dy, as, x.shape, back, wrap)]
  },
  cost: () => noCost,
  tail: false,
  prologue: false,
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
    rearrangeSample([2, 3, 8], [3, 2, 8], [1, 0, 2]),
    rearrangeSample([2, 3, 5], [5, 2, 3], [1, 2, 0]),
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

function rearrangeSample(from: Shape, to: Shape, perm: readonly number[]) {
  const map = perm.map((p) => ({ from: p, step: 1, offset: 0 }))
  return { inputs: [sample(from)], attrs: { as: 'permute', shape: to, map, fill: 0 } }
}

function rearrange(
  x: Tensor,
  as: string,
  shape: Shape,
  map: readonly AxisMap[],
  wrap = false,
): Tensor {
  return apply(rearrangeOp, [x], { as, shape, map, fill: 0, ...(wrap && { wrap }) })[0]
}

/** Axis i of the result is axis `perm[i]` of x. */
export function permute(x: TensorLike, perm: readonly number[]): Tensor {
  const t = toTensor(x)
  if (perm.length !== t.shape.length || !normalizeAxes(perm, t.shape.length))
    return refuse('permute', `[${perm}] is not an order of the ${t.shape.length} axes`, [t])
  const order = perm.map((p) => (p < 0 ? p + perm.length : p))
  if (order.every((p, i) => p === i)) return t
  const map = t.shape.map((_, axis) => ({ from: order.indexOf(axis), step: 1, offset: 0 }))
  return rearrange(
    t,
    'permute',
    order.map((p) => t.shape[p]),
    map,
  )
}

/** The elements in reverse order along `axes`. */
export function flip(x: TensorLike, axes: readonly number[]): Tensor {
  const t = toTensor(x)
  const which = normalizeAxes(axes, t.shape.length) ?? refuse('flip', `no such axes [${axes}]`, [t])
  const map = t.shape.map((n, a) =>
    which.includes(a) ? { from: a, step: -1, offset: n - 1 } : { from: a, step: 1, offset: 0 },
  )
  return rearrange(t, 'flip', t.shape, map)
}

function rollAttrs(shape: Shape, shifts: readonly number[]): Rearrange {
  return {
    as: 'roll',
    shape,
    map: shape.map((_, a) => ({ from: a, step: 1, offset: -shifts[a] })),
    fill: 0,
    wrap: true,
  }
}

/** The elements moved along `axes`, each by its shift; what leaves at one end comes back at the other:
 * y[(i + shift) mod n] = x[i]. Shifts are whole numbers of any sign and size; those of an axis that is named twice add
 * up. Throws ShapeError. */
export function roll(x: TensorLike, shifts: readonly number[], axes: readonly number[]): Tensor {
  const t = toTensor(x)
  if (shifts.length !== axes.length || !shifts.every(Number.isInteger))
    refuse('roll', `[${shifts}] are not whole numbers, one for each of the axes [${axes}]`, [t])
  const total = t.shape.map(() => 0)
  axes.forEach((axis, i) => {
    const a = axisOf('roll', axis, t.shape.length, [t])
    const n = t.shape[a]
    total[a] = (((total[a] + shifts[i]) % n) + n) % n
  })
  return total.some((k) => k) ? apply(rearrangeOp, [t], rollAttrs(t.shape, total))[0] : t
}

function sliceAttrs(
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

/** `x[start:stop:step]` per axis, as in NumPy: negative positions count from the end, a negative step counts down, and a
 * missing position means from the one end to the other in the direction of the step.
 * Throws ShapeError where that leaves the axis or selects nothing. */
export function slice(
  x: TensorLike,
  start: readonly (number | undefined)[],
  stop: readonly (number | undefined)[] = [],
  step: readonly number[] = [],
): Tensor {
  const t = toTensor(x)
  if ([start, stop, step].some((list) => list.length > t.shape.length))
    refuse('slice', `there are only ${t.shape.length} axes`, [t])
  const by = t.shape.map((_, a) => step[a] ?? 1)
  const place = (given: number | undefined, n: number, otherwise: number) =>
    given === undefined ? otherwise : given < 0 ? n + given : given
  const from = t.shape.map((n, a) => place(start[a], n, by[a] < 0 ? n - 1 : 0))
  const to = t.shape.map((n, a) => place(stop[a], n, by[a] < 0 ? -1 : n))
  const isInside = (n: number, a: number) =>
    [from[a], to[a], by[a]].every(Number.isInteger) &&
    (by[a] > 0
      ? 0 <= from[a] && from[a] < to[a] && to[a] <= n
      : by[a] < 0 && -1 <= to[a] && to[a] < from[a] && from[a] < n)
  const bad = t.shape.findIndex((n, a) => !isInside(n, a))
  if (bad >= 0)
    refuse('slice', `[${from[bad]}:${to[bad]}:${by[bad]}] is not inside axis ${bad}`, [t])
  const whole = t.shape.every((n, a) => from[a] === 0 && to[a] === n && by[a] === 1)
  return whole ? t : apply(rearrangeOp, [t], sliceAttrs(t.shape, from, to, by))[0]
}

function padAttrs(
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

/** `x` with `before` and `after` more elements per axis, all `value`; negative amounts crop. */
export function pad(
  x: TensorLike,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): Tensor {
  const t = toTensor(x)
  const attrs = padAttrs(t.shape, before, after, value)
  checkAmounts('pad', t, before, after)
  if (!holds(t.dtype, value)) refuse('pad', `${t.dtype} cannot hold ${value}`, [t])
  if (attrs.shape.some((n) => n < 1)) refuse('pad', `nothing would be left: [${attrs.shape}]`, [t])
  return apply(rearrangeOp, [t], attrs)[0]
}

export function checkAmounts(op: string, x: Tensor, before: Shape, after: Shape): void {
  if (before.length !== x.shape.length || after.length !== x.shape.length)
    refuse(op, 'amounts are needed for every axis', [x])
  if (![...before, ...after].every(Number.isInteger))
    refuse(op, `amounts are whole numbers, unlike [${before}], [${after}]`, [x])
}

const iotaOp = pointwise<{ shape: Shape; axis: number }>('iota', {
  error: 'exact',
  infer: (_, { shape, axis }, no) => {
    if (!isShape(shape) || !(axis in shape)) no(`[${shape}] has no axis ${axis}`)
    return [{ dtype: 'f32', shape }]
  },
  indexed: true,
  constants: ({ shape, axis }) => [stridesOf(shape)[axis], shape[axis]],
  wgsl: (_, { index, constants: [stride, size] }) =>
    `vec4f((${index} / vec4u(${stride})) % vec4u(${size}))`,
  reference: (_, { shape, axis }, index) =>
    Math.floor(index / stridesOf(shape)[axis]) % shape[axis],
  vjp: none('it has no inputs'),
  samples: [{ inputs: [], attrs: { shape: [3, 4, 5], axis: 1 } }],
})

/** f32 tensor whose every element is its coordinate along `axis`. */
export const iota = (shape: Shape, axis: number): Tensor => apply(iotaOp, [], { shape, axis })[0]

export const shapeOps = [reshapeOp, rearrangeOp, iotaOp] as const
