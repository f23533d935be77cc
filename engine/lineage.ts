// What became of each node on its way to a kernel, read off the stages themselves: every node that a pass makes names the one
// that was written, and so does each step of a fused kernel.

import type { Graph } from './graph.ts'
import type { Attrs } from './op.ts'
import { bodyOf, jointOf } from './passes/fused.ts'
import { originalOf } from './recompute/again.ts'
import type { Node } from './tensor.ts'

/** The nodes, as they were written, whose work a node of any stage does. Of what a pass has added, such as a copy, it is the node
 * itself. */
export function originsOf(node: Node): readonly Node[] {
  const inside =
    node.op.kind === 'fused' ? bodyOf(node).steps.flatMap(({ origin }) => origin ?? []) : []
  return inside.length ? [...new Set(inside)] : [node.origin ?? node]
}

/** Which nodes of a graph do the work of each written one: several where it is computed in several kernels. */
export function holdersOf(graph: Graph): Map<Node, Node[]> {
  const holders = new Map<Node, Node[]>()
  for (const node of graph.nodes)
    for (const origin of originsOf(node)) {
      const list = holders.get(origin)
      if (list) list.push(node)
      else holders.set(origin, [node])
    }
  return holders
}

/** What became of a node in the next stage. `equal`: another has its value; `unneeded`: nothing reads it any more. */
export interface Fate {
  readonly how: 'kept' | 'fused' | 'folded' | 'equal' | 'unneeded'
  readonly into: readonly Node[]
}

/** What a node was in the stage before. `again`: the same kernel is there twice; `added`: no node of that stage was. */
export interface Source {
  readonly how: 'kept' | 'fused' | 'folded' | 'again' | 'added'
  readonly from: readonly Node[]
}

/** What happened between two stages that follow each other. */
export interface Change {
  readonly fates: ReadonlyMap<Node, Fate>
  readonly sources: ReadonlyMap<Node, Source>
}

/** `replaced` is that of the stages. */
export function changeOf(
  before: Graph,
  after: Graph,
  replaced: ReadonlyMap<Node, Node> = new Map(),
): Change {
  const holders = holdersOf(after)
  // A kernel that runs again, or reads other values than it did, has the attributes that it had.
  const kernels = new Map<Attrs, Node[]>()
  for (const node of after.nodes)
    kernels.set(node.attrs, [...(kernels.get(node.attrs) ?? []), node])
  const old = new Set(before.nodes)
  const fates = new Map<Node, Fate>()
  const from = new Map<Node, Node[]>()
  for (const node of before.nodes) {
    const into = new Set(
      node.op.kind === 'fused'
        ? (kernels.get(node.attrs)?.filter((n) => n === node || !old.has(n)) ??
            joinedInto(node, holders))
        : holders.get(node.origin ?? node),
    )
    if (!into.size) {
      const equal = heldInstead(node, replaced, holders)
      fates.set(node, { how: equal.length ? 'equal' : 'unneeded', into: equal })
      continue
    }
    for (const next of into) from.set(next, [...(from.get(next) ?? []), node])
    const [first] = into
    const same = first.op === node.op && !(jointOf(first) && first.attrs !== node.attrs)
    const how = same ? 'kept' : first.op.kind === 'fused' ? 'fused' : 'folded'
    fates.set(node, { how, into: [...into] })
  }
  const sources = new Map<Node, Source>()
  const known = new Set(before.nodes.map(originalOf))
  for (const node of after.nodes) {
    const own = from.get(node) ?? []
    sources.set(node, { how: howCame(node, own, known), from: own })
  }
  return { fates, sources }
}

/** Kernels that do all of the work of a kernel: two may share a step that both compute, and have nothing else in common. */
function joinedInto(node: Node, holders: ReadonlyMap<Node, readonly Node[]>): readonly Node[] {
  const [first, ...rest] = originsOf(node)
  const doesAll = (n: Node) => jointOf(n) && rest.every((o) => holders.get(o)?.includes(n))
  return holders.get(first)?.filter(doesAll) ?? []
}

function howCame(
  node: Node,
  from: readonly Node[],
  known: ReadonlySet<Node | undefined>,
): Source['how'] {
  if (originalOf(node) && !known.has(originalOf(node))) return 'again'
  if (!from.length) return 'added'
  if (from.length === 1 && from[0].op === node.op) return 'kept'
  return node.op.kind === 'fused' ? 'fused' : 'folded'
}

function heldInstead(
  node: Node,
  replaced: ReadonlyMap<Node, Node>,
  holders: ReadonlyMap<Node, readonly Node[]>,
): readonly Node[] {
  let by = replaced.get(node.origin ?? node)
  while (by && !holders.has(by)) by = replaced.get(by)
  return (by && holders.get(by)) ?? []
}

/** The nodes that each node of a graph is, or is in part, the derivative of. A node without one is not in the map. */
export function differentiatedBy(
  graph: Graph,
  replaced: ReadonlyMap<Node, Node> = new Map(),
): Map<Node, readonly Node[]> {
  const holders = holdersOf(graph)
  const found = new Map<Node, readonly Node[]>()
  for (const node of graph.nodes) {
    const of = originsOf(node).flatMap(({ source }) => {
      if (!source) return []
      return holders.get(source.origin ?? source) ?? heldInstead(source, replaced, holders)
    })
    const others = [...new Set(of)].filter((n) => n !== node)
    if (others.length) found.set(node, others)
  }
  return found
}
