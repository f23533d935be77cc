// What a backward pass will read, without building it: for each op of the forward pass, the operands and results that its
// vector-Jacobian product mentions. These values must be held from their computation to the backward pass.

import { isFloat } from '../dtype.ts'
import { attrKey, baseOf } from '../graph.ts'
import { apply, type Op } from '../op.ts'
import { inputOp } from '../ops/source.ts'
import { type Node, type Tensor, Variable } from '../tensor.ts'
import { tracing } from '../trace.ts'

/** Of the values that `nodes` compute, in order, those that gradients read with respect to the variables that are `wanted`.
 * What is differentiated depends on all of the nodes. */
export function keptValues(
  nodes: readonly Node[],
  wanted: (variable: Variable) => boolean,
): Tensor[] {
  const leads = new Map<Node, boolean>()
  const leading = (node: Node): boolean => {
    let answer = leads.get(node)
    if (answer !== undefined) return answer
    const { variable } = node.attrs
    answer = variable instanceof Variable && wanted(variable)
    for (const x of node.inputs) answer = leading(x.node) || answer
    leads.set(node, answer)
    return answer
  }
  const inside = new Set(nodes)
  const kept = new Set<Tensor>()
  for (const node of nodes) {
    const needed = node.inputs.map((x) => isFloat(x.dtype) && leading(x.node))
    if (!needed.includes(true)) continue
    for (const i of mentioned(node, needed)) {
      const value = baseOf(i < 0 ? node.output(-1 - i) : node.inputs[i])
      if (inside.has(value.node) && value.node.op.kind !== 'source') kept.add(value)
    }
  }
  return [...kept]
}

const known = new WeakMap<Op, Map<string, readonly number[]>>()

/** What the derivative of a node by its `needed` inputs reads: input i as i, output i as −1 − i. The same for all nodes of an
 * op with the same attributes and shapes. */
function mentioned(node: Node, needed: readonly boolean[]): readonly number[] {
  const attrs = Object.keys(node.attrs).length ? attrKey(node.attrs) : ''
  const key = node.inputs.reduce((k, x, i) => `${k} ${needed[i]} ${x.shape}`, attrs)
  const answers = known.get(node.op) ?? new Map<string, readonly number[]>()
  const answer = answers.get(key) ?? readBy(node, needed)
  known.set(node.op, answers.set(key, answer))
  return answer
}

function readBy(node: Node, needed: readonly boolean[]): number[] {
  const { vjp } = node.op
  if (typeof vjp !== 'function') return []
  const outputs = node.types.map((_, i) => node.output(i))
  const { cotangents, parts } = tracing(() => {
    const cotangents = node.types.map((type) =>
      isFloat(type.dtype) ? apply(inputOp, [], { type, position: 0 })[0] : undefined,
    )
    return {
      cotangents,
      parts: vjp({ inputs: node.inputs, outputs, attrs: node.attrs }, cotangents),
    }
  }).result
  // What the vjp made is younger than the cotangents that it was given.
  const from = cotangents.find((dy) => dy)!.node.id
  const read = new Set<Tensor>()
  const seen = new Set<Node>()
  const look = (t: Tensor) => {
    if (t.node.id < from) read.add(t)
    else if (!seen.has(t.node)) {
      seen.add(t.node)
      for (const x of t.node.inputs) look(x)
    }
  }
  parts.forEach((part, i) => {
    if (part && needed[i]) look(part)
  })
  return [
    ...node.inputs.flatMap((x, i) => (read.has(x) ? [i] : [])),
    ...outputs.flatMap((y, i) => (read.has(y) ? [-1 - i] : [])),
  ]
}
