// Tensors one after another along an axis. One dispatch per tensor writes its part of the result.

import { blockCopy } from '../../shaders/copy.ts'
import { output, type Recipe } from '../../shaders/kernel.ts'
import { normalizeAxes, sizeOf, stridesOf } from '../dtype.ts'
import { apply, noCost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { refuse } from './refuse.ts'
import { slice } from './shape.ts'
import { toTensor } from './source.ts'

const concatOp: StructuredOp<{ axis: number }> = {
  name: 'concat',
  error: 'exact',
  kind: 'structured',
  infer: (types, { axis }, no) => {
    const [first] = types
    for (const t of types) {
      if (t.dtype !== first.dtype) no('dtypes differ', 'use cast()')
      if (
        t.shape.length !== first.shape.length ||
        t.shape.some((n, a) => a !== axis && n !== first.shape[a])
      )
        no(`all sizes but that of axis ${axis} must agree`)
    }
    const total = types.reduce((n, t) => n + t.shape[axis], 0)
    return [{ dtype: first.dtype, shape: first.shape.map((n, a) => (a === axis ? total : n)) }]
  },
  vjp: ({ inputs, attrs: { axis } }, [dy]) => {
    let at = 0
    return inputs.map((x) => {
      const from = at
      at += x.shape[axis]
      const start = x.shape.map((_, a) => (a === axis ? from : 0))
      const stop = x.shape.map((n, a) => (a === axis ? from + n : n))
      return dy && slice(dy, start, stop)
    })
  },
  cost: () => noCost,
  tail: false,
  prologue: false,
  lower: ({ inputs, outputs: [y], attrs: { axis } }): Recipe => {
    const inner = stridesOf(y.shape)[axis]
    const rows = sizeOf(y.shape.slice(0, axis))
    let at = 0
    const dispatches = inputs.flatMap((x, i) => {
      const run = x.shape[axis] * inner
      const recipe = blockCopy({
        elem: x.dtype,
        rows,
        run,
        inStride: run,
        inOffset: 0,
        outStride: y.shape[axis] * inner,
        outOffset: at,
        access: [x.access],
      })
      at += run
      return recipe.dispatches.map((d) => ({
        ...d,
        buffers: [{ kind: 'input' as const, index: i }, output(0)],
      }))
    })
    return { scratch: [], dispatches }
  },
  samples: [
    { inputs: [sample([2, 3, 4]), sample([2, 3, 8])], attrs: { axis: 2 } },
    { inputs: [sample([2, 1, 3]), sample([2, 2, 3]), sample([2, 1, 3])], attrs: { axis: 1 } },
    {
      inputs: [
        { dtype: 'u8', shape: [3, 3], range: [0, 9] },
        { dtype: 'u8', shape: [3, 2], range: [0, 9] },
      ],
      attrs: { axis: 1 },
    },
  ],
}

/** The tensors one after another along `axis`. */
export function concat(xs: readonly TensorLike[], axis: number): Tensor {
  const ts = xs.map((x) => toTensor(x))
  if (!ts.length) refuse('concat', 'nothing to join', [])
  const [at] =
    normalizeAxes([axis], ts[0].shape.length) ?? refuse('concat', `no such axis ${axis}`, ts)
  return ts.length === 1 ? ts[0] : apply(concatOp, ts, { axis: at })[0]
}

export const concatOps = [concatOp] as const
