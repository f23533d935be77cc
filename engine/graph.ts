// A Graph is a list of nodes in an order that can be run, with what goes in and out. Passes take one and give another.

import type { TensorType } from './dtype.ts'
import type { Attrs, Op } from './op.ts'
import { copyOp } from './ops/source.ts'
import { type Block, Node, type Tensor, Variable } from './tensor.ts'

export interface Graph {
  /** Types of the program's arguments. */
  readonly inputs: readonly TensorType[]
  /** Every node after its inputs. */
  readonly nodes: readonly Node[]
  readonly outputs: readonly Tensor[]
  /** New versions of variables, in the order in which they were written. */
  readonly assigns: readonly Tensor[]
}

/** The graph of everything that `outputs` and `assigns` need, in the order in which it was written. */
export function graphOf(
  inputs: readonly TensorType[],
  outputs: readonly Tensor[],
  assigns: readonly Tensor[],
): Graph {
  const nodes = [...needed(outputs, assigns)].sort((a, b) => a.id - b.id)
  return { inputs, nodes, outputs, assigns }
}

function needed(outputs: readonly Tensor[], assigns: readonly Tensor[]): Set<Node> {
  const seen = new Set<Node>()
  const stack = [...outputs, ...assigns].map((t) => t.node)
  while (stack.length) {
    const node = stack.pop()!
    if (seen.has(node)) continue
    seen.add(node)
    for (const x of node.inputs) stack.push(x.node)
  }
  return seen
}

/** Rebuilds a graph node by node: `visit` gets each node with its new inputs and gives the tensors that take the
 * place of its outputs. Whatever is no longer needed afterwards is dropped. */
export function rewrite(
  graph: Graph,
  visit: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[],
): Graph {
  const now = new Map<Tensor, Tensor>()
  const at = (t: Tensor) => now.get(t) ?? t
  // New nodes take the place of those that they replace, so that a pass does not disturb the order.
  const order = new Set<Node>()
  const place = (node: Node) => {
    if (order.has(node)) return
    for (const x of node.inputs) place(x.node)
    order.add(node)
  }
  for (const node of graph.nodes) {
    const to = visit(node, node.inputs.map(at))
    node.types.forEach((_, i) => {
      now.set(node.output(i), to[i])
      place(to[i].node)
    })
  }
  const outputs = graph.outputs.map(at)
  const assigns = graph.assigns.map(at)
  for (const t of [...outputs, ...assigns]) place(t.node)
  const keep = needed(outputs, assigns)
  return { inputs: graph.inputs, nodes: [...order].filter((n) => keep.has(n)), outputs, assigns }
}

/** The node with other inputs, or itself when nothing changed. */
export function withInputs(node: Node, inputs: readonly Tensor[]): Node {
  if (inputs.every((x, i) => x === node.inputs[i])) return node
  return new Node(node.op, inputs, node.attrs, node.types, node)
}

export const outputsOf = (node: Node): Tensor[] => node.types.map((_, i) => node.output(i))

/** Which nodes read each tensor; one entry per node. */
export function usersOf(graph: Graph): Map<Tensor, Node[]> {
  const users = new Map<Tensor, Node[]>()
  for (const node of graph.nodes) {
    for (const x of new Set(node.inputs)) {
      const list = users.get(x)
      if (list) list.push(node)
      else users.set(x, [node])
    }
  }
  return users
}

/** The tensor whose memory `t` is: views are followed to what they show. */
export function baseOf(t: Tensor): Tensor {
  let base = t
  while (base.node.op.kind === 'view') base = base.node.inputs[0]
  return base
}

export function makeNode(
  op: Op,
  inputs: readonly Tensor[],
  attrs: Attrs,
  like: { path?: string; source?: Node | undefined; block?: Block | undefined } = {},
): Node {
  const types = op.infer(inputs, attrs, (problem) => {
    throw new Error(`${op.name}: ${problem}`)
  })
  return new Node(op, inputs, attrs, types, {
    path: like.path ?? '',
    ...(like.source && { source: like.source }),
    ...(like.block && { block: like.block }),
    ...(like instanceof Node && { origin: like.origin ?? like }),
  })
}

export const copyOf = (t: Tensor): Tensor => makeNode(copyOp as Op, [t], {}).output()

const identities = new WeakMap<object, number>()
let nextIdentity = 1
/** A number for an object, the same at each call. */
export function identity(x: object): number {
  let id = identities.get(x)
  if (!id) {
    id = nextIdentity++
    identities.set(x, id)
  }
  return id
}

/** Attributes as text, equal for equal attributes; variables and data count by identity. */
export const attrKey = (attrs: Attrs): string =>
  JSON.stringify(attrs, (_, v) => {
    if (v instanceof Variable || ArrayBuffer.isView(v)) return `#${identity(v)}`
    // JSON has no word for infinities and NaN and would write null for each, and 0 for −0.
    if (Object.is(v, -0)) return '-0'
    return typeof v === 'number' && !Number.isFinite(v) ? String(v) : v
  })
