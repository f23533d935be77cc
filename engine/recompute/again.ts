// Recomputation: kernels of the forward pass that run once more, right before the backward pass reads what they make, so that
// it need not wait in memory. The same kernel on the same numbers gives the same bits; nothing else of the graph changes.

import { baseOf, type Graph, withInputs } from '../graph.ts'
import { assignedBy } from '../passes/fused.ts'
import { Node, type Tensor, type Variable } from '../tensor.ts'

/** What recomputation must know of a graph. */
export interface Passes {
  /** The backward pass and what follows it: derivatives, and all that depends on one, such as updates. */
  readonly late: ReadonlySet<Node>
  /** Results of forward kernels, in order, that the backward pass reads: what waits in memory in between. What the program
   * returns is not among them, since it stays in any case. */
  readonly waiting: ReadonlySet<Tensor>
  /** What the program returns. */
  readonly returned: ReadonlySet<Tensor>
  /** Whether a kernel of the forward pass may run again in the backward pass: it updates no variable, and reads none that the
   * forward pass updates. */
  repeatable(node: Node): boolean
}

export function passesOf(graph: Graph): Passes {
  const late = new Set<Node>()
  for (const node of graph.nodes)
    if (node.source || node.inputs.some((x) => late.has(x.node))) late.add(node)
  const returned = new Set(graph.outputs.map(baseOf))
  const read = new Set<Tensor>()
  for (const node of late)
    for (const x of node.inputs) {
      const base = baseOf(x)
      if (!late.has(base.node) && base.node.op.kind !== 'source' && !returned.has(base))
        read.add(base)
    }
  const waiting = new Set<Tensor>()
  for (const node of graph.nodes)
    node.types.forEach((_, i) => {
      if (read.has(node.output(i))) waiting.add(node.output(i))
    })
  const past = overwritten(graph, late)
  return {
    late,
    waiting,
    returned,
    repeatable: (node) =>
      node.op.kind !== 'source' &&
      !node.types.some((_, i) => assignedBy(node, i)) &&
      !node.inputs.some((x) => past.has(baseOf(x))),
  }
}

/** Versions of variables that are gone before the backward pass begins. */
function overwritten(graph: Graph, late: ReadonlySet<Node>): Set<Tensor> {
  const past = new Set<Tensor>()
  const current = new Map<Variable, Tensor>()
  for (const node of graph.nodes)
    if (node.op.name === 'variable') current.set(node.attrs.variable as Variable, node.output())
  for (const next of graph.assigns) {
    const variable = assignedBy(next.node, next.index)?.attrs.variable as Variable | undefined
    if (!variable) continue
    const old = current.get(variable)
    if (old && !late.has(next.node)) past.add(old)
    current.set(variable, next)
  }
  return past
}

/** The graph in which the backward pass reads none of the results in `dropped` but those of kernels that run again, each once,
 * before the first that needs it. What these read is not dropped, or made again too. */
export function runAgain(
  graph: Graph,
  dropped: ReadonlySet<Tensor>,
  { late }: Passes = passesOf(graph),
): Graph {
  const nodes: Node[] = []
  /** What stands for a node in the backward pass. */
  const now = new Map<Node, Node>()
  const later = (x: Tensor): Tensor => {
    const { node, index } = x
    if (late.has(node)) return now.get(node)!.output(index)
    if (node.op.kind === 'source' || (node.op.kind !== 'view' && !dropped.has(x))) return x
    let again = now.get(node)
    if (!again) {
      const inputs = node.inputs.map(later)
      again = node.op.kind === 'view' ? withInputs(node, inputs) : repeated(node, inputs)
      now.set(node, again)
      if (again !== node) nodes.push(again)
    }
    return again.output(index)
  }
  for (const node of graph.nodes) {
    if (late.has(node)) now.set(node, withInputs(node, node.inputs.map(later)))
    nodes.push(late.has(node) ? now.get(node)! : node)
  }
  const final = (t: Tensor) => (late.has(t.node) ? later(t) : t)
  const outputs = graph.outputs.map(final)
  const assigns = graph.assigns.map(final)
  // What only the backward pass read is now made there alone.
  const needed = new Set([...outputs, ...assigns].map((t) => t.node))
  for (const node of needed) for (const x of node.inputs) needed.add(x.node)
  return { ...graph, nodes: nodes.filter((node) => needed.has(node)), outputs, assigns }
}

const originals = new WeakMap<Node, Node>()

/** What a kernel that runs again repeats; undefined for all others. */
export const originalOf = (node: Node): Node | undefined => originals.get(node)

function repeated(node: Node, inputs: readonly Tensor[]): Node {
  const { op, attrs, types, path, block, origin = node } = node
  const again = new Node(op, inputs, attrs, types, { path, origin, ...(block && { block }) })
  originals.set(again, originals.get(node) ?? node)
  return again
}
