// Padding by reflection, and its gradient out of slices, flips and sums.

import { stridedCopy } from '../../shaders/copy.ts'
import type { Shape } from '../dtype.ts'
import { apply, noCost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './arithmetic.ts'
import { checkAmounts, flip, pad, slice } from './shape.ts'
import { toTensor } from './source.ts'

type ReflectAttrs = { readonly before: Shape; readonly after: Shape }
const reflectOp: StructuredOp<ReflectAttrs> = {
  name: 'padReflect',
  error: 'exact',
  kind: 'structured',
  infer: ([x], { before, after }, no) => {
    x.shape.forEach((n, a) => {
      if (before[a] < 0 || after[a] < 0 || before[a] >= n || after[a] >= n)
        no(`axis ${a} has ${n} elements and can be reflected by at most ${n - 1}`)
    })
    return [{ dtype: x.dtype, shape: x.shape.map((n, a) => n + before[a] + after[a]) }]
  },
  // Per axis: the middle, plus what was mirrored in front and behind, turned around and put back in place.
  vjp: ({ inputs: [x], attrs: { before, after } }, [dy]) => {
    if (!dy) return []
    let g = dy
    x.shape.forEach((n, a) => {
      const part = (from: number, to: number) =>
        slice(
          g,
          one(a, from),
          g.shape.map((m, i) => (i === a ? to : m)),
        )
      const back = (t: Tensor, lead: number) => {
        const room = n - t.shape[a] - lead
        return pad(
          flip(t, [a]),
          g.shape.map((_, i) => (i === a ? lead : 0)),
          g.shape.map((_, i) => (i === a ? room : 0)),
        )
      }
      const one = (axis: number, v: number) => g.shape.map((_, i) => (i === axis ? v : 0))
      const [b, e] = [before[a], after[a]]
      if (!b && !e) return
      let sum = part(b, b + n)
      if (b) sum = add(sum, back(part(0, b), 1))
      if (e) sum = add(sum, back(part(b + n, b + n + e), n - 1 - e))
      g = sum
    })
    return [g]
  },
  cost: () => noCost,
  tail: false,
  prologue: false,
  lower: ({ inputs: [x], outputs: [y], attrs: { before } }) =>
    stridedCopy({
      elem: x.dtype,
      outShape: y.shape,
      inShape: x.shape,
      map: x.shape.map((_, a) => ({ from: a, step: 1, offset: -before[a] })),
      border: 'reflect',
      access: [x.access],
    }),
  samples: [
    { inputs: [sample([4, 5, 2])], attrs: { before: [2, 0, 0], after: [3, 4, 0] } },
    { inputs: [sample([3, 4])], attrs: { before: [1, 3], after: [0, 1] } },
  ],
}

/** `x` continued by its mirror image without repeating the edge: 3 2 | 1 2 3 | 2 1. */
export function padReflect(
  x: TensorLike,
  before: readonly number[],
  after: readonly number[],
): Tensor {
  const t = toTensor(x)
  checkAmounts('padReflect', t, before, after)
  return [...before, ...after].every((n) => n === 0)
    ? t
    : apply(reflectOp, [t], { before, after })[0]
}

export const reflectOps = [reflectOp] as const
