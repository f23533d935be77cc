// Matrix products, with leading axes as batches.

import { matmulGeometry } from '../../shaders/conv-geometry.ts'
import { forwardRecipe } from '../../shaders/conv-plan.ts'
import { broadcastShapes, type Shape, sizeOf } from '../dtype.ts'
import { apply, type Sample, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { broadcastTo } from './arithmetic.ts'
import { refuse } from './refuse.ts'
import { permute, reshape } from './shape.ts'
import { toTensor } from './source.ts'

type Empty = Record<string, never>

/** [b, m, k] · [b or 1, k, n]. One second operand may serve all batches. */
const matmulOp: StructuredOp<Empty> = {
  name: 'matmul',
  kind: 'structured',
  infer: ([a, b], _, no) => {
    if (a.dtype !== 'f32' || b.dtype !== 'f32') no('f32 is needed', 'use cast()')
    if (a.shape[2] !== b.shape[1]) no('inner sizes differ')
    return [{ dtype: 'f32', shape: [a.shape[0], a.shape[1], b.shape[2]] }]
  },
  vjp: ({ inputs: [a, b] }, [dy]) =>
    dy ? [product(dy, transpose(b)), product(transpose(a), dy)] : [],
  cost: ([a], [y]) => {
    const macs = sizeOf(y.shape) * a.shape[2]
    return { macs, flops: 2 * macs }
  },
  tail: true,
  prologue: false,
  lower: ({ inputs: [a, b], caps, tail }) => {
    const [batch, rows, inner] = a.shape
    const columns = b.shape[2]
    const shared = b.shape[0] === 1 && batch > 1
    // With one second operand the batches are only more rows.
    const geometry = shared
      ? matmulGeometry(batch * rows, inner, columns)
      : matmulGeometry(rows, inner, columns, batch)
    return forwardRecipe(
      { ...geometry, xAccess: a.access, wAccess: b.access, yAccess: 'read_write', tail },
      caps,
    )
  },
  samples: [
    [
      [1, 5, 8],
      [1, 8, 12],
    ],
    [
      [2, 3, 7],
      [2, 7, 5],
    ],
    [
      [3, 4, 16],
      [1, 16, 8],
    ],
    [
      [1, 1, 1],
      [1, 1, 1],
    ],
  ].map(([a, b]): Sample<Empty> => ({ inputs: [sample(a), sample(b)], attrs: {} })),
}

const product = (a: Tensor, b: Tensor): Tensor => {
  // A batch of products into one shared operand sums over the batch when differentiated; grad() undoes broadcasts,
  // so the sizes are made equal here.
  const [na, nb] = [a.shape[0], b.shape[0]]
  const x = na === 1 && nb > 1 ? broadcastTo(a, [nb, a.shape[1], a.shape[2]]) : a
  return apply(matmulOp, [x, b], {})[0]
}

/** The last two axes exchanged. */
export function transpose(x: TensorLike): Tensor {
  const t = toTensor(x)
  const order = t.shape.map((_, i) => i)
  const r = order.length
  if (r < 2) refuse('transpose', 'at least two axes are needed', [t])
  return permute(t, [...order.slice(0, r - 2), r - 1, r - 2])
}

/** a [..., m, k] · b [..., k, n] = [..., m, n]; leading axes broadcast. Throws ShapeError. */
export function matmul(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = [toTensor(a), toTensor(b)]
  if (x.shape.length < 2 || y.shape.length < 2)
    return refuse('matmul', 'both operands need at least two axes', [x, y])
  const lead = (t: Tensor): Shape => t.shape.slice(0, -2)
  const batch = broadcastShapes([lead(x), lead(y)])
  if (!batch) return refuse('matmul', 'leading axes do not broadcast', [x, y])
  const flat = (t: Tensor): Tensor => {
    const own = lead(t)
    const [m, n] = t.shape.slice(-2)
    const full = sizeOf(own) === 1 || own.join() === batch.join()
    const spread = full ? t : broadcastTo(t, [...batch, m, n])
    return reshape(spread, [-1, m, n])
  }
  const [p, q] = [flat(x), flat(y)]
  return reshape(product(p, q), [
    ...batch,
    x.shape[x.shape.length - 2],
    y.shape[y.shape.length - 1],
  ])
}

export const matmulOps = [matmulOp] as const
