// What runs again for nothing: where a value can wait without more being alive at once than is in any case, it waits. So the time
// that recomputation takes is paid for the peak alone.

import { baseOf, type Graph, outputsOf, rewrite, withInputs } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import { originalOf } from './again.ts'
import { deviceProfiles, secondsOf } from './device-profile.ts'
import { liveOf } from './live.ts'

/** The graph without those kernels that run again whose values can wait beneath the peak; of several that cannot wait all, those
 * wait that take the most time for their bytes. What a checkpoint asks for runs again in any case. */
export function spare(graph: Graph): Graph {
  const found = known.get(graph) ?? spared(graph)
  known.set(graph, found)
  return found
}

const known = new WeakMap<Graph, Graph>()

function spared(graph: Graph): Graph {
  const { order, live, values } = liveOf(graph)
  const peak = Math.max(...live)
  const at = new Map(order.map((node, step) => [node, step]))
  const uses = usesOf(order)
  const now = Float64Array.from(live)
  /** What waits in place of what is made again. */
  const kept = new Map<Node, Node>()

  const tryToKeep = (again: Node, first: Node) => {
    const step = at.get(again)!
    const change: [from: number, to: number, bytes: number][] = []
    for (const [i, value] of outputsOf(again).entries()) {
      const { to = -1, bytes = 0 } = values.get(first.output(i)) ?? {}
      if (uses.get(value)?.length) change.push([to + 1, step, bytes])
    }
    for (const x of new Set(again.inputs.map(baseOf))) {
      const readers = uses.get(x)
      if (!values.has(x) || readers?.[readers.length - 1] !== step) continue
      // What waited for this alone waits no more.
      const last = readers[readers.length - 2] ?? at.get(x.node)!
      change.push([last + 1, step + 1, -values.get(x)!.bytes])
    }
    for (const [from, to, bytes] of change) for (let s = from; s < to; s++) now[s] += bytes
    const [from, to] = [Math.min(...change.map(([f]) => f)), Math.max(...change.map(([, t]) => t))]
    let most = 0
    for (let s = from; s < to; s++) most = Math.max(most, now[s])
    if (most <= peak) {
      kept.set(again, first)
      for (const x of new Set(again.inputs.map(baseOf))) {
        const readers = uses.get(x)
        if (readers?.[readers.length - 1] === step) readers.pop()
      }
    } else for (const [from, to, bytes] of change) for (let s = from; s < to; s++) now[s] -= bytes
  }

  const repeats = order.flatMap((node): [Node, Node][] => {
    const first = originalOf(node)
    return first && at.has(first) && !node.block ? [[node, first]] : []
  })
  const price = new Map(
    repeats.map(([node]) => [
      node,
      secondsOf(node, deviceProfiles.unknown) /
        outputsOf(node).reduce((n, t) => n + (values.get(t)?.bytes ?? 0), 0),
    ]),
  )
  repeats.sort(([a], [b]) => price.get(b)! - price.get(a)! || at.get(a)! - at.get(b)!)
  for (const [again, first] of repeats) tryToKeep(again, first)
  if (!kept.size) return graph
  const made = rewrite(graph, (node, inputs) =>
    outputsOf(kept.get(node) ?? withInputs(node, inputs)),
  )
  return Math.max(...liveOf(made).live) <= peak ? made : graph
}

/** The steps that read each value, in order. */
function usesOf(order: readonly Node[]): Map<Tensor, number[]> {
  const uses = new Map<Tensor, number[]>()
  for (const [step, node] of order.entries())
    for (const x of new Set(node.inputs.map(baseOf))) {
      const list = uses.get(x)
      if (list) list.push(step)
      else uses.set(x, [step])
    }
  return uses
}
