// What is alive while a graph runs, kernel by kernel, without lowering it: enough to compare ways of running it.

import { storageBytes } from './dtype.ts'
import { assignedBy } from './fused.ts'
import { baseOf, type Graph } from './graph.ts'
import { liveBytes } from './memory.ts'
import { schedule } from './schedule.ts'
import type { Node, Tensor } from './tensor.ts'

export interface Live {
  /** The kernels in the order in which they run. */
  readonly order: readonly Node[]
  /** Bytes of values alive while each runs; scratch memory is not counted. */
  readonly live: readonly number[]
  /** First and last step at which each value in the activation memory is needed. */
  readonly values: ReadonlyMap<
    Tensor,
    { readonly bytes: number; readonly from: number; to: number }
  >
}

export function liveOf(graph: Graph): Live {
  const order = schedule(graph).filter((n) => n.op.kind === 'structured' || n.op.kind === 'fused')
  const returned = new Set(graph.outputs.map(baseOf))
  const values = new Map<Tensor, { bytes: number; from: number; to: number }>()
  order.forEach((node, step) => {
    node.types.forEach((type, i) => {
      const t = node.output(i)
      if (returned.has(t) || assignedBy(node, i)) return
      values.set(t, { bytes: storageBytes(type), from: step, to: step })
    })
    for (const x of node.inputs) {
      const value = values.get(baseOf(x))
      if (value) value.to = step
    }
  })
  return { order, live: liveBytes([...values.values()], order.length), values }
}
