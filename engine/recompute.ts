// Which forward values wait for the backward pass, and which are made again: first what is inside a checkpoint, by hand; then
// what is cheap, the inside of checkpoints that run again included.

import { type Passes, passesOf, runAgain } from './again.ts'
import { cheapValues } from './cheap.ts'
import { blockValues } from './checkpoint.ts'
import type { Graph } from './graph.ts'
import type { Node, Tensor } from './tensor.ts'

export type Recompute = 'cheap' | 'none' | ((graph: Graph) => Graph)

/** `least` is the size in bytes from which on a value is worth a kernel, `blockOf` what a kernel of the forward pass runs again
 * with; default: the checkpoint that it is in. */
export function recompute(
  graph: Graph,
  how: Recompute = 'cheap',
  least?: number,
  blockOf?: (node: Node) => object | undefined,
): Graph {
  if (typeof how === 'function') return how(graph)
  if (how === 'none') return graph
  const outside = pass(graph, (g, passes) => blockValues(g, passes, least, blockOf))
  return pass(outside, (g, passes) => cheapValues(g, passes, least))
}

function pass(graph: Graph, choose: (g: Graph, passes: Passes) => ReadonlySet<Tensor>): Graph {
  const passes = passesOf(graph)
  if (!passes.waiting.size) return graph
  const dropped = choose(graph, passes)
  return dropped.size ? runAgain(graph, dropped, passes) : graph
}
