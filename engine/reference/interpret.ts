// The interpreter: any graph (as traced, simplified or fused), node by node in float64. What a program computes on a
// device is compared with this, so nothing here is clever or fast.

import { type HostArray, sizeOf, type TensorType } from '../dtype.ts'
import { AtrousError } from '../errors.ts'
import { type Graph, graphOf } from '../graph.ts'
import { nearestHalf } from '../ops/convert.ts'
import { assignedBy } from '../passes/fused.ts'
import type { HostTensor, Node, Tensor, Variable } from '../tensor.ts'
import { evaluate } from './evaluate.ts'
import { numbersOf, type Value } from './value.ts'

/** A program's argument: host data, a number, or float64 elements that no dtype could hold. */
export type Given = { readonly data: HostArray | Float64Array } | Float64Array | HostArray | number

/** Elements of variables. */
export type State = Map<Variable, Float64Array>

/** Elements of the outputs, in order. `state` holds the values of variables before the run and is updated by the
 * graph's assignments; a variable that it lacks has its initial value.
 * Throws AtrousError when an argument is missing or has the wrong number of elements. */
export function interpret(
  what: Graph | readonly Tensor[],
  inputs: readonly Given[] = [],
  state: State = new Map(),
): Float64Array[] {
  const graph = 'nodes' in what ? what : graphOf([], what, [])
  const values = interpretAll(graph, inputs, state)
  for (const t of graph.assigns) {
    const variable = variableOf(t)
    if (variable) state.set(variable, values.get(t)!.data)
  }
  return graph.outputs.map((t) => values.get(t)!.data)
}

/** What becomes of a node's outputs before others read them. */
export type Disturb = (node: Node, outputs: Value[], inputs: readonly Value[]) => Value[]

/** What is stored as f16 is rounded. */
export const asStored: Disturb = (_, outputs) =>
  outputs.map((v) => (v.dtype === 'f16' ? { ...v, data: v.data.map(nearestHalf) } : v))

/** The value of every tensor of a graph. Variables are read from `state`, which stays as it is. */
export function interpretAll(
  graph: Graph,
  inputs: readonly Given[] = [],
  state: State = new Map(),
  disturb: Disturb = (_, outputs) => outputs,
): Map<Tensor, Value> {
  const values = new Map<Tensor, Value>()
  for (const node of graph.nodes) {
    const args = node.inputs.map((x) => values.get(x)!)
    const outputs =
      node.op.kind === 'source'
        ? [{ ...node.types[0], data: given(node, inputs, state) }]
        : disturb(node, evaluate(node.op, args, node.attrs, node.types), args)
    outputs.forEach((v, i) => {
      values.set(node.output(i), v)
    })
  }
  return values
}

/** The variable that a tensor is a new version of. */
function variableOf({ node, index }: Tensor): Variable | undefined {
  const step = node.op.name === 'assign' ? node : assignedBy(node, index)
  return step?.attrs.variable as Variable | undefined
}

function given(node: Node, inputs: readonly Given[], state: State): Float64Array {
  const { position, variable, value } = node.attrs as {
    position: number
    variable: Variable
    value: HostTensor
  }
  if (node.op.name === 'constant') return numbersOf(value.data)
  if (node.op.name === 'variable') return state.get(variable) ?? numbersOf(variable.initial())
  return argument(inputs[position], node.types[0], position)
}

function argument(x: Given | undefined, type: TensorType, position: number): Float64Array {
  if (x === undefined) throw new AtrousError(`argument ${position} is missing`)
  const data = typeof x === 'number' ? [x] : 'data' in x ? x.data : x
  if (data.length !== sizeOf(type.shape))
    throw new AtrousError(
      `argument ${position} has ${data.length} elements and its type has ${sizeOf(type.shape)}`,
    )
  return numbersOf(data)
}
