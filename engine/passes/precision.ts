// Mixed precision: which values lie in memory as f16, while all arithmetic stays f32. A graph is written, differentiated and
// fused in f32; this pass then only changes how some values are stored, so that they take half the bytes:
//
//   f32[n, h, w, c] → f16[n, h, w, c]     rounded to nearest even by the kernel that stores it, widened by those that read it
//
// Nothing else changes: no op is added, sums are f32, and a value is rounded where it is stored and nowhere else (after
// Micikevicius et al. 2018, "Mixed precision training"). Narrowed are
//   - what convolutions, matrix products and the others that list an output in `f16` make: activations and their gradients,
//   - elementwise results as large as a narrowed value that they are computed from, and what only moves such values,
// as far as every kernel that reads them can widen them. So arguments, parameters and their gradients, statistics, losses,
// what a program returns and what it assigns are f32.

import { sizeOf, type TensorType } from '../dtype.ts'
import { baseOf, type Graph, outputsOf, rewrite } from '../graph.ts'
import type { Places, StructuredOp } from '../op.ts'
import { Node, type Tensor } from '../tensor.ts'
import { bodyOf } from './fused.ts'

/** The fused graph with activations and their gradients stored as f16. */
export function narrow(graph: Graph): Graph {
  const narrowed = narrowValues(graph)
  if (!narrowed.size) return graph
  return rewrite(graph, (node, inputs) => {
    const isHalf = (i: number) => narrowed.has(baseOf(node.output(i)))
    const same = inputs.every((x, i) => x === node.inputs[i])
    if (same && !node.types.some((_, i) => isHalf(i))) return outputsOf(node)
    const half = (type: TensorType, i: number): TensorType =>
      isHalf(i) ? { ...type, dtype: 'f16' } : type
    const types = node.types.some((_, i) => isHalf(i)) ? node.types.map(half) : node.types
    return outputsOf(new Node(node.op, inputs, node.attrs, types, node))
  })
}

/** What the kernels of a node can do, by the number of an input or output. */
interface Abilities {
  reads(input: number): boolean
  writes(output: number): boolean
  /** Makes activations, whatever it is made of. */
  readonly source: boolean
  readonly alike: boolean
}

function abilitiesOf(node: Node): Abilities {
  const { op } = node
  if (op.kind === 'structured') return ofStructured(op)
  const none = { reads: () => false, writes: () => false, source: false, alike: false }
  if (op.kind !== 'fused') return none
  const body = bodyOf(node)
  const every = { ...none, reads: () => true, writes: () => true }
  if (body.root < 0) return every
  const root = body.steps[body.root]
  const own = ofStructured(root.op as StructuredOp)
  if ((root.op as StructuredOp).prologue) return { ...own, reads: () => true }
  const isOwn = (i: number, k: number) => 'input' in root.args[k] && root.args[k].input === i
  return { ...own, reads: (i) => root.args.every((_, k) => !isOwn(i, k) || own.reads(k)) }
}

function ofStructured({ f16, prologue }: StructuredOp): Abilities {
  const alike = f16 === 'alike'
  const listed: Places = alike || !f16 ? { inputs: [], outputs: [] } : f16
  return {
    reads: (i) => alike || prologue || listed.inputs.includes(i),
    writes: (i) => alike || listed.outputs.includes(i),
    source: listed.outputs.length > 0,
    alike,
  }
}

/** The values, views left out, that are stored as f16. */
function narrowValues(graph: Graph): Set<Tensor> {
  const abilities = new Map(graph.nodes.map((n) => [n, abilitiesOf(n)]))
  const fixed = new Set([...graph.outputs, ...graph.assigns].map(baseOf))
  const groups = new Groups()
  for (const node of graph.nodes) {
    const { reads, writes, alike } = abilities.get(node)!
    if (node.op.kind === 'view') continue
    const own = outputsOf(node).filter((t) => t.dtype === 'f32')
    for (const t of own) if (!writes(t.index)) fixed.add(t)
    const read = node.inputs.map(baseOf)
    read.forEach((x, i) => {
      if (!reads(i)) fixed.add(x)
    })
    if (alike) groups.join([...own, ...read.filter((t) => t.dtype === 'f32')])
  }
  for (const t of fixed) groups.refuse(t)
  for (let before = -1; before < groups.chosen; ) {
    before = groups.chosen
    for (const node of graph.nodes) {
      const { source } = abilities.get(node)!
      if (node.op.kind === 'view' || node.op.kind === 'source') continue
      const from = node.inputs.map(baseOf).filter((x) => groups.has(x))
      const elementwise = node.op.kind === 'fused' && bodyOf(node).root < 0
      for (const t of outputsOf(node)) {
        if (t.dtype !== 'f32') continue
        if (source || (elementwise && from.some((x) => sizeOf(x.shape) === sizeOf(t.shape))))
          groups.choose(t)
      }
    }
  }
  const all = graph.nodes.flatMap((n) => (n.op.kind === 'view' ? [] : outputsOf(n)))
  return new Set(all.filter((t) => t.dtype === 'f32' && groups.has(t)))
}

/** Values that are stored alike: all of a group as f16, or none. */
class Groups {
  readonly #parent = new Map<Tensor, Tensor>()
  readonly #refused = new Set<Tensor>()
  readonly #chosen = new Set<Tensor>()

  #root(t: Tensor): Tensor {
    let root = t
    for (let up = this.#parent.get(root); up; up = this.#parent.get(root)) root = up
    return root
  }
  join(tensors: readonly Tensor[]): void {
    const [first, ...rest] = tensors
    for (const t of rest) {
      const [a, b] = [this.#root(first), this.#root(t)]
      if (a !== b) this.#parent.set(b, a)
    }
  }
  /** Before anything is chosen. */
  refuse(t: Tensor): void {
    this.#refused.add(this.#root(t))
  }
  choose(t: Tensor): void {
    const root = this.#root(t)
    if (!this.#refused.has(root)) this.#chosen.add(root)
  }
  has(t: Tensor): boolean {
    return this.#chosen.has(this.#root(t))
  }
  get chosen(): number {
    return this.#chosen.size
  }
}
