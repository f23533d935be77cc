// What is alive while a graph runs, kernel by kernel, without lowering it: enough to compare ways of running it.

import type { Graph } from '../graph.ts'
import { lifetimesOf } from '../plan/lifetimes.ts'
import { type Lifetime, liveBytes } from '../plan/memory.ts'
import { schedule } from '../plan/schedule.ts'
import type { Node, Tensor } from '../tensor.ts'
import { settled } from './neighbours.ts'

export interface Live {
  /** The kernels in the order in which they run. */
  readonly order: readonly Node[]
  /** Bytes of values alive while each runs; scratch memory is not counted. */
  readonly live: readonly number[]
  readonly values: ReadonlyMap<Tensor, Lifetime>
}

const known = new WeakMap<Graph, Live>()

export function liveOf(graph: Graph): Live {
  let found = known.get(graph)
  if (!found) {
    const order = settled(graph, schedule(graph))
    const values = lifetimesOf(graph, order)
    found = { order, live: liveBytes([...values.values()], order.length), values }
    known.set(graph, found)
  }
  return found
}
