// From a node to its dispatches: WGSL expressions of fused steps, how each operand is addressed, and the call of the
// op's own lowering where it has kernels.

import type { Access, Caps, Recipe } from '../../shaders/kernel.ts'
import { identityTail, input, output } from '../../shaders/kernel.ts'
import { type Mode, type PointwiseInput, pointwise } from '../../shaders/pointwise.ts'
import { type Shape, sameType, showType, sizeOf, stridesOf, type TensorType } from '../dtype.ts'
import type { Bound, LowerContext } from '../op.ts'
import { assignedBy, bodyOf, jointOf } from '../passes/fused.ts'
import type { Node, Tensor, Variable } from '../tensor.ts'
import { pasted } from './expressions.ts'
import { lowerJoint } from './lower-joint.ts'
import { loadOf, lowerRooted } from './lower-rooted.ts'

/** What lowering must know beyond the node: the machine, how each operand's memory is bound, and which operand is
 * the variable that an assignment overwrites. */
export interface LowerInfo {
  readonly caps: Caps
  access(x: Tensor): Access
  variableOf(x: Tensor): Variable | undefined
  /** Whether it is in the activation memory. */
  isActivation(x: Tensor): boolean
}

/** A recipe and what it depends on beside the node's own types. */
interface Known {
  readonly caps: Caps
  readonly operands: readonly Operand[]
  readonly recipe: Recipe
}

interface Operand {
  readonly type: TensorType
  readonly access: Access
  readonly variable: Variable | undefined
}

// By the list of types, which a node shares with those that run it again or read other places.
const known = new WeakMap<Node['types'], Known[]>()

/** The dispatches of a kernel node. Inputs and outputs of the recipe are the node's, in order. Plans that have a node in common,
 * as all that a budget chooses from have, share its recipe. */
export function lower(node: Node, info: LowerInfo): Recipe {
  const operands = node.inputs.map(
    (x): Operand => ({
      type: x.node.types[x.index],
      access: info.access(x),
      variable: info.variableOf(x),
    }),
  )
  const recipes = known.get(node.types) ?? []
  const found = recipes.find((k) => k.caps === info.caps && areLike(k.operands, operands))
  if (found) return found.recipe
  const recipe = lowered(node, info)
  known.set(node.types, [...recipes, { caps: info.caps, operands, recipe }])
  return recipe
}

const areLike = (a: readonly Operand[], b: readonly Operand[]): boolean =>
  a.length === b.length && a.every((x, i) => isLike(x, b[i]))

const isLike = (a: Operand, b: Operand): boolean =>
  a.variable === b.variable &&
  a.access === b.access &&
  (a.type === b.type || sameType(a.type, b.type))

/** Whether its recipe has no scratch memory, as one sees without lowering it. */
export const isWithoutScratch = (node: Node): boolean =>
  node.op.kind === 'fused' && bodyOf(node).root < 0

function lowered(node: Node, info: LowerInfo): Recipe {
  const { op } = node
  const bound = node.inputs.map(
    (x): Bound => ({ dtype: x.dtype, shape: x.shape, access: info.access(x) }),
  )
  if (op.kind === 'structured') return op.lower(plainContext(node, bound, info.caps))
  const body = bodyOf(node)
  const joint = jointOf(node)
  if (joint) return { scratch: [], dispatches: [lowerJoint(node, joint, info)] }
  if (body.root < 0) return { scratch: [], dispatches: [lowerPointwise(node, bound, info)] }
  return lowerRooted(node, bound, info.caps)
}

function plainContext(
  node: Node,
  inputs: readonly Bound[],
  caps: Caps,
): LowerContext<Node['attrs']> {
  const { types: outputs, attrs } = node
  const tail = { ...identityTail, outputs: outputs.map((t) => t.dtype) }
  const loads = inputs.map((x) => loadOf([x]))
  return { inputs, outputs, attrs, caps, tail, prologue: loadOf(inputs), loads }
}

// ---- pointwise kernels

function lowerPointwise(node: Node, bound: readonly Bound[], info: LowerInfo) {
  const body = bodyOf(node)
  const shape = node.types[0].shape
  const writes = node.types.map(
    (_, r) => assignedBy(node, r)?.attrs.variable as Variable | undefined,
  )
  const inputs = bound.map((b, i): PointwiseInput => {
    const variable = info.variableOf(node.inputs[i])
    const result = variable ? writes.indexOf(variable) : -1
    const how = addressing(b.shape, shape)
    if (result >= 0 && how.mode !== 'same')
      throw new Error(`in-place update of ${variable?.name} from ${showType(b)}`)
    return {
      slot: input(i),
      access: b.access,
      elem: b.dtype,
      ...how,
      ...(result >= 0 && { writes: result }),
    }
  })
  const outputs = node.types.map((t, i) => ({
    slot: output(i),
    elem: t.dtype,
    inPlace: inputs.some((x) => x.writes === i),
  }))
  return pointwise(
    { count: sizeOf(shape), shape, inputs, outputs, ...pasted(body, bound) },
    info.caps,
  )
}

/** How elements of `x` are found from the index of an output element. */
function addressing(x: Shape, y: Shape): { mode: Mode; period: number; strides: number[] } {
  const size = sizeOf(x)
  if (size === sizeOf(y)) return { mode: 'same', period: 1, strides: [] }
  if (size === 1) return { mode: 'scalar', period: 1, strides: [] }
  const full = [...new Array<number>(y.length - x.length).fill(1), ...x]
  const firstReal = full.findIndex((n) => n !== 1)
  const lastReal = full.findLastIndex((n) => n !== 1)
  const matches = (from: number, to: number) =>
    full.slice(from, to).every((n, i) => n === y[from + i])
  if (matches(firstReal, y.length)) return { mode: 'channel', period: size, strides: [] }
  if (y.slice(0, firstReal).every((n) => n === 1) && matches(firstReal, lastReal + 1))
    return { mode: 'row', period: sizeOf(y) / size, strides: [] }
  const strides = stridesOf(full).map((s, a) => (full[a] === 1 ? 0 : s))
  return { mode: 'general', period: 1, strides }
}
