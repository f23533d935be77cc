// Fusion's first rule: which pointwise ops are computed inside the kernels that read them.

import { sameShape, sizeOf } from '../dtype.ts'
import { type Graph, usersOf } from '../graph.ts'
import type { Op } from '../op.ts'
import type { Node, Tensor } from '../tensor.ts'
import type { Versions } from '../versions.ts'
import { loads, MOST_FLOPS, mayLoad } from './fuse-load.ts'

export interface FuseOptions {
  /** Storage buffers that one kernel may bind. */
  readonly maxBuffers: number
  /** Whether convolutions work on what they read; default: they do not. */
  readonly onLoad?: boolean
}

/** Ops that exist to put a value in memory. */
const mustStore: ReadonlySet<string> = new Set(['assign', 'copy'])

export const acceptsInlining = (op: Op) =>
  op.kind === 'pointwise' || (op.kind === 'structured' && op.prologue)

/** Tensors that are computed inside their readers, by reader. */
export type Inlined = (reader: Node, x: Tensor) => boolean

export function chooseInlined(
  graph: Graph,
  versions: Versions,
  { maxBuffers, onLoad }: FuseOptions,
): Inlined {
  const users = usersOf(graph)
  const roots = new Set([...graph.outputs, ...graph.assigns].map((t) => t.node))
  const everywhere = new Set<Node>()
  const inlined: Inlined = (reader, x) =>
    acceptsInlining(reader.op)
      ? x.node.op.name === 'scalar' || everywhere.has(x.node)
      : everywhere.has(x.node) && loads(reader, x)
  for (const node of graph.nodes) {
    if (acceptsInlining(node.op) || node.inputs.some((x) => loads(node, x)))
      limitBuffers(node, everywhere, inlined, maxBuffers)
    if (node.op.kind !== 'pointwise' || roots.has(node) || mustStore.has(node.op.name)) continue
    const readers = users.get(node.output()) ?? []
    const onWayIn = readers.some((r) => !acceptsInlining(r.op))
    if (onWayIn && !onLoad) continue
    if (!readers.every((r) => mayEnter(node, r, inlined))) continue
    const read = [...leavesOf(node, inlined)]
    if (readers.some((r) => read.some((x) => versions.overwritten(x, r)))) continue
    const n = readers.length
    // Vectors and scalars beside a map are no traffic.
    const leaves = read.filter((x) => 8 * sizeOf(x.shape) > sizeOf(node.types[0].shape)).length
    const free = node.op.name === 'broadcastTo' || leaves === 0
    // Where it can ride on a kernel's own store, storing it costs nothing more.
    if ((n > 1 || onWayIn) && read.some((x) => couldRide(x, node, users))) continue
    if (onWayIn && flopsInside(node, inlined) > MOST_FLOPS) continue
    if (
      n === 1 ||
      free ||
      (n * leaves <= leaves + 1 + n && flopsInside(node, inlined) <= MOST_FLOPS)
    )
      everywhere.add(node)
  }
  return inlined
}

const couldRide = (x: Tensor, node: Node, users: ReadonlyMap<Tensor, readonly Node[]>) =>
  x.node.op.kind === 'structured' &&
  x.node.op.tail &&
  sameShape(x.shape, node.types[0].shape) &&
  users.get(x)?.length === 1

/** Whether `reader` can compute `node` where it would read it. */
function mayEnter(node: Node, reader: Node, inlined: Inlined): boolean {
  const { shape } = node.types[0]
  if (!acceptsInlining(reader.op)) {
    const others = [...leavesOf(reader, inlined)].filter((x) => x.node !== node)
    const leaves = [...leavesOf(node, inlined)]
    return !usesIndex(node, inlined) && mayLoad(reader, node.output(), leaves, others)
  }
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
export function leavesOf(node: Node, inlined: Inlined, into: Set<Tensor> = new Set()): Set<Tensor> {
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
