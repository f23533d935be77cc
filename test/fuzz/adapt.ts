// Bringing what a program has to what an op wants: a dtype, a shape, a range of values. The ways there are ops too, so
// that values flow from op to op and gradients flow back.

import { isFloat, type Shape, sameShape, sizeOf } from '../../engine/dtype.ts'
import {
  abs,
  add,
  broadcastTo,
  cast,
  maximum,
  minimum,
  mul,
  pad,
  permute,
  reshape,
  sigmoid,
  slice,
  sub,
  tanh,
} from '../../engine/index.ts'
import type { SampleInput } from '../../engine/op.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Dice, World } from './world.ts'

/** What an op without a range of its own gets. */
const moderate = {
  f32: [-8, 8],
  f16: [-8, 8],
  i32: [-1000, 1000],
  u32: [0, 1000],
  u8: [0, 255],
} as const

const wanted = ({ dtype, range }: SampleInput): readonly [number, number] =>
  range ?? moderate[dtype]

/** The whole numbers inside a range that was written for floats. */
function whole(type: SampleInput): SampleInput {
  if (isFloat(type.dtype) || !type.range) return type
  const [low, high] = type.range
  const least = Math.ceil(type.dtype === 'i32' ? low : Math.max(0, low))
  return { ...type, range: [least, Math.max(least, Math.floor(high))] }
}

export function fits(w: World, t: Tensor, type: SampleInput): boolean {
  const [low, high] = wanted(type)
  const [least, most] = w.range(t)
  return t.dtype === type.dtype && least >= low && most <= high
}

/** A tensor of the type that an op's sample asks for: one that is there, one made from another, or new data. */
export const bring = (w: World, type: SampleInput): Tensor => w.apart(found(w, whole(type)))

function found(w: World, type: SampleInput): Tensor {
  const ready = w.pool.filter((t) => sameShape(t.shape, type.shape) && fits(w, t, type))
  if (ready.length && !w.dice.rarely(4)) return late(w.dice, ready)
  if (!w.pool.length || w.dice.rarely(4)) return w.fresh(type)
  const floats = w.pool.filter((t) => isFloat(t.dtype))
  const same = w.pool.filter((t) => t.dtype === type.dtype)
  if (isFloat(type.dtype)) {
    const from = late(w.dice, same.length && !w.dice.rarely(8) ? same : w.pool)
    return intoRange(w, toShape(w.dice, cast(from, type.dtype), type.shape), type)
  }
  if (same.length && !w.dice.rarely(3)) {
    const t = toShape(w.dice, late(w.dice, same), type.shape)
    return fits(w, t, type) ? t : intoIntegers(t, type)
  }
  // Floats do not hold whole numbers of a wide range, and rounding would decide which.
  const [low, high] = wanted(type)
  if (!floats.length || high - low > 10000) return w.fresh(type)
  return fromFloats(toShape(w.dice, late(w.dice, floats), type.shape), type)
}

/** One of a list, a late one more often, so that chains grow long. */
export const late = <T>(dice: Dice, xs: readonly T[]): T =>
  dice.one(dice.below(3) ? xs.slice(-4) : xs)

/** Floats inside the range that an op wants. */
export const intoRange = (w: World, t: Tensor, type: SampleInput): Tensor =>
  fits(w, t, type) ? t : w.apart(squeezed(w, t, type))

function squeezed(w: World, t: Tensor, type: SampleInput): Tensor {
  const [low, high] = wanted(type)
  const kind = w.dice.below(4)
  if (kind === 0) return add(mul(tanh(t), (high - low) / 2), (low + high) / 2)
  if (kind === 1) return minimum(add(abs(t), low), high)
  if (kind === 2) return maximum(minimum(t, high), low)
  return add(mul(sigmoid(t), high - low), low)
}

const intoIntegers = (t: Tensor, { range = [0, 9] }: SampleInput): Tensor =>
  maximum(minimum(t, range[1]), range[0])

/** Whole numbers of a range out of floats; those of 0, which are many, do not lie on a border. */
function fromFloats(t: Tensor, { dtype, range = [0, 9] }: SampleInput): Tensor {
  const [low, high] = range
  const spread = mul(sigmoid(t), high - low + 0.7)
  // Numbers are cut towards zero, so those below it are moved the other way.
  return cast(low < 0 ? sub(spread, -low + 0.69) : add(spread, low + 0.01), dtype)
}

/** The elements of `t`, some of them or again and again, in another shape. */
export function toShape(dice: Dice, t: Tensor, shape: Shape): Tensor {
  if (sameShape(t.shape, shape)) return t
  const [have, need] = [sizeOf(t.shape), sizeOf(shape)]
  if (have === need) {
    const order = permutation(t.shape, shape)
    return order && dice.below(2) ? permute(t, order) : reshape(t, shape)
  }
  const inside = t.shape.length === shape.length && shape.every((n, a) => n <= t.shape[a])
  if (inside && dice.below(2)) return cut(dice, t, shape)
  if (have > need) return reshape(cut(dice, reshape(t, [have]), [need]), shape)
  if (broadcasts(t.shape, shape) && dice.below(2)) return broadcastTo(t, shape)
  const flat = reshape(t, [have])
  if (need < 2 * have && dice.below(2)) {
    const fill = isFloat(t.dtype) ? 0.5 : 1
    return reshape(pad(flat, [0], [need - have], fill), shape)
  }
  const times = Math.ceil(need / have)
  const tiled = reshape(broadcastTo(reshape(t, [1, have]), [times, have]), [times * have])
  return reshape(times * have === need ? tiled : slice(tiled, [0], [need]), shape)
}

/** A block of a tensor, with steps where there is room for them. */
function cut(dice: Dice, t: Tensor, shape: Shape): Tensor {
  const step = shape.map((n, a) => {
    return n > 1 ? 1 + dice.below(Math.floor((t.shape[a] - 1) / (n - 1))) : 1
  })
  const span = shape.map((n, a) => (n - 1) * step[a] + 1)
  const start = t.shape.map((n, a) => dice.below(n - span[a] + 1))
  const stop = start.map((n, a) => n + span[a])
  return slice(t, start, stop, step)
}

const broadcasts = (from: Shape, to: Shape): boolean =>
  from.length <= to.length && from.every((n, a) => n === 1 || n === to[a + to.length - from.length])

/** An order of the axes of `from` that gives `to`, if there is one and they differ. */
function permutation(from: Shape, to: Shape): number[] | undefined {
  if (from.length !== to.length) return undefined
  const free = from.map((_, a) => a)
  const order: number[] = []
  for (const n of to) {
    const at = free.findIndex((a) => from[a] === n)
    if (at < 0) return undefined
    order.push(...free.splice(at, 1))
  }
  return order
}
