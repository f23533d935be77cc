// Tensors one after another along an axis, and apart again. One dispatch per tensor writes its part of the result.

import { blockCopy } from '../../shaders/copy.ts'
import { output, type Recipe } from '../../shaders/kernel.ts'
import { isWholes, sameType, sizeOf, stridesOf } from '../dtype.ts'
import { apply, noCost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { axisOf, refuse, shown } from './refuse.ts'
import { slice } from './shape.ts'
import { listOf, toTensor } from './source.ts'
import { expandDims } from './views.ts'
import { rows } from './windows.ts'

const concatOp: StructuredOp<{ axis: number }> = {
  name: 'concat',
  source: 'NumPy',
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
        no(`all sizes but that of axis ${axis} must agree`, 'stack() makes a new axis')
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
      // An empty one has none.
      return dy && x.shape[axis] ? slice(dy, start, stop) : undefined
    })
  },
  cost: () => noCost,
  tail: false,
  prologue: false,
  f16: 'alike',
  windows: rows(({ axis }) => axis),
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

/** The tensors one after another along `axis`, however many; they have one dtype, which may be any, and agree in all other
 * sizes. Throws ShapeError. */
export function concat(xs: readonly TensorLike[], axis: number): Tensor {
  const ts = listOf('concat', xs)
  if (!ts.length) refuse('concat', 'nothing to join', [], 'give one tensor at least')
  const at = axisOf('concat', axis, ts[0].shape.length, ts)
  return ts.length === 1 ? ts[0] : apply(concatOp, ts, { axis: at })[0]
}

/** Tensors of one type as the entries of a new axis, which will be axis `axis` of the result. Throws ShapeError. */
export function stack(xs: readonly TensorLike[], axis = 0): Tensor {
  const ts = listOf('stack', xs)
  if (!ts.length) refuse('stack', 'nothing to join', [], 'give one tensor at least')
  const odd = ts.find((t) => !sameType(t, ts[0]))
  if (odd) refuse('stack', 'all tensors must have one type', [ts[0], odd], 'use concat() or cast()')
  const at = axisOf('stack', axis, ts[0].shape.length + 1, ts)
  return concat(
    ts.map((t) => expandDims(t, at)),
    at,
  )
}

/** `x` cut along `axis` into so many equal parts, or into parts of the sizes listed: what `concat` puts together again.
 * Throws ShapeError where the parts do not make up the axis. */
export function split(x: TensorLike, parts: number | readonly number[], axis = 0): Tensor[] {
  const t = toTensor(x, 'split')
  const a = axisOf('split', axis, t.shape.length, [t])
  const n = t.shape[a]
  const equal = (count: number) =>
    n > 0 && count > 0 && n % count === 0 ? new Array<number>(count).fill(n / count) : []
  const sizes = typeof parts === 'number' ? equal(parts) : parts
  if (!isWholes(sizes, 1) || !sizes.length || sizes.reduce((sum, k) => sum + k) !== n)
    return refuse(
      'split',
      Array.isArray(parts)
        ? `parts of ${shown(parts)} do not make up axis ${a} of size ${n}`
        : `axis ${a} of size ${n} has no ${shown(parts)} equal parts`,
      [t],
      'give a number that divides the size, or sizes from 1 that add up to it',
    )
  let end = 0
  return sizes.map((k) => {
    end += k
    const start = t.shape.map((_, i) => (i === a ? end - k : 0))
    const stop = t.shape.map((m, i) => (i === a ? end : m))
    return slice(t, start, stop)
  })
}

export const concatOps = [concatOp] as const
