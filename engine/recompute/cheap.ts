// Cheap recomputation, on by default: what only moves memory (a batch norm applied, a ReLU, a sum, a
// concatenation, a resize) is made again from what waits anyway, or from less than it is, rather than waiting
// itself. It costs one more pass over the values, and no arithmetic that matters.

import { sizeOf, storageBytes, storedBytes } from '../dtype.ts'
import { baseOf, type Graph, outputsOf } from '../graph.ts'
import { bodyOf } from '../passes/fused.ts'
import type { Node, Tensor } from '../tensor.ts'
import type { Passes } from './again.ts'

/** Longest chain of kernels that run again for the sake of one value. */
const DEPTH = 3
/** Bytes: smaller values are not worth a dispatch. */
export const WORTH = 64 * 1024

/** How a value is made again. */
interface Way {
  /** How many kernels, one after the other. */
  readonly depth: number
  /** Inputs that are made again too. */
  readonly through: readonly Tensor[]
  /** What must wait for it and would not otherwise. */
  readonly needs: ReadonlySet<Tensor>
}

/** The values that are made again: those that wait, of at least `least` bytes, and what they are made of where that does not wait. */
export function cheapValues(
  graph: Graph,
  { late, waiting, returned, repeatable }: Passes,
  least = WORTH,
): Set<Tensor> {
  const ways = new Map<Tensor, Way>()
  const dropped = new Set<Tensor>()
  /** What waits for the sake of others. */
  const held = new Set<Tensor>()
  const isThere = (x: Tensor) =>
    x.node.op.kind === 'source' ||
    returned.has(x) ||
    held.has(x) ||
    (waiting.has(x) && !dropped.has(x))
  const wayTo = (value: Tensor): Way => {
    const through: Tensor[] = []
    const needs = new Set<Tensor>()
    let depth = 0
    for (const x of value.node.inputs.map(baseOf)) {
      if (isThere(x)) continue
      const way = isSmall(x, value) ? undefined : ways.get(x)
      if (!way || way.depth >= DEPTH || storedBytes(way.needs) >= storageBytes(x)) needs.add(x)
      else {
        through.push(x)
        for (const need of way.needs) needs.add(need)
        depth = Math.max(depth, way.depth)
      }
    }
    return { depth: depth + 1, through, needs }
  }
  const drop = (value: Tensor) => {
    if (dropped.has(value)) return
    dropped.add(value)
    for (const x of ways.get(value)!.through) drop(x)
  }
  for (const node of graph.nodes) {
    if (late.has(node) || !isCheap(node) || !repeatable(node)) continue
    for (const value of outputsOf(node)) {
      const way = wayTo(value)
      ways.set(value, way)
      const bytes = storageBytes(value)
      if (!waiting.has(value) || bytes < least || 2 * storedBytes(way.needs) > bytes) continue
      drop(value)
      for (const need of way.needs) held.add(need)
    }
  }
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
