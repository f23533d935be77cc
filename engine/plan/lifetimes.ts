// From which kernel to which each value of the activation memory is needed, in a given order of the kernels.

import { storageBytes, type TensorType } from '../dtype.ts'
import { baseOf, type Graph } from '../graph.ts'
import { assignedBy } from '../passes/fused.ts'
import type { Node, Tensor } from '../tensor.ts'
import type { Lifetime } from './memory.ts'

/** Lifetimes of all that the kernels make but results and new versions of variables, which have memory of their own. `bytesOf`
 * is what a value takes. */
export function lifetimesOf(
  graph: Graph,
  order: readonly Node[],
  bytesOf: (type: TensorType) => number = storageBytes,
): ReadonlyMap<Tensor, Lifetime> {
  const returned = new Set(graph.outputs.map(baseOf))
  const values = new Map<Tensor, { bytes: number; from: number; to: number }>()
  for (const [step, node] of order.entries()) {
    for (const [i, type] of node.types.entries()) {
      const t = node.output(i)
      if (returned.has(t) || assignedBy(node, i)) continue
      values.set(t, { bytes: bytesOf(type), from: step, to: step })
    }
    for (const x of node.inputs) {
      const value = values.get(baseOf(x))
      if (value) value.to = step
    }
  }
  return values
}
