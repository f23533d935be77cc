// In which order the kernels run. The order of writing is kept, except that whatever frees at least as much memory as
// it takes runs as soon as it can: an update of a weight, for one, right after its gradient, so that the gradients of
// a whole network are never alive at once. Updates come after every reader of the old value.

import { storageBytes } from './dtype.ts'
import { assignedBy } from './fused.ts'
import { baseOf, type Graph } from './graph.ts'
import type { Node, Tensor, Variable } from './tensor.ts'

const known = new WeakMap<Graph, readonly Node[]>()

/** The nodes of the graph, in the order in which its kernels run. */
export function schedule(graph: Graph): readonly Node[] {
  const order = known.get(graph) ?? ordered(graph)
  known.set(graph, order)
  return order
}

function ordered(graph: Graph): Node[] {
  const edges = dependencies(graph)
  const position = new Map(graph.nodes.map((n, i) => [n, i]))
  const waiting = new Map(graph.nodes.map((n) => [n, edges.before.get(n)?.size ?? 0]))
  const uses = remainingUses(graph)
  const pinned = new Set([...graph.outputs, ...graph.assigns].map(baseOf))
  const ready = new Set(graph.nodes.filter((n) => waiting.get(n) === 0))
  const order = new Set<Node>()

  const run = (node: Node): Node[] => {
    ready.delete(node)
    order.add(node)
    const touched: Node[] = []
    for (const base of basesOf(node)) {
      uses.get(base)?.delete(node)
      touched.push(...(uses.get(base) ?? []))
    }
    for (const next of edges.after.get(node) ?? []) {
      const left = waiting.get(next)! - 1
      waiting.set(next, left)
      if (left === 0) {
        ready.add(next)
        touched.push(next)
      }
    }
    return touched
  }
  const growth = (node: Node): number => {
    let bytes = 0
    if (node.op.kind !== 'view' && node.op.kind !== 'source')
      node.types.forEach((t, i) => {
        if (!assignedBy(node, i)) bytes += storageBytes(t)
      })
    for (const base of basesOf(node)) {
      const last = uses.get(base)?.size === 1 && !pinned.has(base) && base.node.op.kind !== 'source'
      if (last) bytes -= storageBytes(base)
    }
    return bytes
  }

  // Sources cost nothing and must hold nothing up: an update reads its moments long after they could be had.
  for (const node of graph.nodes) if (node.op.kind === 'source') run(node)
  for (const node of graph.nodes) {
    // A node that is not ready yet waits for an update that later nodes hold up; its turn comes below.
    const stack = ready.has(node) ? [node] : []
    while (stack.length) {
      const next = stack.pop()!
      if (!ready.has(next)) continue
      const touched = run(next).filter((n) => ready.has(n) && growth(n) <= 0)
      touched.sort((a, b) => position.get(b)! - position.get(a)!)
      stack.push(...touched)
    }
  }
  while (ready.size) {
    const next = [...ready].reduce((a, b) => (position.get(a)! < position.get(b)! ? a : b))
    run(next)
  }
  if (order.size !== graph.nodes.length) throw new Error('the graph has a cycle')
  return [...order]
}

const basesOf = (node: Node): Set<Tensor> => new Set(node.inputs.map(baseOf))

function remainingUses(graph: Graph): Map<Tensor, Set<Node>> {
  const uses = new Map<Tensor, Set<Node>>()
  for (const node of graph.nodes) {
    if (node.op.kind === 'view') continue
    for (const base of basesOf(node)) {
      const set = uses.get(base)
      if (set) set.add(node)
      else uses.set(base, new Set([node]))
    }
  }
  return uses
}

function dependencies(graph: Graph): { before: Map<Node, Set<Node>>; after: Map<Node, Set<Node>> } {
  const before = new Map<Node, Set<Node>>()
  const after = new Map<Node, Set<Node>>()
  const edge = (from: Node, to: Node) => {
    if (from === to) return
    if (!before.has(to)) before.set(to, new Set())
    if (!after.has(from)) after.set(from, new Set())
    before.get(to)!.add(from)
    after.get(from)!.add(to)
  }
  for (const node of graph.nodes) for (const x of node.inputs) edge(x.node, node)
  const readers = new Map<Tensor, Node[]>()
  for (const node of graph.nodes)
    for (const base of basesOf(node)) {
      const list = readers.get(base)
      if (list) list.push(node)
      else readers.set(base, [node])
    }
  const current = new Map<Variable, Tensor>()
  for (const node of graph.nodes)
    if (node.op.name === 'variable') current.set(node.attrs.variable as Variable, node.output())
  for (const next of graph.assigns) {
    const step = assignedBy(next.node, next.index)
    if (!step) continue
    const variable = step.attrs.variable as Variable
    const old = current.get(variable)
    current.set(variable, next)
    if (!old) continue
    edge(old.node, next.node)
    for (const r of readers.get(old) ?? []) edge(r, next.node)
  }
  return { before, after }
}
