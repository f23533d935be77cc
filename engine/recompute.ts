// Which forward values wait for the backward pass, and which are made again: first what is inside a checkpoint, by hand; then
// what is cheap, the inside of checkpoints that run again included.

import { passesOf, runAgain } from './again.ts'
import { cheapValues } from './cheap.ts'
import { blockValues } from './checkpoint.ts'
import type { Graph } from './graph.ts'

export type Recompute = 'cheap' | 'none' | ((graph: Graph) => Graph)

export function recompute(graph: Graph, how: Recompute = 'cheap'): Graph {
  if (typeof how === 'function') return how(graph)
  if (how === 'none') return graph
  const outside = pass(graph, blockValues)
  return pass(outside, cheapValues)
}

function pass(graph: Graph, choose: typeof cheapValues): Graph {
  const passes = passesOf(graph)
  const dropped = choose(graph, passes)
  return dropped.size ? runAgain(graph, dropped, passes) : graph
}
