// After fusion: numbers inside kernels that have their own shader. A pointwise kernel takes its numbers as uniform
// words; in a convolution's tail or a reduction's prologue they would be text, and each new number (the 1/N of a mean,
// for one) a new pipeline. There they become operands: constants of one element.

import { hostArray } from '../dtype.ts'
import { type Graph, makeNode, outputsOf, rewrite, withInputs } from '../graph.ts'
import type { Op } from '../op.ts'
import { constantOp } from '../ops/source.ts'
import type { HostTensor, Node, Tensor } from '../tensor.ts'
import { type Body, bodyOf, fusedNode, type Ref, type Step } from './fused.ts'

/** Numbers that belong to the ops themselves (a ReLU's 0, a tie's ½): few, so they may be text. */
const structural: ReadonlySet<number> = new Set([0, 0.5, 1, 2, -0.5, -1, -2])

/** Makes operands of numbers, as far as a kernel may bind more buffers. */
export function hoistNumbers(graph: Graph, maxBuffers: number): Graph {
  const known = new Map<string, Tensor>()
  return rewrite(graph, (node, inputs) => {
    const next = withInputs(node, inputs)
    if (node.op.kind !== 'fused' || bodyOf(node).root < 0) return outputsOf(next)
    return outputsOf(hoist(next, known, maxBuffers))
  })
}

function hoist(node: Node, known: Map<string, Tensor>, maxBuffers: number): Node {
  const body = bodyOf(node)
  const inputs = [...node.inputs]
  const steps: Step[] = []
  const now: Ref[] = []
  const at = (r: Ref): Ref => {
    if ('input' in r) return r
    const to = now[r.step]
    return 'input' in to ? to : { step: to.step, output: r.output }
  }
  body.steps.forEach((step, i) => {
    const number = numberIn(step)
    const full = inputs.length + body.results.length >= maxBuffers
    if (number === undefined || structural.has(number) || (full && Number.isFinite(number))) {
      steps.push({ ...step, args: step.args.map(at) })
      now[i] = { step: steps.length - 1, output: 0 }
      return
    }
    const constant = constantOf(number, step, known)
    const seen = inputs.indexOf(constant)
    now[i] = { input: seen >= 0 ? seen : inputs.push(constant) - 1 }
  })
  if (inputs.length === node.inputs.length) return node
  const root = now[body.root]
  const hoisted: Body = {
    steps,
    results: body.results.map(at),
    root: 'step' in root ? root.step : -1,
  }
  return fusedNode(hoisted, inputs, node)
}

const numberIn = ({ op, attrs }: Step): number | undefined =>
  op.name === 'scalar' ? (attrs.value as number) : undefined

function constantOf(value: number, { types }: Step, known: Map<string, Tensor>): Tensor {
  // In a register f16 is f32.
  const dtype = types[0].dtype === 'f16' ? 'f32' : types[0].dtype
  const key = `${dtype} ${Object.is(value, -0) ? '-0' : value}`
  let tensor = known.get(key)
  if (!tensor) {
    const data = hostArray(dtype, 1)
    data[0] = value
    const host: HostTensor = { dtype, shape: [], data }
    tensor = makeNode(constantOp as Op, [], { value: host }).output()
    known.set(key, tensor)
  }
  return tensor
}
