// Fusion's last rule: a convolution gives the mean and variance of each channel of its result as well, for the batch
// normalisation behind it in training, which then need not read it for them (see shaders/conv/statistics.ts). On the software drivers
// reading is cheap beside the barriers that this takes.

import type { AdapterKind } from '../adapters/adapter-kind.ts'
import { sizeOf, type TensorType } from '../dtype.ts'
import { baseOf, type Graph, outputsOf, rewrite, withInputs } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import { type Body, bodyOf, fusedNode, type Step } from './fused.ts'

/** Where convolutions give statistics. */
const onStore: Readonly<Record<AdapterKind, boolean>> = {
  discrete: true,
  integrated: true,
  // It may be a software driver.
  unknown: false,
  lavapipe: false,
  swiftshader: false,
}

/** The graph with moments over all pixels made by the convolutions that they are of. */
export function giveStatistics(graph: Graph, kind: AdapterKind, maxBuffers: number): Graph {
  if (!onStore[kind]) return graph
  /** The moments of what a node makes. */
  const asked = new Map<Node, Node>()
  for (const node of graph.nodes) {
    if (node.op.name !== 'moments') continue
    const maker = baseOf(node.inputs[0]).node
    if (isPerChannel(node) && gives(maker, maxBuffers) && !asked.has(maker)) asked.set(maker, node)
  }
  if (!asked.size) return graph
  const made = new Map<Node, readonly Tensor[]>()
  return rewrite(graph, (node, inputs) => {
    const moments = asked.get(node)
    if (moments) {
      const both = outputsOf(together(node, inputs, moments))
      made.set(moments, both.slice(1))
      return both.slice(0, 1)
    }
    return made.get(node) ?? outputsOf(withInputs(node, inputs))
  })
}

/** Whether moments are over all pixels, however these are seen. */
const isPerChannel = ({ attrs: { first, count }, inputs: [x] }: Node) =>
  first === 0 && count === x.shape.length - 1 && channels(x) === channels(baseOf(x))

const channels = ({ shape }: TensorType) => shape[shape.length - 1]

/** Whether a node is a convolution with one result, and two more can be bound. */
function gives(node: Node, maxBuffers: number): boolean {
  if (node.types.length !== 1 || node.inputs.length + 3 > maxBuffers) return false
  const { op, types } = rootOf(node) ?? node
  const [y] = node.types
  return op.kind === 'structured' && !!op.statistics && sizeOf(types[0].shape) === sizeOf(y.shape)
}

const rootOf = (node: Node): Step | undefined =>
  node.op.kind === 'fused' ? bodyOf(node).steps[bodyOf(node).root] : undefined

function together(node: Node, inputs: readonly Tensor[], moments: Node): Node {
  const { op, types, origin = moments } = moments
  const { steps, results, root } = node.op.kind === 'fused' ? bodyOf(node) : alone(node)
  const [y] = results
  const last = steps.length
  const { shape } = node.types[0]
  const attrs = { shape, first: 0, count: shape.length - 1 }
  const body: Body = {
    steps: [...steps, { op, attrs, args: [y], types, origin }],
    results: [y, { step: last, output: 0 }, { step: last, output: 1 }],
    root,
  }
  return fusedNode(body, inputs, node)
}

/** The body of a structured node. */
const alone = (node: Node): Body => {
  const { op, attrs, inputs, types, origin = node } = node
  return {
    steps: [{ op, attrs, args: inputs.map((_, input) => ({ input })), types, origin }],
    results: [{ step: 0, output: 0 }],
    root: 0,
  }
}
