// After fusion: arithmetic on vectors, one number a channel, is done by the kernels over maps that read them, once for each of their
// invocations, so that it takes no kernel of its own. The vectors of a batch normalisation are such: its scale comes from a weight and
// a variance, the coefficients of its derivative from two sums.
//
//   s = w / √(v + ε)    y = x·s          →          y = x·(w / √(v + ε))
//
// A vector that every reader can take in disappears; what else its kernel makes, such as running statistics, stays where it is.

import { sameShape, sizeOf } from '../dtype.ts'
import { attrKey, baseOf, type Graph, identity, outputsOf, rewrite, withInputs } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import { assignedBy, type Body, bodyOf, fusedNode, type Ref, type Step } from './fused.ts'
import { overwriters } from './joint.ts'

/** Most operations a channel that every reader does. */
const MOST = 24

/** A pointwise kernel in the making. */
interface Kernel {
  inputs: readonly Tensor[]
  body: Body
  /** Outputs of the node that it still gives, in the order of the body's results. */
  outputs: readonly number[]
}

/** The graph with vectors of whole groups of four channels made where they are read, as far as readers can bind what it takes. */
export function inlineVectors(graph: Graph, maxBuffers: number): Graph {
  const kernels = new Map<Node, Kernel>()
  const readers = new Map<Tensor, Set<Node>>()
  const note = (node: Node, inputs: readonly Tensor[]) => {
    for (const x of inputs) readers.set(x, (readers.get(x) ?? new Set()).add(node))
  }
  for (const node of graph.nodes) {
    note(node, node.inputs)
    if (node.op.kind === 'fused' && bodyOf(node).root < 0)
      kernels.set(node, {
        inputs: node.inputs,
        body: bodyOf(node),
        outputs: [...node.types.keys()],
      })
  }
  const position = new Map(graph.nodes.map((node, i) => [node, i]))
  const overwriter = overwriters(graph)
  const mayRead = (reader: Node, x: Tensor) => {
    const next = overwriter.get(baseOf(x))
    return !next || next === reader || position.get(reader)! < position.get(next)!
  }
  const returned = new Set(graph.outputs.map(baseOf))
  let changed = false
  for (const [node, kernel] of kernels)
    for (const i of node.types.keys()) {
      const vector = node.output(i)
      const near = [...(readers.get(vector) ?? [])]
      if (returned.has(vector) || !near.length || !isVector(node, i)) continue
      const own = part(kernel, [i])
      if (!isSmall(own, vector)) continue
      const merged = near.map((reader): Kernel | undefined => {
        const into = kernels.get(reader)
        if (!into || !readsChannels(reader, vector) || !own.inputs.every((x) => mayRead(reader, x)))
          return undefined
        const all = part(into, into.outputs, { vector, by: own })
        return bindings(reader, all) <= maxBuffers ? all : undefined
      })
      if (merged.includes(undefined)) continue
      changed = true
      near.forEach((reader, k) => {
        kernels.set(reader, merged[k]!)
        note(reader, merged[k]!.inputs)
      })
      Object.assign(
        kernel,
        part(
          kernel,
          kernel.outputs.filter((o) => o !== i),
        ),
      )
    }
  return changed ? rebuilt(graph, kernels) : graph
}

/** Whether output i is one number a channel, in whole groups of four, that is no new version of a variable. */
function isVector(node: Node, i: number): boolean {
  const { dtype, shape } = node.types[i]
  return dtype === 'f32' && shape.length === 1 && shape[0] % 4 === 0 && !assignedBy(node, i)
}

function isSmall({ body, inputs }: Kernel, { shape }: Tensor): boolean {
  const work = body.steps.filter(({ op, args }) => args.length && op.name !== 'broadcastTo')
  return (
    work.length <= MOST &&
    body.steps.every(({ op }) => op.kind === 'pointwise' && !op.indexed && op.name !== 'assign') &&
    inputs.every((x) => x.dtype === 'f32' && (sameShape(x.shape, shape) || sizeOf(x.shape) === 1))
  )
}

/** Whether a kernel is over maps, or vectors, of such channels. */
const readsChannels = ({ types }: Node, { shape: [channels] }: Tensor): boolean =>
  types.every(({ shape }) => sameShape(shape, types[0].shape) && shape.at(-1) === channels)

/** Buffers that a kernel binds: a variable that it updates, once. */
function bindings(node: Node, { inputs, outputs }: Kernel): number {
  const updated = outputs.filter((i) => {
    const variable = assignedBy(node, i)?.attrs.variable
    return variable && inputs.some((x) => variableOf(x) === variable)
  })
  return inputs.length + outputs.length - updated.length
}

const variableOf = (x: Tensor): unknown => baseOf(x).node.attrs.variable

/** Some outputs of a kernel with what they take alone, and with `vector` made by another kernel instead of read. */
function part(
  kernel: Kernel,
  outputs: readonly number[],
  swap?: { readonly vector: Tensor; readonly by: Kernel },
): Kernel {
  const inputs: Tensor[] = []
  const steps: Step[] = []
  const known = new Map<string, number>()
  const done = new Map<Step, number>()
  const add = (from: Kernel, ref: Ref): Ref => {
    if ('input' in ref) {
      const x = from.inputs[ref.input]
      if (x === swap?.vector) return add(swap.by, swap.by.body.results[0])
      const i = inputs.indexOf(x)
      return { input: i >= 0 ? i : inputs.push(x) - 1 }
    }
    const step = from.body.steps[ref.step]
    const before = done.get(step)
    if (before !== undefined) return { step: before, output: ref.output }
    const args = step.args.map((a) => add(from, a))
    const key = `${identity(step.op)}(${JSON.stringify(args)})${attrKey(step.attrs)}`
    const at = known.get(key) ?? steps.push({ ...step, args }) - 1
    known.set(key, at)
    done.set(step, at)
    return { step: at, output: ref.output }
  }
  const results = outputs.map((o) => add(kernel, kernel.body.results[kernel.outputs.indexOf(o)]))
  return { inputs, body: { steps, results, root: -1 }, outputs }
}

function rebuilt(graph: Graph, kernels: ReadonlyMap<Node, Kernel>): Graph {
  const now = new Map<Tensor, Tensor>()
  return rewrite(graph, (node, inputs) => {
    const kernel = kernels.get(node)
    let made = outputsOf(withInputs(node, inputs))
    if (kernel?.outputs.length && (kernel.body !== bodyOf(node) || kernel.inputs !== node.inputs)) {
      const read = kernel.inputs.map((x) => now.get(x) ?? x)
      const next = fusedNode(kernel.body, read, node)
      made = made.map((t, i) =>
        kernel.outputs.includes(i) ? next.output(kernel.outputs.indexOf(i)) : t,
      )
    }
    made.forEach((t, i) => {
      now.set(node.output(i), t)
    })
    return made
  })
}
