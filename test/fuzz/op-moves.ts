// The move that every op makes possible by its definition alone: one of its samples, as it is or at the size of
// something that the program has, on tensors that fit it.

import { type DType, isFloat, type Shape, sameShape, sizeOf } from '../../engine/dtype.ts'
import { type Attrs, apply, type Op, type Sample, type SampleInput } from '../../engine/op.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { bring, fits, intoRange, late } from './adapt.ts'
import { inferred, resized } from './resize.ts'
import { most, type World } from './world.ts'

type AnySample = Sample<Attrs>

/** Ops that can be moves; the others are sources and effects, which the program itself makes. */
export const playable = (op: Op): boolean => op.samples.length > 0 && op.kind !== 'source'

/** Applies an op, to integers rather if wanted; gives those of its outputs that went into the pool. */
export function applyOp(w: World, op: Op, integers = false): Tensor[] {
  const s = w.dice.one(op.samples) as AnySample
  const direct =
    s.inputs.length && w.pool.length && w.dice.below(3) ? onPool(w, op, s, integers) : undefined
  const inputs = direct?.inputs ?? bringAll(w, s.inputs)
  return apply(op as Op<Attrs>, inputs, direct?.attrs ?? s.attrs).filter((y) => w.accept(y))
}

/** The sample at the size of a tensor that is there, if the op takes it so. */
function onPool(
  w: World,
  op: Op,
  s: AnySample,
  integers: boolean,
): { inputs: readonly Tensor[]; attrs: Attrs } | undefined {
  const first = s.inputs.findIndex((x) => x.shape.length > 0)
  if (first < 0) return undefined
  const float = isFloat(s.inputs[first].dtype) && !(integers && w.dice.below(4))
  const likely = w.pool.filter((t) => isFloat(t.dtype) === float)
  const t = late(w.dice, likely.length && !w.dice.rarely(4) ? likely : w.pool)
  const at = fitted(op, s, first, t)
  const types = at && inferred(op, at.inputs, at.attrs)
  if (!at || !types || types.some((y) => sizeOf(y.shape) > most.elements)) return undefined
  if (!fits(w, t, at.inputs[first]) && !isFloat(t.dtype)) return undefined
  return { inputs: bringAll(w, at.inputs, [first, t]), attrs: at.attrs }
}

/** Tensors for all inputs, one of which may be given; now and then two are one tensor. */
function bringAll(
  w: World,
  types: readonly SampleInput[],
  [given, t]: readonly [number, Tensor?] = [-1],
): Tensor[] {
  const found: Tensor[] = []
  types.forEach((type, k) => {
    const same = found.findIndex((_, i) => JSON.stringify(types[i]) === JSON.stringify(type))
    if (k === given) found.push(intoRange(w, t!, type))
    else found.push(same >= 0 && w.dice.rarely(5) ? found[same] : bring(w, type))
  })
  return found
}

/** The sample with input `k` of the type of `t`. */
function fitted(op: Op, s: AnySample, k: number, t: Tensor): AnySample | undefined {
  const { dtype } = s.inputs[k]
  const typed = {
    ...s,
    inputs: s.inputs.map((x) => (x.dtype === dtype ? { ...x, dtype: t.dtype } : x)),
  }
  if (t.dtype !== dtype && !takes(op, k, t.dtype)) return undefined
  if (!inferred(op, typed.inputs, s.attrs)) return undefined
  return resized(op, typed, k, t.shape) ?? reranked(op, typed, k, t.shape)
}

/** Pointwise ops say themselves which dtypes they take; of others the samples show it. */
const takes = (op: Op, k: number, dtype: DType): boolean =>
  op.kind === 'pointwise' ||
  op.kind === 'view' ||
  (op.samples as readonly AnySample[]).some(({ inputs }) => inputs[k]?.dtype === dtype)

/** Whether an op computes with whole numbers. */
export const takesIntegers = (op: Op): boolean =>
  (op.samples as readonly AnySample[]).some(({ inputs, attrs }) => {
    const whole = inputs.map((x) => ({ ...x, dtype: 'u8' as const }))
    return whole.length > 0 && takes(op, 0, 'u8') && !!inferred(op, whole, attrs)
  })

/** Ops without attributes whose inputs have the shape of input `k`, or its last axes, work at any rank. */
function reranked(op: Op, s: AnySample, k: number, shape: Shape): AnySample | undefined {
  const old = s.inputs[k].shape
  if (Object.keys(s.attrs).length) return undefined
  const inputs: SampleInput[] = []
  for (const x of s.inputs) {
    const rank = x.shape.length
    const tail = rank === old.length ? shape : shape.slice(shape.length - rank)
    if (!sameShape(x.shape, old.slice(old.length - rank)) || rank > shape.length) return undefined
    inputs.push({ ...x, shape: tail })
  }
  return inferred(op, inputs, s.attrs) && { ...s, inputs }
}
