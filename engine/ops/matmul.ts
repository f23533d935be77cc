// Matrix products with batches, transposes and broadcasting, in whatever way copies least:
//
//   a·b      a 1×1 convolution whose pixels are the rows of a; those of all batch entries where they share one b
//   aᵀ·b     its weight gradient, whose pixels are the rows of a and b; a batch is its strips
//   a·bᵀ     as a·b, and aᵀ·bᵀ as aᵀ·b, with b turned around in memory of their own, as a convolution's input gradient
//            turns its weights; or as (b·aᵀ)ᵀ, where it is less to turn a few rows of a and of the result
//
// A batch is one dispatch. Operands are copied out only where they broadcast along more than two runs of batch axes,
// and a is turned where aᵀ meets a b of another batch.

import { type Batches, matmulGeometry } from '../../shaders/conv/geometry.ts'
import { forwardRecipe, weightGradRecipe } from '../../shaders/conv/plan.ts'
import { plainLoad } from '../../shaders/reduce.ts'
import { broadcastShapes, type Shape, sizeOf, type TensorType } from '../dtype.ts'
import {
  apply,
  type Box,
  type Sample,
  type StructuredOp,
  sample,
  type TensorLike,
  type Windows,
} from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add, broadcastTo } from './arithmetic.ts'
import { optionsOf } from './options.ts'
import { refuse } from './refuse.ts'
import { permute, reshape } from './shape.ts'
import { toTensor } from './source.ts'
import { withTurned } from './turned.ts'
import { combinePairwise } from './windows.ts'

type Refuse = (problem: string, hint?: string) => never
type Attrs = { readonly transposeB?: true }
type Op = StructuredOp<Attrs>

const lead = (t: TensorType): Shape => t.shape.slice(0, -2)
const tail = (t: TensorType): Shape => t.shape.slice(-2)
const flagsOf = (transposeB: boolean): Attrs => (transposeB ? { transposeB } : {})

function resultType(
  [a, b]: readonly TensorType[],
  transposeA: boolean,
  transposeB: boolean,
  no: Refuse,
): TensorType {
  if (a.dtype !== 'f32' || b.dtype !== 'f32') no('f32 is needed', 'use cast()')
  if (a.shape.length < 2 || b.shape.length < 2)
    no(
      'both operands need at least two axes',
      'for vectors there are dot(a, b), outer(a, b) and linear(x, w); reshape makes one a row or a column',
    )
  if (sizeOf(a.shape) === 0 || sizeOf(b.shape) === 0) no('an operand has no elements')
  const [m, inner] = transposeA ? [...tail(a)].reverse() : tail(a)
  const [other, n] = transposeB ? [...tail(b)].reverse() : tail(b)
  if (inner !== other)
    no(
      `inner sizes differ: ${inner} and ${other}`,
      'a is [..., m, k] and b is [..., k, n]; transposeA and transposeB exchange the last two axes',
    )
  const batch = broadcastShapes([lead(a), lead(b)])
  if (!batch) return no('batch axes do not broadcast', 'sizes before the last two are equal or 1')
  return { dtype: 'f32', shape: [...batch, m, n] }
}

/** Neighbouring batch axes that both operands have, or only one of them. */
interface Run {
  readonly count: number
  readonly a: boolean
  readonly b: boolean
}

function runsOf(a: TensorType, b: TensorType): Run[] {
  const batch = broadcastShapes([lead(a), lead(b)]) ?? []
  const has = (t: TensorType, axis: number) =>
    (lead(t)[axis - batch.length + t.shape.length - 2] ?? 1) > 1
  const runs: Run[] = []
  batch.forEach((count, axis) => {
    if (count === 1) return
    const run = { count, a: has(a, axis), b: has(b, axis) }
    const last = runs[runs.length - 1]
    if (last && last.a === run.a && last.b === run.b)
      runs[runs.length - 1] = { ...run, count: count * last.count }
    else runs.push(run)
  })
  return runs
}

/** Where the operands of up to two runs lie; those of a are `x` elements, those of b `w`. */
function batchesOf(runs: readonly Run[], x: number, w: number): Batches {
  const one: Run = { count: 1, a: false, b: false }
  const [inner = one, outer = one] = [...runs].reverse()
  const steps = (who: 'a' | 'b', size: number) => [
    inner[who] ? size : 0,
    outer[who] ? (inner[who] ? size * inner.count : size) : 0,
  ]
  const [[xBatch, xOuter], [wBatch, wOuter]] = [steps('a', x), steps('b', w)]
  return { batch: inner.count * outer.count, period: inner.count, xBatch, xOuter, wBatch, wOuter }
}

/** Entries of the batch, and with `rows` = 1 rows of a. */
const entries = (rows: 0 | 1): Windows<Attrs> => ({
  cut: 'output',
  axes: (_, [a, b]) => Math.max(a.shape.length, b.shape.length) - 2 + rows,
  part: (box, attrs, [a, b]) => {
    const from = (t: TensorType): Box => {
      const first = box.length - t.shape.length
      return t.shape.map((n, i) => (n === 1 || i > t.shape.length - 3 ? [0, n] : box[first + i]))
    }
    const some = from(a)
    const inputs = [rows ? [...some.slice(0, -2), ...box.slice(-2, -1), ...some.slice(-1)] : some]
    return { attrs, inputs: [...inputs, from(b)] }
  },
})

/** Terms of the sum, in the gradient of a weight over a large batch. */
const terms: Windows<Attrs> = {
  cut: 'input',
  axes: (_, [a]) => (a.shape.length === 2 ? 1 : 0),
  part: ([some, all], attrs, [, b]) => ({
    attrs,
    inputs: [[some, all], attrs.transposeB ? [[0, b.shape[0]], some] : [some, [0, b.shape[1]]]],
  }),
  combine: combinePairwise(add),
}

interface Case {
  readonly a: Shape
  readonly b: Shape
  readonly transposeB?: true
}
const samplesOf = (cases: readonly Case[]): Sample<Attrs>[] =>
  cases.map(({ a, b, transposeB }) => ({
    inputs: [sample(a), sample(b)],
    attrs: flagsOf(!!transposeB),
  }))

const common = (transposeA: boolean) =>
  ({
    kind: 'structured',
    source: 'NumPy’s matmul',
    prologue: false,
    infer: (types, { transposeB }, no) => {
      const type = resultType(types, transposeA, !!transposeB, no)
      const runs = runsOf(types[0], types[1])
      if (transposeA ? runs.some((r) => !r.a || !r.b) : runs.length > 2)
        no('these batches broadcast in a way that has no kernel', 'use matmul()')
      return [type]
    },
    cost: ([a], [y]) => {
      const macs = sizeOf(y.shape) * tail(a)[transposeA ? 0 : 1]
      return { macs, flops: 2 * macs }
    },
  }) as const satisfies Partial<Op>

const matmulOp: Op = {
  ...common(false),
  name: 'matmul',
  tail: true,
  f16: { inputs: [0], outputs: [0] },
  windows: [entries(1)],
  vjp: ({ inputs: [a, b], attrs: { transposeB } }, [dy]) => {
    if (!dy) return []
    const da = product(dy, b, false, !transposeB)
    const weights = (x: Tensor, y: Tensor) =>
      transposeB ? product(y, x, true, false) : product(x, y, true, false)
    if (sizeOf(lead(b)) > 1) return [da, weights(a, dy)]
    // One b for all: its gradient is one product over the rows of the whole batch.
    const rows = (t: Tensor) => reshape(t, [-1, t.shape[t.shape.length - 1]])
    return [da, reshape(weights(rows(a), rows(dy)), b.shape)]
  },
  lower: ({ inputs: [a, b], outputs: [y], attrs: { transposeB }, caps, tail: end }) => {
    const make = (w: typeof b) => {
      const [m, inner] = tail(a)
      const n = y.shape[y.shape.length - 1]
      const geometry =
        sizeOf(lead(b)) === 1
          ? matmulGeometry(sizeOf(lead(a)) * m, inner, n)
          : matmulGeometry(m, inner, n, batchesOf(runsOf(a, b), m * inner, inner * n))
      const accesses = { xAccess: a.access, wAccess: w.access, yAccess: 'read_write' } as const
      const x = plainLoad([a.dtype], a.access)
      return forwardRecipe({ ...geometry, ...accesses, x, tail: end }, caps)
    }
    return transposeB ? withTurned(b, make) : make(b)
  },
  samples: samplesOf([
    { a: [5, 8], b: [8, 12] },
    { a: [2, 3, 7], b: [2, 7, 5] },
    { a: [3, 4, 16], b: [16, 8] },
    { a: [1, 1], b: [1, 1] },
    { a: [2, 1, 3, 4], b: [5, 4, 8] },
    { a: [3, 1, 5], b: [2, 1, 5, 6] },
    { a: [4, 8], b: [12, 8], transposeB: true },
    { a: [2, 3, 5], b: [2, 7, 5], transposeB: true },
    { a: [1, 6], b: [2, 1, 6], transposeB: true },
  ]),
}

const transposedOp: Op = {
  ...common(true),
  name: 'matmulTransposedA',
  tail: false,
  f16: { inputs: [0], outputs: [] },
  windows: [terms, entries(0)],
  vjp: ({ inputs: [a, b], attrs: { transposeB } }, [dy]) => {
    if (!dy) return []
    return [
      product(b, dy, !!transposeB, true),
      transposeB ? product(dy, a, true, true) : product(a, dy, false, false),
    ]
  },
  lower: ({ inputs: [a, b], outputs: [y], attrs: { transposeB }, caps }) => {
    const make = (dy: typeof b) => {
      const [inner, m] = tail(a)
      const batch = sizeOf(lead(a))
      const geometry = matmulGeometry(batch * inner, m, y.shape[y.shape.length - 1], batch)
      const accesses = { xAccess: a.access, dyAccess: dy.access, dwAccess: 'read_write' } as const
      const x = plainLoad([a.dtype], a.access)
      return weightGradRecipe({ ...geometry, ...accesses, x }, caps)
    }
    return transposeB ? withTurned(b, make) : make(b)
  },
  samples: samplesOf([
    { a: [7, 4], b: [7, 8] },
    { a: [300, 5], b: [300, 3] },
    { a: [3, 6, 8], b: [3, 6, 5] },
    { a: [2, 1, 5, 1], b: [2, 1, 5, 7] },
    { a: [9, 4], b: [6, 9], transposeB: true },
    { a: [2, 3, 5], b: [2, 4, 3], transposeB: true },
  ]),
}

/** op(a)·op(b), by the ops above; shapes are right. */
function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  const runs = runsOf(a, b)
  if (transposeA)
    return runs.every((r) => r.a && r.b)
      ? apply(transposedOp, [a, b], flagsOf(transposeB))[0]
      : product(transpose(a), b, false, transposeB)
  if (runs.length > 2) {
    const batch = broadcastShapes([lead(a), lead(b)])!
    const full = (t: Tensor) => [...batch, ...tail(t)]
    const spread = (t: Tensor) => broadcastTo(t, full(t))
    const first =
      runs.every((r) => r.b) || (runs.some((r) => !r.a) && sizeOf(full(a)) <= sizeOf(full(b)))
    return first
      ? product(spread(a), b, false, transposeB)
      : product(a, spread(b), false, transposeB)
  }
  const [n, inner] = tail(b)
  const one = runs.every((r) => !r.b)
  const rows = one ? sizeOf(a.shape) / inner : tail(a)[0]
  if (transposeB && rows * (inner + n) < n * inner) {
    const [x, w] = one ? [reshape(a, [rows, inner]), reshape(b, [n, inner])] : [a, b]
    const y = transpose(product(w, x, false, true))
    return one ? reshape(y, [...(broadcastShapes([lead(a), lead(b)]) ?? []), tail(a)[0], n]) : y
  }
  return apply(matmulOp, [a, b], flagsOf(transposeB))[0]
}

/** The last two axes exchanged. Throws ShapeError for fewer. */
export function transpose(x: TensorLike): Tensor {
  const t = toTensor(x, 'transpose')
  const r = t.shape.length
  if (r < 2)
    refuse('transpose', 'at least two axes are needed', [t], 'reshape() makes a column of a vector')
  const [m, n] = tail(t)
  if (m === 1 || n === 1) return reshape(t, [...lead(t), n, m])
  return permute(t, [...t.shape.keys()].slice(0, r - 2).concat(r - 1, r - 2))
}

export interface MatmulOptions {
  /** a is [..., k, m]; default false. */
  readonly transposeA?: boolean
  /** b is [..., n, k]; default false. */
  readonly transposeB?: boolean
}

/** a [..., m, k] · b [..., k, n] = [..., m, n]. Any number of batch axes, which broadcast (NumPy's rule); gradients are
 * summed over what was broadcast. Everything is f32. Vectors are refused: see `dot`, `outer` and `linear`.
 * Throws ShapeError. */
export function matmul(a: TensorLike, b: TensorLike, options: MatmulOptions = {}): Tensor {
  const [x, y] = [toTensor(a, 'matmul'), toTensor(b, 'matmul')]
  const turned = { transposeA: false, transposeB: false }
  const { transposeA, transposeB } = optionsOf('matmul', options, turned)
  resultType([x, y], transposeA, transposeB, (p, hint) => refuse('matmul', p, [x, y], hint))
  return product(x, y, transposeA, transposeB)
}

export const matmulOps = [matmulOp, transposedOp] as const
