// Random recomputation: checkpoints in random places, one inside another; and a pass over fused kernels that runs some of them
// again for some of their readers. Random numbers must repeat; assignments are never repeated, nor is anything run again that
// would read a variable after its update.

import { checkpoint } from '../../engine/checkpoint.ts'
import { baseOf, type Graph, outputsOf, withInputs } from '../../engine/graph.ts'
import { assignedBy } from '../../engine/passes/fused.ts'
import { Node, type Tensor, type Variable } from '../../engine/tensor.ts'
import type { Around } from './program.ts'
import { Dice } from './world.ts'

/** Checkpoints around random parts of a program while it is played. */
export const randomBlocks = (seed: number): Around => {
  const dice = new Dice(seed)
  const inside = (play: (count: number) => number, depth: number): void => {
    for (let parts = 1 + dice.below(3); parts > 0; parts--) {
      if (depth < 3 && dice.below(2)) checkpoint(() => inside(play, depth + 1))
      else play(1 + dice.below(12))
    }
  }
  return (play) => inside(play, 0)
}

/** The pass of a seed. `repeated` is told every kernel that runs once more. */
export const randomCuts =
  (seed: number, repeated: (node: Node) => void = () => undefined) =>
  (graph: Graph): Graph => {
    const dice = new Dice(seed)
    const updated = updates(graph)
    const position = new Map(graph.nodes.map((n, i) => [n, i]))
    const now = new Map<Tensor, Tensor>()
    const nodes: Node[] = []
    const at = (t: Tensor) => now.get(t) ?? t

    /** `t` as a reader at position `end` gets it: as it is, or made anew. */
    const forReader = (t: Tensor, end: number, depth: number): Tensor => {
      const { node } = t
      if (depth > 3 || dice.below(3) || !mayRepeat(node, end)) return at(t)
      const inputs = node.inputs.map((x) => forReader(x, end, depth + 1))
      const clone = new Node(node.op, inputs, node.attrs, node.types, node)
      if (node.op.kind !== 'view') repeated(node)
      nodes.push(clone)
      return clone.output(t.index)
    }
    /** Whether a node can run again just before position `end`: whatever it reads is still there then. */
    const mayRepeat = (node: Node, end: number): boolean =>
      node.op.kind !== 'source' &&
      !writes(node) &&
      node.inputs.every((x) => current(baseOf(x), end)) &&
      (node.op.kind !== 'view' || mayRepeat(node.inputs[0].node, end))
    const current = (base: Tensor, end: number): boolean => {
      const variable = variableOf(base)
      const from = position.get(base.node)!
      return !(variable && updated.get(variable)?.some((p) => p > from && p <= end))
    }
    const writes = (node: Node) => node.types.some((_, i) => assignedBy(node, i))

    graph.nodes.forEach((node, end) => {
      const inputs =
        node.op.kind === 'view' ? node.inputs.map(at) : node.inputs.map((x) => forReader(x, end, 0))
      const next = withInputs(node, inputs)
      nodes.push(next)
      outputsOf(node).forEach((t, i) => {
        now.set(t, next.output(i))
      })
    })
    return { ...graph, nodes, outputs: graph.outputs.map(at), assigns: graph.assigns.map(at) }
  }

/** Where each variable is overwritten. */
function updates(graph: Graph): Map<Variable, number[]> {
  const at = new Map<Variable, number[]>()
  graph.nodes.forEach((node, p) => {
    node.types.forEach((_, i) => {
      const variable = assignedBy(node, i)?.attrs.variable as Variable | undefined
      if (variable) at.set(variable, [...(at.get(variable) ?? []), p])
    })
  })
  return at
}

const variableOf = (t: Tensor): Variable | undefined =>
  t.node.op.name === 'variable'
    ? (t.node.attrs.variable as Variable)
    : (assignedBy(t.node, t.index)?.attrs.variable as Variable | undefined)
