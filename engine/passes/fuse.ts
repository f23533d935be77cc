// Fusion: fewer passes over memory. Three rules, each a question that can be asked of the graph:
//
//   inline   may this pointwise op be computed inside the kernels that read it?  Yes when one kernel reads it, or
//            when reading its inputs again costs no more memory traffic than storing it would. (The second is the free
//            kind of recomputation: the stored value disappears.) Sums accept such producers too, and on GPUs convolutions
//            (fuse-load.ts).
//   tail     may the pointwise kernel that reads a convolution's output ride on the convolution's own store?
//   together may two small kernels, or assignments, that read from the same source be one kernel? (An optimiser's
//            moments and weights; the vectors of a batch normalisation.)

import { type Graph, outputsOf, rewrite, withInputs } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import { Versions } from '../versions.ts'
import { chooseInlined, type FuseOptions, type Inlined, leavesOf } from './fuse-inline.ts'
import { addTails, joinNeighbours, type Kernel, leafTest } from './fuse-join.ts'
import { bodyFrom, fusedNode } from './fused.ts'

/** Every pointwise node of the result is part of a fused node. */
export function fuse(graph: Graph, options: FuseOptions): Graph {
  const versions = new Versions(graph)
  const inlined = chooseInlined(graph, versions, options)
  const kernels = buildKernels(graph, versions, inlined, options.maxBuffers)
  return assemble(graph, kernels)
}

/** Every pointwise node as a kernel of its own: what fusion is compared with. */
export function fuseNothing(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    const next = withInputs(node, inputs)
    if (node.op.kind !== 'pointwise') return outputsOf(next)
    const { body, inputs: leaves } = bodyFrom([next.output()], (x) => inputs.includes(x))
    return outputsOf(fusedNode(body, leaves, node))
  })
}

function buildKernels(
  graph: Graph,
  versions: Versions,
  inlined: Inlined,
  maxBuffers: number,
): Map<Node, Kernel> {
  const kernels = new Map<Node, Kernel>()
  const readBy = new Map<Tensor, Node[]>()
  const note = (node: Node) => {
    for (const x of leavesOf(node, inlined)) {
      const readers = readBy.get(x)
      if (readers) readers.push(node)
      else readBy.set(x, [node])
    }
  }
  const stored = storedNodes(graph, inlined)
  for (const node of graph.nodes) {
    if (node.op.kind === 'pointwise' ? !stored.has(node) : false) continue
    note(node)
    if (node.op.kind !== 'pointwise' && node.op.kind !== 'structured') continue
    const leaves = leavesOf(node, inlined)
    const structured = node.op.kind === 'structured'
    if (structured && node.inputs.every((x) => leaves.has(x))) continue
    const isLeaf = leafTest(node, inlined)
    kernels.set(node, {
      ...bodyFrom(outputsOf(node), isLeaf, structured ? node : undefined),
      results: outputsOf(node),
      at: node,
      like: node,
    })
  }
  joinNeighbours(graph, versions, kernels, readBy, inlined, maxBuffers)
  addTails(graph, versions, kernels, readBy, maxBuffers)
  return kernels
}

/** Pointwise nodes whose value some kernel, view or result needs in memory. */
function storedNodes(graph: Graph, inlined: Inlined): Set<Node> {
  const stored = new Set<Node>([...graph.outputs, ...graph.assigns].map((t) => t.node))
  for (const node of graph.nodes)
    for (const x of node.inputs) if (!inlined(node, x)) stored.add(x.node)
  return stored
}

function assemble(graph: Graph, kernels: ReadonlyMap<Node, Kernel>): Graph {
  const built = new Map<Kernel, Node>()
  const now = new Map<Tensor, Tensor>()
  const at = (t: Tensor) => now.get(t) ?? t
  // A kernel is built when its last node is reached; until then its tensors stand for themselves.
  const make = (kernel: Kernel): Node => {
    let node = built.get(kernel)
    if (!node) {
      node = fusedNode(kernel.body, kernel.inputs.map(at), kernel.like)
      built.set(kernel, node)
    }
    return node
  }
  const order: Node[] = []
  const placed = new Set<Node>()
  const place = (node: Node) => {
    if (placed.has(node)) return
    placed.add(node)
    order.push(node)
  }
  for (const node of graph.nodes) {
    const kernel = kernels.get(node)
    if (kernel) {
      if (node !== kernel.at) continue
      const fused = make(kernel)
      place(fused)
      kernel.results.forEach((r, i) => {
        now.set(r, fused.output(i))
      })
    } else if (node.op.kind !== 'pointwise') {
      const next = withInputs(node, node.inputs.map(at))
      place(next)
      node.types.forEach((_, i) => {
        now.set(node.output(i), next.output(i))
      })
    }
  }
  return {
    inputs: graph.inputs,
    nodes: order,
    outputs: graph.outputs.map(at),
    assigns: graph.assigns.map(at),
  }
}
