// A sample of an op at other sizes. Which sizes belong together (the channels of x and of its bias, the shape in an
// attribute) nobody has to write down: whatever equals a changed size may change with it, and the op's own shape rule
// says which changes make sense.

import {
  isFloat,
  isShape,
  type Shape,
  sameShape,
  sameType,
  type TensorType,
} from '../../engine/dtype.ts'
import { AtrousError } from '../../engine/errors.ts'
import {
  type Attrs,
  apply,
  type Op,
  type Sample,
  type SampleInput,
  type Vjp,
} from '../../engine/op.ts'
import { inputOp } from '../../engine/ops/source.ts'
import { tracing } from '../../engine/trace.ts'

type AnySample = Sample<Attrs>

/** What `ask` gives, or undefined where the engine refuses. Thousands of refusals are asked for, and nobody reads where
 * they were thrown. */
function unlessRefused<T>(ask: () => T): T | undefined {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return ask()
  } catch (error) {
    if (error instanceof AtrousError) return undefined
    throw error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** The types of an op's outputs, or undefined where it refuses these inputs. */
export const inferred = (
  op: Op,
  inputs: readonly TensorType[],
  attrs: Attrs,
): TensorType[] | undefined =>
  unlessRefused(() =>
    op.infer(inputs, attrs, (problem) => {
      throw new AtrousError(problem)
    }),
  )

/** Whether attributes belong to inputs of these types. Sizes that an op keeps in its attributes for the way back must be
 * those of its inputs: the gradients must have the inputs' types. */
export function consistent(op: Op, inputs: readonly TensorType[], attrs: Attrs): boolean {
  const types = inferred(op, inputs, attrs)
  if (!types?.every(({ shape }) => isShape(shape))) return false
  if (op.kind !== 'structured' || broadcasting(op)) return true
  // Without a way back, lists of sizes in attributes might be those of the inputs: nobody can tell.
  if (typeof op.vjp !== 'function' && !op.vjp.hint)
    return Object.entries(attrs).every(
      ([name, v]) => !Array.isArray(v) || (name === 'shape' && sameShape(v, inputs[0].shape)),
    )
  // What moves integers about is asked how it would move floats.
  const floats = inputs.map((t): TensorType => ({ ...t, dtype: 'f32' }))
  const asked = inputs.some((t) => isFloat(t.dtype)) || !inferred(op, floats, attrs)
  return typeof op.vjp !== 'function' || gradientTypes(op, op.vjp, asked ? inputs : floats, attrs)
}

const known = new Map<Op, boolean>()

/** Structured ops whose gradients are summed to the inputs' types afterwards: some of their own samples show it. */
function broadcasting(op: Op): boolean {
  if (typeof op.vjp !== 'function') return false
  if (!known.has(op)) {
    const samples = op.samples as readonly AnySample[]
    const closed = samples.every((s) => gradientTypes(op, op.vjp as Vjp<Attrs>, s.inputs, s.attrs))
    known.set(op, !closed)
  }
  return known.get(op)!
}

function gradientTypes(
  op: Op,
  vjp: Vjp<Attrs>,
  types: readonly TensorType[],
  attrs: Attrs,
): boolean {
  const placeholder = ({ dtype, shape }: TensorType) =>
    apply(inputOp, [], { type: { dtype, shape }, position: 0 })[0]
  const gradients = unlessRefused(
    () =>
      tracing(() => {
        const inputs = types.map(placeholder)
        const outputs = apply(op, inputs, attrs)
        const cotangents = outputs.map((y) => (isFloat(y.dtype) ? placeholder(y) : undefined))
        return vjp({ inputs, outputs, attrs }, cotangents)
      }).result,
  )
  return !!gradients?.every((dx, i) => !dx || !isFloat(types[i].dtype) || sameType(dx, types[i]))
}

/** The sample with input `k` of another shape (of the same rank) and with whatever must change along with it, or
 * undefined where the op has no such application. */
export function resized(op: Op, s: AnySample, k: number, shape: Shape): AnySample | undefined {
  const old = s.inputs[k].shape
  if (old.length !== shape.length) return undefined
  if (sameShape(old, shape)) return s
  if (old.some((n, a) => n === 1 && shape[a] !== 1 && alwaysOne(op, k, old.length - a)))
    return undefined
  const all = versions(s, k, shape)
  return all.find((at) => consistent(op, at.inputs, at.attrs)) ?? searched(op, all)
}

/** Whether an axis, counted from the end, has size 1 in every sample: then there is a reason for it. */
const alwaysOne = (op: Op, k: number, fromEnd: number): boolean =>
  (op.samples as readonly AnySample[]).every(({ inputs }) => {
    const shape = inputs[k]?.shape ?? []
    return (shape[shape.length - fromEnd] ?? 1) === 1
  })

/** A sample with input `k` of another shape: alone, with the same axes of other inputs, or with all their sizes that equal
 * a changed one; and with those in attributes, or without. */
function versions(s: AnySample, k: number, shape: Shape): AnySample[] {
  const changes = new Map<number, number>()
  s.inputs[k].shape.forEach((n, a) => {
    if (n !== shape[a] && n > 1) changes.set(n, shape[a])
  })
  const own = s.inputs.map((x, i) => (i === k ? { ...x, shape } : x))
  const all = own.map((x, i) =>
    i === k ? x : { ...x, shape: x.shape.map((n) => swap(n, changes)) },
  )
  const old = s.inputs[k].shape
  const aligned = own.map((x) =>
    x.shape.length === old.length
      ? { ...x, shape: x.shape.map((n, a) => (n === old[a] ? shape[a] : n)) }
      : x,
  )
  // Numbers of places belong to the attributes that they were written for, and no rule can see them.
  const places = s.inputs.some((x) => !isFloat(x.dtype) && x.range)
  // One list of sizes alone first: another one may hold the same number for other reasons.
  const alone = Object.entries(s.attrs).map(([name, v]) => ({
    ...s.attrs,
    [name]: swapIn(v, changes),
  }))
  const attrs = places ? [s.attrs] : [s.attrs, ...alone, swapIn(s.attrs, changes) as Attrs]
  return [own, aligned, all].flatMap((inputs) => {
    const ranged = inputs.map(withinRange(s))
    return attrs.map((a) => ({ ...s, inputs: ranged, attrs: a }))
  })
}

const swap = (n: number, changes: ReadonlyMap<number, number>) => changes.get(n) ?? n

/** Attributes with sizes in lists replaced. */
export function swapIn(value: unknown, changes: ReadonlyMap<number, number>): unknown {
  if (Array.isArray(value))
    return value.map((v) => (typeof v === 'number' ? swap(v, changes) : swapIn(v, changes)))
  if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, swapIn(v, changes)]))
  return value
}

/** Sizes of results in attributes follow from the others by arithmetic that only the op knows: they are tried, and the
 * largest that it takes is the one. */
function searched(op: Op, all: readonly AnySample[]): AnySample | undefined {
  const most = 20
  if (all[0].attrs === all[all.length - 1].attrs) return undefined
  for (const s of all)
    for (const [name, list] of Object.entries(s.attrs)) {
      if (!Array.isArray(list)) continue
      for (const [i, n] of list.entries()) {
        if (typeof n !== 'number') continue
        const at = (m: number): Attrs => ({ ...s.attrs, [name]: list.with(i, m) })
        let m = most
        while (m > 0 && !consistent(op, s.inputs, at(m))) m--
        // What takes any size was not made for this.
        if (m > 0 && m < most) return { ...s, attrs: at(m) }
      }
    }
  return undefined
}

/** Integers that reach to the end of some axis do so where it is shorter. */
const withinRange =
  (s: AnySample) =>
  (x: SampleInput, _: number, all: readonly SampleInput[]): SampleInput => {
    if (isFloat(x.dtype) || !x.range) return x
    const [low, high] = x.range
    for (const [k, y] of s.inputs.entries())
      for (const [a, n] of y.shape.entries()) {
        const now = all[k].shape[a]
        if (now >= n || Math.abs(high - n) > 1) continue
        const most = Math.max(low, high - n + now)
        return { ...x, range: [low, most] }
      }
    return x
  }

/** Sizes at which kernels take their different ways: one, primes, multiples of four and not. */
export const awkward = [1, 2, 3, 5, 7, 8, 13] as const

/** Every sample of an op with each axis of each input at each of the awkward sizes. */
export function grid(op: Op, sizes: readonly number[] = awkward): AnySample[] {
  const found = new Map<string, AnySample>()
  for (const s of op.samples as readonly AnySample[])
    s.inputs.forEach((x, k) => {
      x.shape.forEach((_, a) => {
        for (const n of sizes) {
          const at = resized(op, s, k, x.shape.with(a, n))
          if (at && at !== s) found.set(keyOf(at), at)
        }
      })
    })
  return [...found.values()]
}

/** Samples of an op with an empty axis, those that its own shape rule refuses included. */
export function withEmpty(op: Op): AnySample[] {
  const found = new Map<string, AnySample>()
  for (const s of op.samples as readonly AnySample[])
    s.inputs.forEach((x, k) => {
      x.shape.forEach((_, a) => {
        for (const at of versions(s, k, x.shape.with(a, 0)))
          if (!inferred(op, at.inputs, at.attrs) || consistent(op, at.inputs, at.attrs))
            found.set(keyOf(at), at)
      })
    })
  return [...found.values()]
}

const keyOf = ({ inputs, attrs }: AnySample) =>
  JSON.stringify([inputs.map((x) => [x.dtype, x.shape]), attrs])
