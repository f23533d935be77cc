// Values that come from outside the graph: inputs, constants, variables. And the one effect: assignment.

import {
  type DType,
  dtypeOf,
  type HostArray,
  holds,
  isFloat,
  type Shape,
  sameType,
  showType,
  sizeOf,
  type TensorType,
} from '../dtype.ts'
import {
  type Attrs,
  apply,
  isTensorLike,
  noCost,
  none,
  type PointwiseOp,
  type SourceOp,
  type TensorLike,
} from '../op.ts'
import { type HostTensor, Tensor, Variable } from '../tensor.ts'
import { currentTrace, partOf } from '../trace.ts'
import { checkDType, checkShape, refuse, refuseNamed, shown } from './refuse.ts'

function source<A extends Attrs>(name: string, type: (attrs: A) => TensorType): SourceOp<A> {
  return {
    name,
    source: 'what a program is given',
    kind: 'source',
    infer: (_, attrs) => [type(attrs)],
    vjp: none('it has no inputs'),
    cost: () => noCost,
    samples: [],
  }
}

const plain = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape })

/** A program's argument number `position`. */
export const inputOp = source('input', (a: { type: TensorType; position: number }) => a.type)
/** Host data that is part of the program. */
export const constantOp = source('constant', (a: { value: HostTensor }) => plain(a.value))
/** A read of a variable at a version. */
export const variableOp = source('variable', (a: { variable: Variable; version: number }) =>
  plain(a.variable),
)

/** A number: passed to kernels as a run-time value, so that changing it compiles nothing. */
export const scalarOp: PointwiseOp<{ value: number; dtype: DType }> = {
  name: 'scalar',
  source: 'a number of the host',
  error: 'exact',
  kind: 'pointwise',
  infer: (_, { dtype }) => [{ dtype, shape: [] }],
  vjp: none('it has no inputs'),
  cost: () => noCost,
  // Run-time values are f32, which holds 24 bits: a whole number travels as its two halves.
  constants: ({ value, dtype }) =>
    isFloat(dtype) ? [value] : [(value >>> 0) >>> 16, (value >>> 0) & 0xffff],
  indexed: false,
  wgsl: (_, { constants: [high, low], out }) => {
    if (isFloat(out)) return high
    const bits = `(vec4u(${high}) * 65536u + vec4u(${low}))`
    return out === 'i32' ? `bitcast<vec4i>(${bits})` : bits
  },
  // The number that the device sees.
  reference: (_, { value, dtype }) => (dtype === 'f32' ? Math.fround(value) : value),
  samples: [{ inputs: [], attrs: { value: 1.5, dtype: 'f32' } }],
}

/** Stores a value in a variable; the output is the new version. */
export const assignOp: PointwiseOp<{ variable: Variable }> = {
  name: 'assign',
  source: 'versions, as in SSA form',
  error: 'exact',
  kind: 'pointwise',
  infer: ([value], { variable }, refuse) => {
    if (!sameType(value, variable))
      refuse(
        `the value must have the variable's type ${showType(variable)} (${variable.name})`,
        'use cast(), reshape() or broadcastTo()',
      )
    return [plain(variable)]
  },
  vjp: (_, [dy]) => [dy],
  cost: () => noCost,
  constants: () => [],
  indexed: false,
  wgsl: ([x]) => x,
  reference: ([x]) => x,
  samples: [],
}

/** A tensor of host data; `data` is kept, not copied. Numbers give f32. */
export function constant(data: HostArray | readonly number[] | number, shape?: Shape): Tensor {
  const value = partOf('constant', () => hostTensor(data, shape))
  return apply(constantOp, [], { value })[0]
}

/** Host data with a shape. Throws ShapeError when the number of elements does not match, and for arrays that no dtype
 * has, such as Float64Array, or that are not of the dtype that is asked for. */
export function hostTensor(
  data: HostArray | readonly number[] | number,
  shape?: Shape,
  dtype?: DType,
): HostTensor {
  const array = ArrayBuffer.isView(data) ? (data as HostArray) : floats(data)
  const full = shape ?? (typeof data === 'number' ? [] : [array.length])
  const kind = dtypeOf(array)
  if (!kind) return refuseNamed(me, 'no dtype has this array', [shown(data)], arrays)
  if (dtype) checkDType(me, dtype)
  if (dtype && dtype !== kind) refuseNamed(me, `${dtype} is no ${shown(array)}`, [], arrays)
  checkShape(me, full)
  const type: TensorType = { dtype: kind, shape: full }
  if (array.length !== sizeOf(full))
    refuse(
      me,
      `the shape needs ${sizeOf(full)} elements and the data has ${array.length}`,
      [type],
      'the sizes multiply to the number of elements',
    )
  return { ...type, data: array }
}
const me = 'hostTensor'
const arrays =
  'copy it into a Float32Array, Int32Array, Uint32Array or Uint8Array, or a Uint16Array of f16 bits'

function floats(data: readonly number[] | number): Float32Array {
  const list = typeof data === 'number' ? [data] : data
  // By findIndex, since other methods pass over holes.
  const odd = Array.isArray(list) ? list.findIndex((v) => typeof v !== 'number') : 0
  if (odd >= 0)
    refuseNamed(
      me,
      'a typed array, a list of numbers or a number is needed',
      [Array.isArray(list) ? `a list with ${shown(list[odd])}` : shown(list)],
      Array.isArray(list) && Array.isArray(list[odd])
        ? 'nested lists are flattened first: constant(rows.flat(), [2, 3])'
        : 'as new Float32Array(6), [1, 2, 3], 0.5',
    )
  return Float32Array.from(list)
}

/** A scalar of a dtype. Throws ShapeError for a number that an integer dtype would cut or wrap. */
export function scalar(value: number, dtype: DType = 'f32'): Tensor {
  checkDType('scalar', dtype)
  if (typeof value !== 'number')
    refuseNamed(
      'scalar',
      'a number is needed',
      [shown(value)],
      'constant() makes a tensor of several',
    )
  return numberAs('scalar', value, dtype)
}

function numberAs(op: string, value: number, dtype: DType): Tensor {
  if (!holds(dtype, value))
    refuse(
      op,
      `${dtype} cannot hold ${value}`,
      [],
      'a number takes the dtype of the tensor beside it: cast() that first',
    )
  return apply(scalarOp, [], { value, dtype })[0]
}

/** Reads outside any trace, so that equal ones are one tensor there too. */
const untraced = new WeakMap<Variable, { readonly version: number; readonly tensor: Tensor }>()

/** The current version of a variable, as this trace sees it. */
export function read(variable: Variable): Tensor {
  checkVariable('read', variable)
  const { version } = variable
  const trace = currentTrace()
  const last = untraced.get(variable)
  const known = trace ? trace.current.get(variable) : last?.version === version && last.tensor
  if (known) return known
  const tensor = apply(variableOp, [], { variable, version })[0]
  if (trace) trace.current.set(variable, tensor)
  else untraced.set(variable, { version, tensor })
  return tensor
}

/** Gives `variable` a new value; reads that follow in this trace see it, reads before it keep the old one.
 * Returns the new value. Outside of a function that is compiled nothing would ever run it: throws ShapeError there. */
export function assign(variable: Variable, value: TensorLike | number): Tensor {
  checkVariable('assign', variable)
  const trace = currentTrace()
  if (!trace)
    return refuseNamed(
      'assign',
      'assignments belong to a program',
      [variable.name],
      'call assign inside the function that is given to device.compile',
    )
  // The old version is part of the graph even if nobody reads it: the order hangs on it.
  const before = read(variable)
  const next = apply(assignOp, [toTensor(value, 'assign', variable.dtype)], { variable })[0]
  trace.current.set(variable, next)
  trace.assigns.push(next)
  trace.before.set(next, before)
  return next
}

/** Tensor of anything that stands for one, for `op`; a number takes `dtype`. Throws ShapeError for anything else. */
export function toTensor(x: TensorLike | number, op: string, dtype: DType = 'f32'): Tensor {
  if (x instanceof Tensor) return x
  if (x instanceof Variable) return read(x)
  if (typeof x !== 'number') return refuseStranger(op, x)
  return numberAs(op, x, dtype)
}

/** Types do not reach everybody: what is no tensor is named, with the way to make one of it. */
function refuseStranger(op: string, x: unknown): never {
  const name = typeof x === 'object' ? (x?.constructor?.name ?? 'null') : shown(x)
  const hints: Record<string, string> = {
    DeviceTensor: 'what a program returned is given to another program as an argument',
    Promise: 'await it, and make a tensor of what it gives with constant(data, shape)',
    Tensor: 'it comes from another copy of this library',
  }
  const hint = hints[name] ?? 'constant(data, shape) makes a tensor of numbers'
  return refuseNamed(op, 'a tensor, a variable or a number is needed', [name], hint)
}

function checkVariable(op: string, x: unknown): void {
  if (!(x instanceof Variable))
    refuseNamed(op, 'a variable is needed', [shown(x)], 'tensors have one value and do not change')
}

/** Tensors of a list. Throws ShapeError for anything else. */
export function listOf(op: string, xs: readonly TensorLike[]): Tensor[] {
  if (!Array.isArray(xs))
    refuseNamed(op, 'a list of tensors is needed', [shown(xs)], `write ${op}([a, b], …)`)
  return Array.from(xs, (x) => toTensor(x, op))
}

/** Tensors of operands that belong together: numbers take the dtype of the first tensor among them. */
export function toTensors(xs: readonly (TensorLike | number)[], op: string): Tensor[] {
  const like = xs.find(isTensorLike)?.dtype ?? 'f32'
  return xs.map((x) => toTensor(x, op, like))
}

/** The same values in memory of their own. Passes put it where a value must not share its buffer. */
export const copyOp: PointwiseOp<Record<string, never>> = {
  name: 'copy',
  source: 'the passes',
  error: 'exact',
  kind: 'pointwise',
  infer: ([x]) => [plain(x)],
  vjp: (_, [dy]) => [dy],
  cost: () => noCost,
  constants: () => [],
  indexed: false,
  wgsl: ([x]) => x,
  reference: ([x]) => x,
  samples: [{ inputs: [{ dtype: 'f32', shape: [2, 3] }], attrs: {} }],
}
