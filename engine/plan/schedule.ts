// In which order the kernels run. The order of writing is kept, except that whatever frees at least as much memory as
// it takes runs as soon as it can: an update of a weight, for one, right after its gradient, so that the gradients of
// a whole network are never alive at once. Updates come after every reader of the old value.

import { storageBytes } from '../dtype.ts'
import { baseOf, type Graph } from '../graph.ts'
import { assignedBy } from '../passes/fused.ts'
import type { Node, Tensor, Variable } from '../tensor.ts'

const known = new WeakMap<Graph, readonly Node[]>()

/** The kernels of the graph, in the order in which they run. */
export function schedule(graph: Graph): readonly Node[] {
  let kernels = known.get(graph)
  if (!kernels) {
    kernels = ordered(graph).filter(({ op }) => op.kind === 'structured' || op.kind === 'fused')
    known.set(graph, kernels)
  }
  return kernels
}

/** What is asked of a graph again and again while it is ordered; nodes and values go by number, nodes in the order of writing. */
interface Numbered {
  /** Values that each node reads, each once. */
  readonly reads: readonly (readonly number[])[]
  /** Nodes, views apart, that read each value. */
  readonly readers: readonly (readonly number[])[]
  /** Bytes that it frees for the next ones when its last reader has run. */
  readonly frees: readonly number[]
  /** Bytes that each node takes. */
  readonly takes: readonly number[]
  /** Nodes that must wait for each; one that waits twice stands there twice. */
  readonly after: readonly (readonly number[])[]
}

function ordered(graph: Graph): Node[] {
  const { nodes } = graph
  const { reads, readers, frees, takes, after } = numbered(graph)
  /** Nodes that each still waits for. */
  const missing = new Int32Array(nodes.length)
  for (const list of after) for (const next of list) missing[next]++
  const unread = Int32Array.from(readers, (list) => list.length)
  const done = new Uint8Array(nodes.length)
  const order: Node[] = []

  /** Runs a node, and gives those for which it makes a difference. */
  const run = (at: number): number[] => {
    done[at] = 1
    order.push(nodes[at])
    const touched: number[] = []
    const isView = nodes[at].op.kind === 'view'
    for (const value of reads[at]) {
      if (!isView) unread[value]--
      for (const reader of readers[value]) if (isReady(reader)) touched.push(reader)
    }
    for (const next of after[at]) if (--missing[next] === 0) touched.push(next)
    return touched
  }
  const isReady = (at: number) => missing[at] === 0 && !done[at]
  const growth = (at: number): number => {
    let bytes = takes[at]
    for (const value of reads[at]) if (unread[value] === 1) bytes -= frees[value]
    return bytes
  }

  // Sources cost nothing and must hold nothing up: an update reads its moments long after they could be had.
  for (const [at, { op }] of nodes.entries()) if (op.kind === 'source') run(at)
  for (const at of nodes.keys()) {
    // A node that is not ready yet waits for an update that later nodes hold up; its turn comes below.
    const stack = isReady(at) ? [at] : []
    while (stack.length) {
      const next = stack.pop()!
      if (!isReady(next)) continue
      const touched = run(next).filter((n) => growth(n) <= 0)
      stack.push(...touched.sort((a, b) => b - a))
    }
  }
  for (let at = 0; at < nodes.length; at++) {
    if (!isReady(at)) continue
    // What it holds up may come before it in the order of writing.
    at = Math.min(at, ...run(at)) - 1
  }
  if (order.length !== nodes.length) throw new Error('the graph has a cycle')
  return order
}

function numbered(graph: Graph): Numbered {
  const { nodes } = graph
  const position = new Map(nodes.map((node, at) => [node, at]))
  /** The number of the first result of each node; a view's is that of what it shows. */
  const first: number[] = []
  const pinned = new Set([...graph.outputs, ...graph.assigns].map(baseOf))
  const frees: number[] = []
  const takes: number[] = []
  const readers: number[][] = []
  const reads: number[][] = []
  const after = nodes.map((): number[] => [])
  const numberOf = ({ node, index }: Tensor) => first[position.get(node)!] + index
  for (const [at, node] of nodes.entries()) {
    const { op, inputs, types } = node
    const isView = op.kind === 'view'
    const own: number[] = []
    for (const x of inputs) {
      const from = position.get(x.node)!
      const value = first[from] + x.index
      // Who reads a value twice stands at the end of these lists already.
      if (isView ? !own.includes(value) : readers[value].at(-1) !== at) {
        own.push(value)
        if (!isView) readers[value].push(at)
      }
      if (after[from].at(-1) !== at) after[from].push(at)
    }
    reads.push(own)
    takes.push(0)
    first.push(isView ? numberOf(inputs[0]) : frees.length)
    if (isView) continue
    for (const [i, type] of types.entries()) {
      const bytes = op.kind === 'source' ? 0 : storageBytes(type)
      frees.push(pinned.has(node.output(i)) ? 0 : bytes)
      readers.push([])
      if (!assignedBy(node, i)) takes[at] += bytes
    }
  }
  // An update comes after all that reads what it overwrites.
  const current = new Map<Variable, Tensor>()
  for (const node of nodes)
    if (node.op.name === 'variable') current.set(node.attrs.variable as Variable, node.output())
  for (const next of graph.assigns) {
    const step = assignedBy(next.node, next.index)
    if (!step) continue
    const variable = step.attrs.variable as Variable
    const old = current.get(variable)
    current.set(variable, next)
    if (!old) continue
    const update = position.get(next.node)!
    for (const at of new Set([position.get(old.node)!, ...readers[numberOf(old)]]))
      if (at !== update) after[at].push(update)
  }
  return { reads, readers, frees, takes, after }
}
