// What a fused node holds: a little graph of its own, run as one kernel.

import type { TensorType } from '../dtype.ts'
import { type Attrs, type FusedOp, noCost, none, type Op } from '../op.ts'
import { Node, type Tensor } from '../tensor.ts'

/** A value inside a body: one of the node's inputs, or an output of an earlier step. */
export type Ref = { readonly input: number } | { readonly step: number; readonly output: number }

export interface Step {
  readonly op: Op
  readonly attrs: Attrs
  readonly args: readonly Ref[]
  readonly types: readonly TensorType[]
  /** The node as it was written; what a pass has added has none. */
  readonly origin?: Node
}

/** Steps in order. At most one is structured (`root`): pointwise steps before it run while it loads, those after it
 * before it stores. */
export interface Body {
  readonly steps: readonly Step[]
  readonly results: readonly Ref[]
  /** Index of the structured step, or -1. */
  readonly root: number
}

/** What a fused node is that holds one body for each of several sets of tensors, to be run in one dispatch (see joint.ts). Its
 * body has them one after another, and its results too. */
export interface Joint {
  /** The body of one member; its input j is the node's input `members[m][j]`. */
  readonly each: Body
  readonly members: readonly (readonly number[])[]
}

export const jointOf = (node: Node): Joint | undefined => (node.attrs as { joint?: Joint }).joint

export const fusedOp: FusedOp<{ body: Body }> = {
  name: 'fused',
  kind: 'fused',
  infer: (types, { body }) => body.results.map((r) => typeOf(body, r, types)),
  vjp: none('fusion comes after differentiation'),
  cost: (inputs, _, { body }) => {
    let { macs, flops } = noCost
    for (const { op, args, types, attrs } of body.steps) {
      const cost = op.cost(
        args.map((a) => typeOf(body, a, inputs)),
        types,
        attrs,
      )
      macs += cost.macs
      flops += cost.flops
    }
    return { macs, flops }
  },
  samples: [],
}

export const typeOf = (body: Body, ref: Ref, inputs: readonly TensorType[]): TensorType =>
  'input' in ref ? inputs[ref.input] : body.steps[ref.step].types[ref.output]

export const bodyOf = (node: Node): Body => (node.attrs as { body: Body }).body

/** The variable that result `i` of a node is stored in, if it is an assignment. */
export function assignedBy(node: Node, i: number): Step | undefined {
  const { op, attrs, types } = node
  if (op.name === 'join' && attrs.variable) return { op, attrs, args: [], types }
  if (op.kind !== 'fused') return undefined
  const { steps, results } = bodyOf(node)
  const ref = results[i]
  const step = 'step' in ref ? steps[ref.step] : undefined
  return step?.op.name === 'assign' ? step : undefined
}

/** Collects nodes into a body. `isLeaf` says which tensors are read from memory rather than computed inside. */
export function bodyFrom(
  results: readonly Tensor[],
  isLeaf: (x: Tensor) => boolean,
  root?: Node,
): { body: Body; inputs: Tensor[] } {
  const inputs: Tensor[] = []
  const steps: Step[] = []
  const at = new Map<Node, number>()
  const visit = (node: Node): number => {
    const known = at.get(node)
    if (known !== undefined) return known
    const args = node.inputs.map(ref)
    const { op, attrs, types, origin = node } = node
    steps.push({ op, attrs, args, types, origin })
    at.set(node, steps.length - 1)
    return steps.length - 1
  }
  const ref = (x: Tensor): Ref => {
    if (!isLeaf(x)) return { step: visit(x.node), output: x.index }
    let i = inputs.indexOf(x)
    if (i < 0) i = inputs.push(x) - 1
    return { input: i }
  }
  // The root's own inputs come first, in its own order.
  if (root) visit(root)
  const refs = results.map((r): Ref => ({ step: visit(r.node), output: r.index }))
  return { body: { steps, results: refs, root: root ? at.get(root)! : -1 }, inputs }
}

export function fusedNode(body: Body, inputs: readonly Tensor[], like: Node): Node {
  const types = fusedOp.infer(inputs, { body }, (p) => {
    throw new Error(p)
  })
  return new Node(fusedOp as Op, inputs, { body }, types, like)
}
