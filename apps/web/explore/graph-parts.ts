// A graph of the engine as items to lay out and to read out: which lane a node stands in, what its box says, and which nodes are
// tied to it as its derivative or as what it is the derivative of.

import { showType } from '../../../engine/dtype.ts'
import type { Graph } from '../../../engine/graph.ts'
import { differentiatedBy, originsOf } from '../../../engine/lineage.ts'
import { Names, titleOf } from '../../../engine/print.ts'
import type { Node, Variable } from '../../../engine/tensor.ts'
import { type Item, type Layout, layout } from './layout.ts'

export type Pass = 'forward' | 'backward' | 'update'

export interface Part {
  readonly node: Node
  /** `%7`, as the text printer numbers it. */
  readonly name: string
  readonly title: string
  readonly type: string
  readonly pass: Pass
  readonly width: number
  /** The same for what is the same node in another stage. */
  readonly key: string
}

export interface Drawn {
  readonly graph: Graph
  readonly parts: readonly Part[]
  readonly layout: Layout
  readonly partOf: ReadonlyMap<Node, Part>
  /** Of a node, what it is the derivative of; of others, their derivatives. */
  readonly tied: ReadonlyMap<Node, readonly Node[]>
  /** Number of lanes of derivatives. */
  readonly orders: number
}

/** `replaced` is that of the graph's stages, where it has any. */
export function drawn(graph: Graph, replaced?: ReadonlyMap<Node, Node>): Drawn {
  const names = new Names(graph.nodes)
  const forwardOf = differentiatedBy(graph, replaced)
  const lanes = lanesOf(graph)
  const orders = Math.max(0, ...graph.nodes.map(orderOf))
  const numbers = new Map(graph.nodes.map((n, i) => [n, i]))
  const keys = new Map<string, number>()
  const parts = graph.nodes.map((node, i): Part => {
    const lane = lanes[i]
    const title = labelOf(node)
    const type = node.op.name === 'scalar' ? '' : typesOf(node)
    const pass = !lane ? 'forward' : lane > orders ? 'update' : 'backward'
    const id = `${originsOf(node)[0].id}`
    const count = keys.get(id) ?? 0
    keys.set(id, count + 1)
    const width = Math.max(34, 7.9 * title.length + 18, 6.4 * type.length + 18)
    return { node, name: names.node(node), title, type, pass, width, key: `${id}/${count}` }
  })
  const items = graph.nodes.map((node, i): Item => {
    const beside = rootOf(node, forwardOf, lanes, numbers)
    return {
      width: parts[i].width,
      inputs: [...new Set(node.inputs.map((x) => numbers.get(x.node)!))],
      lane: lanes[i],
      fixed: node.op.name === 'input',
      ...(beside !== undefined && { beside }),
    }
  })
  const tied = new Map<Node, Node[]>()
  const tie = (a: Node, b: Node) => tied.set(a, [...(tied.get(a) ?? []), b])
  for (const [node, of] of forwardOf)
    for (const other of of) {
      tie(node, other)
      tie(other, node)
    }
  const partOf = new Map(parts.map((p) => [p.node, p]))
  const down = (lane: number) => lane > orders || lane % 2 === 0
  return { graph, parts, layout: layout(items, down), partOf, tied, orders }
}

/** What a node's box says first. */
export function labelOf(node: Node): string {
  const { attrs, op } = node
  if (op.name === 'scalar') return `${+Number(attrs.value).toPrecision(4)}`
  if (op.name === 'variable') return shortName((attrs.variable as Variable).name)
  if (op.name === 'input') return `input ${attrs.position}`
  return titleOf(node)
}

/** The last two parts of a path; all of it is in the list and in what is told of the node. */
const shortName = (name: string): string => name.split('.').slice(-2).join('.') || 'variable'

export const typesOf = ({ types }: Node): string =>
  types.length > 2 ? `${showType(types[0])} +${types.length - 1}` : types.map(showType).join(' ')

/** How often a gradient was taken to get to a node. */
function orderOf(node: Node): number {
  const of = originsOf(node).map(({ source }) => (source ? 1 + orderOf(source) : 0))
  return Math.min(...of.filter((n) => n > 0), of.some((n) => n > 0) ? Number.POSITIVE_INFINITY : 0)
}

/** 0 for the forward part, 1 for its derivative, 2 for that one's …, and one more for what comes after, such as updates. */
function lanesOf(graph: Graph): number[] {
  const orders = graph.nodes.map(orderOf)
  const last = 1 + Math.max(0, ...orders)
  const numbers = new Map(graph.nodes.map((n, i) => [n, i]))
  const lanes: number[] = []
  graph.nodes.forEach((node, i) => {
    const late = node.inputs.some(({ node: x }) => lanes[numbers.get(x)!] > 0)
    lanes[i] = orders[i] || (late ? last : 0)
  })
  // What reads nothing belongs to its first readers.
  const first = new Map<number, number>()
  graph.nodes.forEach((node, i) => {
    for (const x of node.inputs) {
      const from = numbers.get(x.node)!
      first.set(from, Math.min(first.get(from) ?? lanes[i], lanes[i]))
    }
  })
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const { inputs, source, op } = graph.nodes[i]
    if (!inputs.length && !source && op.name !== 'input') lanes[i] = first.get(i) ?? lanes[i]
  }
  return lanes
}

/** The number of the forward node that a node is the derivative of, through derivatives of derivatives. */
function rootOf(
  node: Node,
  forwardOf: ReadonlyMap<Node, readonly Node[]>,
  lanes: readonly number[],
  numbers: ReadonlyMap<Node, number>,
): number | undefined {
  const seen = new Set<Node>()
  let at: Node | undefined = node
  while (at && !seen.has(at)) {
    seen.add(at)
    const of: readonly Node[] = forwardOf.get(at) ?? []
    // Where a kernel is the derivative of several nodes it stands beside the last of them.
    at = of.toReversed().find((n) => !lanes[numbers.get(n)!]) ?? of.at(-1)
    if (at && !lanes[numbers.get(at)!]) return numbers.get(at)
  }
  return undefined
}
