// Cheap recomputation, on by default: what only moves memory (a batch norm applied, a ReLU, a sum, a concatenation, a resize)
// is made again from what waits anyway, rather than waiting itself. It costs one more pass over the values, and no arithmetic
// that matters.

import type { Passes } from './again.ts'
import { sizeOf, storageBytes } from './dtype.ts'
import { bodyOf } from './fused.ts'
import { baseOf, type Graph } from './graph.ts'
import type { Node, Tensor } from './tensor.ts'

/** Longest chain of kernels that run again for the sake of one value. */
const DEPTH = 3
/** Bytes: smaller values are not worth a dispatch. */
export const WORTH = 64 * 1024

/** The values of at least so many bytes that are made again: those that wait, and what they are made of where that did not wait itself. */
export function cheapValues(
  graph: Graph,
  { late, waiting, repeatable }: Passes,
  least = WORTH,
): Set<Tensor> {
  /** How many kernels, one after the other, make a value again. */
  const depth = new Map<Tensor, number>()
  const dropped = new Set<Tensor>()
  const depthOf = (value: Tensor): number | undefined => {
    let most = 0
    for (const x of value.node.inputs.map(baseOf)) {
      const there = x.node.op.kind === 'source' || isSmall(x, value)
      const deep = there || (waiting.has(x) && !dropped.has(x)) ? 0 : depth.get(x)
      if (deep === undefined) return undefined
      most = Math.max(most, deep)
    }
    return most + 1
  }
  for (const node of graph.nodes) {
    if (late.has(node) || !isCheap(node) || !repeatable(node)) continue
    for (const [i] of node.types.entries()) {
      const value = node.output(i)
      const deep = depthOf(value)
      if (deep === undefined || deep > DEPTH) continue
      depth.set(value, deep)
      if (waiting.has(value) && storageBytes(value) >= least) dropped.add(value)
    }
  }
  const alsoNeeded = (value: Tensor) => {
    for (const x of value.node.inputs.map(baseOf)) {
      if (waiting.has(x) || isSmall(x, value) || !depth.has(x) || dropped.has(x)) continue
      dropped.add(x)
      alsoNeeded(x)
    }
  }
  for (const value of [...dropped]) alsoNeeded(value)
  return dropped
}

/** Whether it may as well wait for the sake of the other: a vector beside a map. */
const isSmall = (x: Tensor, value: Tensor): boolean => 8 * storageBytes(x) <= storageBytes(value)

/** Structured ops that move values and hardly compute. */
const movers: ReadonlySet<string> = new Set([
  ...[
    'concat',
    'rearrange',
    'repeatUpsample',
    'resizeBilinear',
    'resizeNearest',
    'pad',
    'padReflect',
  ],
])

function isCheap(node: Node): boolean {
  if (node.op.kind === 'structured') return movers.has(node.op.name)
  return node.op.kind === 'fused' && bodyOf(node).root < 0 && sizeOf(node.types[0].shape) > 0
}
