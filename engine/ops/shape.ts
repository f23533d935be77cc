// Moving elements without changing them: reshape, permute, flip, roll, slice, pad, and an element's own position.

import {
  holds,
  isShape,
  isWholes,
  normalizeAxes,
  type Shape,
  sameShape,
  sizeOf,
  stridesOf,
} from '../dtype.ts'
import { apply, noCost, none, sample, type TensorLike, type ViewOp } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { pointwise } from './pointwise.ts'
import {
  flipAttrs,
  padAttrs,
  permuteAttrs,
  rearrange,
  rearrangeOp,
  rollAttrs,
  sliceAttrs,
} from './rearrange.ts'
import { axesOf, axisOf, checkShape, refuse, shown } from './refuse.ts'
import { toTensor } from './source.ts'

const openHint = 'one size may be -1: it is worked out from the others'
const reshapeOp: ViewOp<{ shape: Shape }> = {
  name: 'reshape',
  source: 'NumPy',
  error: 'exact',
  kind: 'view',
  infer: ([x], { shape }, no) => {
    if (sizeOf(shape) !== sizeOf(x.shape))
      no(`cannot become [${shape}]: the number of elements differs`, openHint)
    return [{ dtype: x.dtype, shape }]
  },
  vjp: ({ inputs: [x] }, [dy]) => [dy && reshape(dy, x.shape)],
  cost: () => noCost,
  samples: [{ inputs: [sample([2, 3, 4])], attrs: { shape: [6, 4] } }],
}

/** The same elements in row-major order under another shape; one size may be -1 and is worked out. */
export function reshape(x: TensorLike, shape: Shape): Tensor {
  const t = toTensor(x, 'reshape')
  const no = (problem: string) => refuse('reshape', problem, [t], openHint)
  if (!isWholes(shape, -1)) no(`${shown(shape)} is no list of whole numbers`)
  const known = shape.filter((d) => d !== -1)
  const open = sizeOf(t.shape) / sizeOf(known)
  const full = shape.map((d) => (d === -1 ? open : d))
  if (known.length < shape.length - 1) no(`[${shape}] leaves more than one size open`)
  if (!isShape(full)) no(`cannot become [${shape}]: sizes are whole numbers`)
  return sameShape(full, t.shape) ? t : apply(reshapeOp, [t], { shape: full })[0]
}

/** Axis i of the result is axis `perm[i]` of x. */
export function permute(x: TensorLike, perm: readonly number[]): Tensor {
  const t = toTensor(x, 'permute')
  if (!normalizeAxes(perm, t.shape.length) || perm.length !== t.shape.length)
    return refuse(
      'permute',
      `${shown(perm)} is not an order of the ${t.shape.length} axes`,
      [t],
      'a list with each axis once; swapAxes() exchanges two',
    )
  const order = perm.map((p) => (p < 0 ? p + perm.length : p))
  return order.every((p, i) => p === i) ? t : rearrange(t, permuteAttrs(t.shape, order))
}

/** The elements in reverse order along `axes`. */
export function flip(x: TensorLike, axes: readonly number[]): Tensor {
  const t = toTensor(x, 'flip')
  return rearrange(t, flipAttrs(t.shape, axesOf('flip', axes, t)))
}

/** The elements moved along `axes`, each by its shift; what leaves at one end comes back at the other:
 * y[(i + shift) mod n] = x[i]. Shifts are whole numbers of any sign and size; those of an axis that is named twice add
 * up. Throws ShapeError. */
export function roll(x: TensorLike, shifts: readonly number[], axes: readonly number[]): Tensor {
  const t = toTensor(x, 'roll')
  if (!isWholes(shifts) || !isWholes(axes) || shifts.length !== axes.length)
    refuse(
      'roll',
      `${shown(shifts)} are not whole numbers, one for each of the axes ${shown(axes)}`,
      [t],
      'both are lists',
    )
  const total = t.shape.map(() => 0)
  axes.forEach((axis, i) => {
    const a = axisOf('roll', axis, t.shape.length, [t])
    const n = t.shape[a]
    total[a] = (((total[a] + shifts[i]) % n) + n) % n
  })
  return total.some((k) => k) ? rearrange(t, rollAttrs(t.shape, total)) : t
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
  const t = toTensor(x, 'slice')
  for (const list of [start, stop, step])
    if (!Array.isArray(list) || !isWholes(list.map((n) => n ?? 0)) || list.length > t.shape.length)
      refuse(
        'slice',
        `${shown(list)} are not whole numbers for at most ${t.shape.length} axes`,
        [t],
        'give lists: slice(x, [0, 2], [4, 5]) is x[0:4, 2:5]',
      )
  const by = t.shape.map((_, a) => step[a] ?? 1)
  const place = (given: number | undefined, n: number, otherwise: number) =>
    given === undefined ? otherwise : given < 0 ? n + given : given
  const from = t.shape.map((n, a) => place(start[a], n, by[a] < 0 ? n - 1 : 0))
  const to = t.shape.map((n, a) => place(stop[a], n, by[a] < 0 ? -1 : n))
  const isWhole = (n: number, a: number) => from[a] === 0 && to[a] === n && by[a] === 1
  const isInside = (n: number, a: number) =>
    by[a] > 0
      ? 0 <= from[a] && from[a] < to[a] && to[a] <= n
      : by[a] < 0 && -1 <= to[a] && to[a] < from[a] && from[a] < n
  const bad = t.shape.findIndex((n, a) => !isWhole(n, a) && !isInside(n, a))
  if (bad >= 0)
    refuse(
      'slice',
      `[${from[bad]}:${to[bad]}:${by[bad]}] is not inside axis ${bad}`,
      [t],
      'a slice has one element at least; to the end, or down to the first element, is undefined',
    )
  return t.shape.every(isWhole) ? t : rearrange(t, sliceAttrs(t.shape, from, to, by))
}

/** `x` with `before` and `after` more elements per axis, all `value`; negative amounts crop. */
export function pad(
  x: TensorLike,
  before: readonly number[],
  after: readonly number[],
  value = 0,
): Tensor {
  const t = toTensor(x, 'pad')
  checkAmounts('pad', t, before, after)
  const attrs = padAttrs(t.shape, before, after, value)
  if (typeof value !== 'number' || !holds(t.dtype, value))
    refuse('pad', `${t.dtype} cannot hold ${shown(value)}`, [t], 'use cast(), or another value')
  if (attrs.shape.some((n) => n < 1))
    refuse('pad', `nothing would be left: [${attrs.shape}]`, [t], 'negative amounts crop')
  return rearrange(t, attrs)
}

export function checkAmounts(op: string, x: Tensor, before: Shape, after: Shape): void {
  const hint =
    'two lists with a number for each axis: how many elements come before, and how many after'
  if (!isWholes(before) || !isWholes(after))
    refuse(op, `amounts are whole numbers, unlike ${shown(before)}, ${shown(after)}`, [x], hint)
  if (before.length !== x.shape.length || after.length !== x.shape.length)
    refuse(op, 'amounts are needed for every axis', [x], hint)
}

const iotaOp = pointwise<{ shape: Shape; axis: number }>('iota', {
  source: 'XLA: iota',
  error: 'exact',
  infer: (_, { shape }) => [{ dtype: 'f32', shape }],
  indexed: true,
  // Run-time numbers are f32, which holds 24 bits: whole numbers travel as their two halves.
  constants: ({ shape, axis }) =>
    [stridesOf(shape)[axis], shape[axis]].flatMap((n) => [Math.floor(n / 65536), n % 65536]),
  wgsl: (_, { index, constants: [strideHigh, strideLow, sizeHigh, sizeLow] }) => {
    const whole = (high: string, low: string) => `(vec4u(${high}) * 65536u + vec4u(${low}))`
    return `vec4f((${index} / ${whole(strideHigh, strideLow)}) % ${whole(sizeHigh, sizeLow)})`
  },
  reference: (_, { shape, axis }, index) =>
    Math.fround(Math.floor(index / stridesOf(shape)[axis]) % shape[axis]),
  vjp: none('it has no inputs'),
  samples: [{ inputs: [], attrs: { shape: [3, 4, 5], axis: 1 } }],
})

/** f32 tensor whose every element is its coordinate along `axis`, rounded to f32 beyond 2²⁴. Throws ShapeError. */
export function iota(shape: Shape, axis: number): Tensor {
  checkShape('iota', shape)
  const a = axisOf('iota', axis, shape.length, [{ dtype: 'f32', shape }])
  return apply(iotaOp, [], { shape, axis: a })[0]
}

export const shapeOps = [reshapeOp, rearrangeOp, iotaOp] as const
