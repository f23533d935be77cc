// The shared rule of pointwise ops: inputs broadcast (NumPy's rule), all have one dtype, and one expression gives
// four output elements at a time. What an op adds is its expression, its float64 twin and its derivative.

import { broadcastShapes, type DType, isFloat, type Shape, type TensorType } from '../dtype.ts'
import {
  type Attrs,
  apply,
  type NoGradient,
  type PointwiseEnv,
  type PointwiseOp,
  perElement,
  type ReferenceDTypes,
  type Sample,
  type SampleInput,
  sample,
  type TensorLike,
  type Vjp,
} from '../op.ts'
import { Tensor } from '../tensor.ts'
import { refuse } from './refuse.ts'
import { toTensor, toTensors } from './source.ts'

/** Which dtypes an op takes, and what it gives: `float` and `number` what they take, `compare` and `logical` u8.
 * `logical` takes u8 only. */
type Rule = 'float' | 'number' | 'compare' | 'logical'

export interface PointwiseSpec<A extends Attrs> {
  readonly rule?: Rule
  readonly flops?: number
  readonly wgsl: (args: readonly string[], env: PointwiseEnv, attrs: A) => string
  readonly reference: PointwiseOp<A>['reference']
  readonly constants?: (attrs: A) => readonly number[]
  readonly vjp: Vjp<A> | NoGradient
  readonly samples: readonly Sample<A>[]
  readonly indexed?: boolean
  readonly infer?: PointwiseOp<A>['infer']
  readonly error?: PointwiseOp['error']
  readonly source?: string
}

/** Defines a pointwise op. */
export function pointwise<A extends Attrs = Record<string, never>>(
  name: string,
  spec: PointwiseSpec<A>,
): PointwiseOp<A> {
  return {
    name,
    kind: 'pointwise',
    infer:
      spec.infer ?? ((types, _, refuse) => [inferPointwise(types, spec.rule ?? 'float', refuse)]),
    vjp: spec.vjp,
    cost: perElement(spec.flops ?? 1),
    constants: spec.constants ?? (() => []),
    indexed: spec.indexed ?? false,
    wgsl: spec.wgsl,
    reference: spec.reference,
    samples: spec.samples,
    ...(spec.error && { error: spec.error }),
    ...(spec.source && { source: spec.source }),
  }
}

type Refuse = (problem: string, hint?: string) => never

/** The shape that all broadcast to. */
export const jointShape = (types: readonly TensorType[], no: Refuse): Shape =>
  broadcastShapes(types.map((t) => t.shape)) ??
  no('shapes do not broadcast', 'sizes must be equal or 1, counted from the last axis')

function inferPointwise(types: readonly TensorType[], rule: Rule, no: Refuse): TensorType {
  const shape = jointShape(types, no)
  const dtype = types[0].dtype
  if (types.some((t) => t.dtype !== dtype))
    return no('dtypes differ', 'use cast() to make them one; nothing is converted silently')
  if (rule === 'float' && !isFloat(dtype))
    return no('a floating-point dtype is needed', 'use cast()')
  if (rule === 'logical' && dtype !== 'u8')
    return no('u8 is needed', 'comparisons give u8: notEqual(x, 0) makes one of a number')
  const out: DType = rule === 'compare' || rule === 'logical' ? 'u8' : dtype
  return { dtype: out, shape }
}

/** What arithmetic accepts: a number takes the dtype of the tensor beside it. */
export type Operand = TensorLike | number

/** An op and its function on tensors. */
interface One {
  readonly op: PointwiseOp<Plain>
  of(x: Tensor): Tensor
}
interface Two {
  readonly op: PointwiseOp<Plain>
  of(a: Tensor, b: Tensor): Tensor
}

/** The functions that people call. */
export const one = (def: One) => (x: TensorLike) => def.of(toTensor(x, def.op.name))
export const two =
  (def: Two): ((a: Operand, b: Operand) => Tensor) =>
  (a, b, ...more: unknown[]) => {
    const { name } = def.op
    const [x, y] = toTensors([a, b], name)
    // reduce() gives more too, but not a tensor.
    if (more[0] instanceof Tensor)
      refuse(name, 'it is of two operands', [x, y, more[0]], `write ${name}(${name}(a, b), c)`)
    return def.of(x, y)
  }

const noAttrs = {} as Record<string, never>
const sampleFor = (
  rule: Rule | undefined,
  shape: readonly number[],
  range?: readonly [number, number],
): SampleInput =>
  rule === 'logical' ? { dtype: 'u8', shape, range: [0, 2] } : sample(shape, range)
type Plain = Record<string, never>

interface UnarySpec {
  readonly rule?: Rule
  readonly flops?: number
  readonly wgsl: (x: string, env: PointwiseEnv) => string
  readonly reference: (x: number, dtypes: ReferenceDTypes) => number
  readonly infer?: PointwiseOp<Plain>['infer']
  readonly vjp: Vjp<Plain> | NoGradient
  /** Range of the sample values, away from where the derivative jumps. */
  readonly range?: readonly [number, number]
  readonly error?: PointwiseOp['error']
  readonly source?: string
}

/** Defines a one-argument op and its function. */
export function unary(name: string, spec: UnarySpec): One {
  const op = pointwise(name, {
    ...spec,
    wgsl: ([x], env) => spec.wgsl(x, env),
    reference: ([x], _, __, dtypes) => spec.reference(x, dtypes),
    samples: [[2, 3, 5], [8, 4], [1], [13]].map((shape) => ({
      inputs: [sampleFor(spec.rule, shape, spec.range)],
      attrs: noAttrs,
    })),
  })
  return { op, of: (x) => apply(op, [x], noAttrs)[0] }
}

interface BinarySpec {
  readonly rule?: Rule
  readonly flops?: number
  readonly wgsl: (a: string, b: string, env: PointwiseEnv) => string
  readonly reference: (a: number, b: number, dtypes: ReferenceDTypes) => number
  readonly vjp: Vjp<Plain> | NoGradient
  readonly range?: readonly [number, number]
  /** Range of the second argument; default that of the first. */
  readonly rangeOfB?: readonly [number, number]
  /** Draw from few values, so that ties occur. */
  readonly steps?: number
  readonly error?: PointwiseOp['error']
  readonly source?: string
}

/** Defines a two-argument op and its function. The samples broadcast in every way that the kernels tell apart. */
export function binary(name: string, spec: BinarySpec): Two {
  const shapes = [
    [
      [2, 3, 5],
      [2, 3, 5],
    ],
    [[2, 3, 8], [8]],
    [
      [2, 3, 8],
      [2, 3, 1],
    ],
    [[4, 6], []],
    [[], [7]],
    [
      [3, 1, 5],
      [2, 1],
    ],
  ]
  const input = (shape: readonly number[], range: BinarySpec['range']) => ({
    ...sampleFor(spec.rule, shape, range),
    ...(spec.steps && { steps: spec.steps }),
  })
  const op = pointwise(name, {
    ...spec,
    wgsl: ([a, b], env) => spec.wgsl(a, b, env),
    reference: ([a, b], _, __, dtypes) => spec.reference(a, b, dtypes),
    samples: shapes.map(([a, b]) => ({
      inputs: [input(a, spec.range), input(b, spec.rangeOfB ?? spec.range)],
      attrs: noAttrs,
    })),
  })
  return { op, of: (a, b) => apply(op, [a, b], noAttrs)[0] }
}
