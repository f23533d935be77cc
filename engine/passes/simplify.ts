// Passes that every graph goes through before fusion: equal nodes become one, and the few places where two values may
// not share memory get a copy.

import { sameType } from '../dtype.ts'
import {
  attrKey,
  baseOf,
  copyOf,
  type Graph,
  identity,
  makeNode,
  outputsOf,
  rewrite,
  withInputs,
} from '../graph.ts'
import type { Op } from '../op.ts'
import { scalarOp } from '../ops/source.ts'
import type { Node, Tensor, Variable } from '../tensor.ts'
import { assignedBy, bodyFrom, fusedNode } from './fused.ts'

/** Common subexpressions once; what nothing needs, not at all. Assignments are never merged. A node whose value another one has
 * is noted in `replaced` with that one, both as they were written. */
export function simplify(graph: Graph, replaced?: Map<Node, Node>): Graph {
  const known = new Map<string, Node>()
  const note = (node: Node, by: Node) => {
    const [from, to] = [node, by].map((n) => n.origin ?? n)
    if (from !== to) replaced?.set(from, to)
  }
  return rewrite(graph, (node, inputs) => {
    const folded = fold(node, inputs)
    if (folded) {
      note(node, folded.node)
      return [folded]
    }
    const next = withInputs(node, inputs)
    if (node.op.name === 'assign') return outputsOf(next)
    const key = `${identity(node.op)}(${inputs.map((x) => `${x.node.id}.${x.index}`)})${attrKey(node.attrs)}`
    const same = known.get(key)
    if (same) {
      note(node, same)
      return outputsOf(same)
    }
    known.set(key, next)
    return outputsOf(next)
  })
}

/** Arithmetic on plain numbers is done now, and a factor of one is no factor. */
function fold(node: Node, inputs: readonly Tensor[]): Tensor | undefined {
  const { op, attrs } = node
  const [type] = node.types
  // Differentiation is over.
  if (op.name === 'stopGradient' || op.name === 'gate') return inputs[0]
  if (op.name === 'broadcastTo') {
    const number = numberOf(inputs[0])
    return number && number !== inputs[0] ? makeNode(op, [number], attrs, node).output() : undefined
  }
  if (op.name === 'mul') {
    const other = inputs.findIndex((x) => numberOf(x)?.node.attrs.value === 1)
    const rest = inputs[1 - other]
    if (other >= 0 && sameType(rest, type)) return rest
  }
  if (op.kind !== 'pointwise' || type.dtype !== 'f32' || type.shape.length || !inputs.length)
    return undefined
  if (op.name === 'assign' || op.indexed || !inputs.every((x) => x.node.op.name === 'scalar'))
    return undefined
  const value = Math.fround(
    op.reference(
      inputs.map((x) => x.node.attrs.value as number),
      attrs,
      0,
      { types: inputs.map((x) => x.dtype), out: type.dtype },
    ),
  )
  return makeNode(scalarOp as Op, [], { value, dtype: 'f32' }, node).output()
}

/** The number that a tensor repeats in every element, if it is one. */
function numberOf(x: Tensor): Tensor | undefined {
  let t = x
  while (t.node.op.kind === 'view' || t.node.op.name === 'broadcastTo') t = t.node.inputs[0]
  return t.node.op.name === 'scalar' ? t : undefined
}

/** Gives memory of its own to what would otherwise share it wrongly:
 * - a returned value that is an argument, a constant or a variable, or is returned twice;
 * - an old version of a variable that is read after it was overwritten;
 * - the second of two equal operands of a kernel (WebGPU lets a writable buffer be bound only once). */
export function separate(graph: Graph): Graph {
  const late = lateReads(graph)
  const apart = rewrite(late.size ? replaceLate(graph, late) : graph, (node, inputs) => {
    if (node.op.kind !== 'structured') return outputsOf(withInputs(node, inputs))
    const seen = new Set<Tensor>()
    const distinct = inputs.map((x) => {
      const twice = seen.has(baseOf(x))
      seen.add(baseOf(x))
      return twice ? copyOf(x) : x
    })
    return outputsOf(withInputs(node, distinct))
  })
  const returned = new Set<Tensor>()
  const copies: Node[] = []
  const outputs = apart.outputs.map((t) => {
    const base = baseOf(t)
    const shared =
      base.node.op.kind === 'source' || base.node.op.name === 'assign' || returned.has(base)
    returned.add(base)
    if (!shared) return t
    const copy = copyOf(t)
    copies.push(copy.node)
    return copy
  })
  return { ...apart, outputs, nodes: [...apart.nodes, ...copies] }
}

/** After fusion: no kernel binds one buffer twice where one of the bindings may write, since WebGPU forbids it. Such
 * are two views of one value in activation memory, or of one variable in a kernel that updates variables; all but one of them are
 * read from a copy. */
export function unalias(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    const next = withInputs(node, inputs)
    if (node.op.kind !== 'fused') return outputsOf(next)
    const updates = node.types.some((_, i) => assignedBy(node, i))
    const mayWrite = ({ node: { op } }: Tensor) =>
      op.kind !== 'source' || (op.name === 'variable' && updates)
    // A variable that is updated in place is the one that stays.
    const kept = new Map<Tensor, Tensor>()
    for (const x of inputs) {
      const base = baseOf(x)
      if (!kept.has(base) || x === base) kept.set(base, x)
    }
    const apart = inputs.map((x) =>
      kept.get(baseOf(x)) === x || !mayWrite(baseOf(x)) ? x : fusedCopy(x),
    )
    return outputsOf(withInputs(next, apart))
  })
}

function fusedCopy(x: Tensor): Tensor {
  const copy = copyOf(x)
  const { body, inputs } = bodyFrom([copy], (t) => t === x)
  return fusedNode(body, inputs, copy.node).output()
}

/** Nodes that read a version of a variable after it was overwritten, by that version's tensor. */
function lateReads(graph: Graph): Map<Tensor, Set<Node>> {
  const late = new Map<Tensor, Set<Node>>()
  const current = new Map<Variable, Tensor>()
  const overwritten = new Set<Tensor>()
  for (const node of graph.nodes) {
    // A view runs nothing; whoever reads it reads what it shows.
    if (node.op.kind !== 'view')
      for (const base of new Set(node.inputs.map(baseOf))) {
        if (!overwritten.has(base)) continue
        if (!late.has(base)) late.set(base, new Set())
        late.get(base)!.add(node)
      }
    if (node.op.name !== 'variable' && node.op.name !== 'assign') continue
    const variable = node.attrs.variable as Variable
    const old = current.get(variable)
    if (old) overwritten.add(old)
    current.set(variable, node.output())
  }
  return late
}

function replaceLate(graph: Graph, late: Map<Tensor, Set<Node>>): Graph {
  const copies = new Map<Tensor, Tensor>()
  return rewrite(graph, (node, inputs) => {
    const swapped = inputs.map((x, i) => {
      if (!late.get(baseOf(node.inputs[i]))?.has(node)) return x
      if (!copies.has(x)) copies.set(x, copyOf(x))
      return copies.get(x)!
    })
    return outputsOf(withInputs(node, swapped))
  })
}
