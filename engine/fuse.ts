// Fusion: fewer passes over memory. Three rules, each a question that can be asked of the graph:
//
//   inline   may this pointwise op be computed inside the kernels that read it?  Yes when one kernel reads it, or
//            when reading its inputs again costs no more memory traffic than storing it would. (The second is the free
//            kind of recomputation: the stored value disappears.) Sums accept such producers too.
//   tail     may the pointwise kernel that reads a convolution's output ride on the convolution's own store?
//   together may two small kernels, or assignments, that read from the same source be one kernel? (An optimiser's
//            moments and weights; the vectors of a batch normalisation.)

import { sameShape, sizeOf } from './dtype.ts'
import { type Body, bodyFrom, fusedNode } from './fused.ts'
import { baseOf, type Graph, outputsOf, rewrite, usersOf, withInputs } from './graph.ts'
import type { Op } from './op.ts'
import type { Node, Tensor } from './tensor.ts'

export interface FuseOptions {
  /** Storage buffers that one kernel may bind. */
  readonly maxBuffers: number
}

/** Every pointwise node of the result is part of a fused node. */
export function fuse(graph: Graph, { maxBuffers }: FuseOptions): Graph {
  const versions = new Versions(graph)
  const inlined = chooseInlined(graph, versions, maxBuffers)
  const kernels = buildKernels(graph, versions, inlined, maxBuffers)
  return assemble(graph, kernels)
}

/** Which version of a variable follows which. Fusion moves work to a later place; a read of an old version must not
 * be moved past the update. */
class Versions {
  readonly position: ReadonlyMap<Node, number>
  /** The version that an assignment replaces, by the new one. */
  readonly before = new Map<Tensor, Tensor>()
  readonly #after = new Map<Tensor, Tensor>()
  constructor(graph: Graph) {
    this.position = new Map(graph.nodes.map((n, i) => [n, i]))
    const current = new Map<unknown, Tensor>()
    for (const node of graph.nodes) {
      if (node.op.name !== 'variable' && node.op.name !== 'assign') continue
      const old = current.get(node.attrs.variable)
      if (old) {
        this.before.set(node.output(), old)
        this.#after.set(old, node.output())
      }
      current.set(node.attrs.variable, node.output())
    }
  }

  /** Whether `x` is a version whose update, other than the updates in `parts`, stands before `at`. */
  readonly overwritten = (x: Tensor, at: Node, parts: readonly Tensor[] = []): boolean => {
    const update = this.#after.get(baseOf(x))
    if (!update || parts.includes(update)) return false
    return this.position.get(update.node)! < this.position.get(at)!
  }
}

/** Every pointwise node as a kernel of its own; for the NaN watch, which must see each value. */
export function fuseNothing(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    const next = withInputs(node, inputs)
    if (node.op.kind !== 'pointwise') return outputsOf(next)
    const { body, inputs: leaves } = bodyFrom([next.output()], (x) => inputs.includes(x))
    return outputsOf(fusedNode(body, leaves, node))
  })
}

/** Ops that exist to put a value in memory. */
const mustStore: ReadonlySet<string> = new Set(['assign', 'copy'])

const acceptsInlining = (op: Op) =>
  op.kind === 'pointwise' || (op.kind === 'structured' && op.prologue)

/** Tensors that are computed inside their readers, by reader. */
type Inlined = (reader: Node, x: Tensor) => boolean

function chooseInlined(graph: Graph, versions: Versions, maxBuffers: number): Inlined {
  const users = usersOf(graph)
  const roots = new Set([...graph.outputs, ...graph.assigns].map((t) => t.node))
  const everywhere = new Set<Node>()
  const inlined: Inlined = (reader, x) =>
    acceptsInlining(reader.op) && (x.node.op.name === 'scalar' || everywhere.has(x.node))
  for (const node of graph.nodes) {
    if (acceptsInlining(node.op)) limitBuffers(node, everywhere, inlined, maxBuffers)
    if (node.op.kind !== 'pointwise' || roots.has(node) || mustStore.has(node.op.name)) continue
    const readers = users.get(node.output()) ?? []
    if (!readers.every((r) => mayEnter(node, r, inlined))) continue
    const read = [...leavesOf(node, inlined)]
    if (readers.some((r) => read.some((x) => versions.overwritten(x, r)))) continue
    const n = readers.length
    const leaves = read.length
    const free = node.op.name === 'broadcastTo' || leaves === 0
    if (n === 1 || free || (n * leaves <= leaves + 1 + n && flopsInside(node, inlined) <= 24))
      everywhere.add(node)
  }
  return inlined
}

/** Whether `reader` can compute `node` where it would read it. */
function mayEnter(node: Node, reader: Node, inlined: Inlined): boolean {
  const { shape } = node.types[0]
  if (!acceptsInlining(reader.op)) return false
  if (reader.op.kind === 'pointwise') return sameShape(reader.types[0].shape, shape)
  // A reduction loads elements in its own order: no element indices, and only these three ways to broadcast.
  const { first, count } = reader.attrs as { first: number; count: number }
  const inner = sizeOf(shape.slice(first + count))
  const simple = (x: Tensor) =>
    sameShape(x.shape, shape) ||
    sizeOf(x.shape) === 1 ||
    (sizeOf(x.shape) === inner && sizeOf(x.shape.slice(-(shape.length - first - count))) === inner)
  return (
    sameShape(reader.inputs[0].shape, shape) &&
    !usesIndex(node, inlined) &&
    [...leavesOf(node, inlined)].every(simple)
  )
}

const usesIndex = (node: Node, inlined: Inlined): boolean =>
  (node.op.kind === 'pointwise' && node.op.indexed) ||
  node.inputs.some((x) => inlined(node, x) && usesIndex(x.node, inlined))

/** A kernel may bind only so many buffers: inputs with most leaves are stored after all until it fits. */
function limitBuffers(
  node: Node,
  everywhere: Set<Node>,
  inlined: Inlined,
  maxBuffers: number,
): void {
  while (leavesOf(node, inlined).size + node.types.length > maxBuffers) {
    const parts = node.inputs.filter((x) => everywhere.has(x.node))
    if (!parts.length) return
    parts.sort((a, b) => leavesOf(b.node, inlined).size - leavesOf(a.node, inlined).size)
    everywhere.delete(parts[0].node)
  }
}

/** What a kernel that ends in `node` reads from memory. */
function leavesOf(node: Node, inlined: Inlined, into: Set<Tensor> = new Set()): Set<Tensor> {
  for (const x of node.inputs) {
    if (inlined(node, x)) leavesOf(x.node, inlined, into)
    else into.add(x)
  }
  return into
}

function flopsInside(node: Node, inlined: Inlined): number {
  const own = node.op.cost(node.inputs, node.types, node.attrs).flops / sizeOf(node.types[0].shape)
  return node.inputs.reduce(
    (n, x) => n + (inlined(node, x) ? flopsInside(x.node, inlined) : 0),
    own,
  )
}

interface Kernel {
  /** Nodes that it stands for; the outputs of the last pointwise ones are its results. */
  readonly results: Tensor[]
  readonly inputs: Tensor[]
  readonly body: Body
  /** Where in the order it stands. */
  readonly at: Node
  /** Whose name it bears. */
  readonly like: Node
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
    for (const x of leavesOf(node, inlined)) readBy.set(x, [...(readBy.get(x) ?? []), node])
  }
  const stored = storedNodes(graph, inlined)
  for (const node of graph.nodes) {
    if (node.op.kind === 'pointwise' ? !stored.has(node) : false) continue
    note(node)
    if (!acceptsInlining(node.op)) continue
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

// A tensor may be a leaf for one reader and computed inside for another only if it is a scalar, and scalars are
// computed inside wherever a pointwise op reads them: so the test needs no reader beyond "any inside this kernel".
const leafTest = (node: Node, inlined: Inlined) => {
  const leaves = leavesOf(node, inlined)
  return (x: Tensor) => leaves.has(x)
}

/** Pointwise nodes whose value some kernel, view or result needs in memory. */
function storedNodes(graph: Graph, inlined: Inlined): Set<Node> {
  const stored = new Set<Node>([...graph.outputs, ...graph.assigns].map((t) => t.node))
  for (const node of graph.nodes)
    for (const x of node.inputs) if (!inlined(node, x)) stored.add(x.node)
  return stored
}

/** Largest kernels, in elements, that are joined for the sake of one dispatch less; assignments always are. */
const smallKernel = 16384

/** Makes one kernel of neighbours of one shape that read from the same source, when nobody reads the first before the
 * second has run. The joined kernel stands where the second stood. */
function joinNeighbours(
  graph: Graph,
  { position, before, overwritten }: Versions,
  kernels: Map<Node, Kernel>,
  readBy: ReadonlyMap<Tensor, readonly Node[]>,
  inlined: Inlined,
  maxBuffers: number,
): void {
  const returned = new Set(graph.outputs)
  const open = new Map<Node, Kernel>()
  const readBefore = (t: Tensor, end: Kernel) =>
    (readBy.get(t) ?? []).some(
      (r) => position.get(r)! < position.get(end.at)! && !end.results.some((x) => x.node === r),
    )
  const readAfter = (t: Tensor | undefined, end: Kernel) =>
    t !== undefined && (readBy.get(t) ?? []).some((r) => position.get(r)! > position.get(end.at)!)
  // What reads an old version must stay before the update, unless it is part of it.
  const overtakes = (first: Kernel, second: Kernel) =>
    first.inputs.some((x) => overwritten(x, second.at, [...first.results, ...second.results]))
  const mayJoin = (first: Kernel, second: Kernel) =>
    !overtakes(first, second) &&
    sameShape(first.results[0].shape, second.results[0].shape) &&
    first.results.every(
      (t) =>
        !returned.has(t) &&
        (t.node.op.name === 'assign' || sizeOf(t.shape) <= smallKernel) &&
        !readBefore(t, second) &&
        // An old version that is read later still must be read before its update, which may not wait for that.
        !readAfter(before.get(t), second),
    )
  for (const node of graph.nodes) {
    let kernel = kernels.get(node)
    if (!kernel || kernel.at !== node || kernel.body.root >= 0) continue
    for (const x of kernel.inputs) {
      const first = open.get(x.node)
      if (!first || first === kernel || !mayJoin(first, kernel)) continue
      const joined = joinTwo(first, kernel, inlined, maxBuffers)
      if (!joined) continue
      kernel = joined
      for (const r of joined.results) kernels.set(r.node, joined)
      for (const [key, k] of open) if (k === first) open.delete(key)
    }
    for (const x of kernel.inputs) open.set(x.node, kernel)
    for (const t of kernel.results) open.set(t.node, kernel)
  }
}

function joinTwo(a: Kernel, b: Kernel, inlined: Inlined, maxBuffers: number): Kernel | undefined {
  const results = [...a.results, ...b.results]
  const tests = results.map((r) => leafTest(r.node, inlined))
  // What one part gives the other is handed over in registers.
  const isLeaf = (x: Tensor) => !results.includes(x) && tests.some((test) => test(x))
  const { body, inputs } = bodyFrom(results, isLeaf)
  const written = results.flatMap((r) =>
    r.node.op.name === 'assign' ? [r.node.attrs.variable] : [],
  )
  if (new Set(written).size < written.length) return undefined
  const inPlace = written.filter((v) => inputs.some((x) => x.node.attrs.variable === v)).length
  if (inputs.length + results.length - inPlace > maxBuffers) return undefined
  return { results, body, inputs, at: b.at, like: b.like }
}

function addTails(
  graph: Graph,
  versions: Versions,
  kernels: Map<Node, Kernel>,
  readBy: ReadonlyMap<Tensor, readonly Node[]>,
  maxBuffers: number,
): void {
  const roots = new Set([...graph.outputs, ...graph.assigns])
  for (const node of [...graph.nodes].reverse()) {
    if (node.op.kind !== 'structured' || !node.op.tail) continue
    const y = node.output()
    const readers = readBy.get(y) ?? []
    const kernel = readers.length === 1 ? kernels.get(readers[0]) : undefined
    if (!kernel || roots.has(y) || !mayRide(node, kernel, maxBuffers)) continue
    if (node.inputs.some((x) => versions.overwritten(x, kernel.at))) continue
    const isLeaf = (x: Tensor) => x !== y && (kernel.inputs.includes(x) || node.inputs.includes(x))
    const joined = {
      ...bodyFrom(kernel.results, isLeaf, node),
      results: kernel.results,
      at: kernel.at,
      like: node,
    }
    kernels.set(kernel.at, joined)
    kernels.set(node, joined)
  }
}

function mayRide(node: Node, kernel: Kernel, maxBuffers: number): boolean {
  const y = node.output()
  if (kernel.body.root >= 0 || kernel.results.length !== 1) return false
  const [result] = kernel.results
  if (!sameShape(result.shape, y.shape) || result.dtype !== 'f32') return false
  if (
    kernel.body.steps.some(
      (s) => s.op.name === 'assign' || (s.op.kind === 'pointwise' && s.op.indexed),
    )
  )
    return false
  const operands = kernel.inputs.filter((x) => x !== y)
  if (node.inputs.length + operands.length + 1 > maxBuffers) return false
  const own = new Set(node.inputs.map(baseOf))
  return operands.every((x) => !own.has(baseOf(x)) && tailMode(x, y) !== undefined)
}

/** How a tail addresses an operand against the kernel's own output, or undefined when it cannot. */
export function tailMode(x: Tensor, y: Tensor): 'same' | 'channel' | 'scalar' | undefined {
  const channels = y.shape[y.shape.length - 1]
  if (sameShape(x.shape, y.shape)) return 'same'
  if (sizeOf(x.shape) === 1) return 'scalar'
  return sizeOf(x.shape) === channels && x.shape[x.shape.length - 1] === channels
    ? 'channel'
    : undefined
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
