// Fusion's other rules: kernels that become one kernel, because a pointwise one rides on a convolution's store, or
// because small ones read from the same source.

import { sameShape, sizeOf } from '../dtype.ts'
import { baseOf, type Graph } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import type { Versions } from '../versions.ts'
import { type Inlined, leavesOf } from './fuse-inline.ts'
import { type Body, bodyFrom } from './fused.ts'

/** A kernel in the making. */
export interface Kernel {
  /** Nodes that it stands for; the outputs of the last pointwise ones are its results. */
  readonly results: Tensor[]
  readonly inputs: Tensor[]
  readonly body: Body
  /** Where in the order it stands. */
  readonly at: Node
  /** Whose name it bears. */
  readonly like: Node
}

// A tensor may be a leaf for one reader and computed inside for another only if it is a scalar, and scalars are
// computed inside wherever a pointwise op reads them: so the test needs no reader beyond "any inside this kernel".
export const leafTest = (node: Node, inlined: Inlined) => {
  const leaves = leavesOf(node, inlined)
  return (x: Tensor) => leaves.has(x)
}

/** Largest kernels, in elements, that are joined for the sake of one dispatch less; assignments always are. */
const smallKernel = 16384

/** Makes one kernel of neighbours of one shape that read from the same source, when nobody reads the first before the
 * second has run. The joined kernel stands where the second stood. */
export function joinNeighbours(
  graph: Graph,
  { position, before, overwritten }: Versions,
  kernels: Map<Node, Kernel>,
  readBy: ReadonlyMap<Tensor, readonly Node[]>,
  inlined: Inlined,
  maxBuffers: number,
): void {
  const returned = new Set(graph.outputs)
  const open = new Map<Node, Kernel>()
  const readBefore = (t: Tensor, first: Kernel, end: Kernel) => {
    const parts = [...first.results, ...end.results].map(({ node }) => node)
    return (readBy.get(t) ?? []).some(
      (r) => position.get(r)! < position.get(end.at)! && !parts.includes(r),
    )
  }
  const readAfter = (t: Tensor | undefined, end: Kernel) =>
    t !== undefined && (readBy.get(t) ?? []).some((r) => position.get(r)! > position.get(end.at)!)
  // What reads an old version must stay before the update, unless it is part of it.
  const overtakes = (first: Kernel, second: Kernel) =>
    first.inputs.some((x) => overwritten(x, second.at, [...first.results, ...second.results]))
  const mayJoin = (first: Kernel, second: Kernel) =>
    !overtakes(first, second) &&
    second.results.every((t) => !readAfter(before.get(t), second)) &&
    sameShape(first.results[0].shape, second.results[0].shape) &&
    first.results.every(
      (t) =>
        !returned.has(t) &&
        (t.node.op.name === 'assign' || sizeOf(t.shape) <= smallKernel) &&
        !readBefore(t, first, second) &&
        // An old version that is read later still must be read before its update, which may not wait for that.
        !readAfter(before.get(t), second) &&
        // Nor may an update wait for the next update of the same variable.
        !overwritten(t, second.at, second.results),
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
    // A scalar, such as the learning rate, is read by everything and makes no neighbours.
    for (const x of kernel.inputs) if (sizeOf(x.shape) > 1) open.set(x.node, kernel)
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

export function addTails(
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
    // With work on the way in it reads other tensors than its inputs.
    const own = kernels.get(node)?.inputs ?? node.inputs
    if (!kernel || roots.has(y) || !mayRide(node, own, kernel, maxBuffers)) continue
    if (own.some((x) => versions.overwritten(x, kernel.at))) continue
    const isLeaf = (x: Tensor) => x !== y && (kernel.inputs.includes(x) || own.includes(x))
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

function mayRide(
  node: Node,
  inputs: readonly Tensor[],
  kernel: Kernel,
  maxBuffers: number,
): boolean {
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
  if (inputs.length + operands.length + 1 > maxBuffers) return false
  const own = new Set(inputs.map(baseOf))
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
