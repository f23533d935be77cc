// Updates that happen only under a condition that is known when all of them have been written: a step that is skipped, on the
// device and without asking it, because its gradients are not finite. Every assignment v ← x becomes v ← where(ok ≠ 0, x, v),
// so that a variable keeps its bits where ok is 0.
//
// The running averages of a forward pass are assigned long before the gradients are known. So the function is traced as
// it stands, and the conditions are put in afterwards: nodes that depend on such an assignment are made again behind it.

import { OptionError } from './errors.ts'
import { type Graph, graphOf } from './graph.ts'
import type { TensorLike } from './op.ts'
import { broadcastTo, notEqual, where } from './ops/arithmetic.ts'
import { refuse, refuseNamed } from './ops/refuse.ts'
import { assign } from './ops/source.ts'
import { Node, type Tensor, type Variable } from './tensor.ts'
import { type Condition, currentTrace } from './trace.ts'

/** Lets the assignments that this trace has made so far, but for those that have a condition, happen only where `ok`, a
 * scalar of any dtype, is not 0; elsewhere their variables keep their values to the bit. Throws ShapeError outside of a compiled function,
 * OptionError where `ok` depends on one of them. */
export function assignOnlyWhere(ok: Tensor): void {
  const me = 'assignOnlyWhere'
  const trace = currentTrace()
  if (!trace) refuseNamed(me, 'assignments belong to a program', [], 'see assign')
  if (ok.shape.length) refuse(me, 'the condition is a scalar', [ok], 'any() makes one')
  const mine = trace.assigns.filter((t) => !trace.conditions.has(t))
  const behind = new Set(graphOf([], [ok], []).nodes)
  const circular = mine.find((t) => behind.has(t.node))
  if (circular) {
    const { name } = circular.node.attrs.variable as Variable
    throw new OptionError(
      `${me}: the condition depends on ${name} as it is after its assignment`,
      'read what it was before, or assign it after the step',
    )
  }
  for (const t of mine) trace.conditions.set(t, { ok, before: trace.before.get(t)! })
}

/** `assign`, on which no condition that follows has a say. */
export function assignAlways(variable: Variable, value: TensorLike): Tensor {
  const next = assign(variable, value)
  currentTrace()?.conditions.set(next, 'always')
  return next
}

/** The graph with the conditions of its assignments in it. */
export function withConditions(
  graph: Graph,
  given: ReadonlyMap<Tensor, Condition | 'always'>,
): Graph {
  const conditions = new Map([...given].flatMap(([t, c]) => (c === 'always' ? [] : [[t, c]])))
  if (!conditions.size) return graph
  const now = new Map<Node, Node>()
  const at = (t: Tensor) => now.get(t.node)?.output(t.index) ?? t
  const build = (node: Node): Node => {
    const inputs = node.inputs.map(at)
    const condition = conditions.get(node.output())
    if (condition) {
      const { ok, before } = condition
      const [value] = inputs
      // Compared at every element, which binds no more than the scalar.
      const holds = notEqual(broadcastTo(at(ok), value.shape), 0)
      const { op, inputs: args, attrs, types } = where(holds, value, at(before)).node
      const { path, source, block } = node
      const from = { path, ...(source && { source }), ...(block && { block }) }
      inputs[0] = new Node(op, args, attrs, types, from).output()
    }
    const same = inputs.every((x, i) => x === node.inputs[i])
    return same ? node : new Node(node.op, inputs, node.attrs, node.types, node)
  }
  const needs = (node: Node): Node[] => {
    const condition = conditions.get(node.output())
    const more = condition ? [condition.ok, condition.before] : []
    return [...node.inputs, ...more].map((t) => t.node).filter((n) => !now.has(n))
  }
  for (const root of graph.nodes) {
    const stack = [root]
    while (stack.length) {
      const node = stack[stack.length - 1]
      const waiting = now.has(node) ? [] : needs(node)
      stack.push(...waiting)
      if (waiting.length) continue
      stack.pop()
      if (!now.has(node)) now.set(node, build(node))
    }
  }
  return graphOf(graph.inputs, graph.outputs.map(at), graph.assigns.map(at))
}
