// Which forward values wait for the backward pass, and which are made again: first what is inside a checkpoint, by hand; then
// what is cheap, the inside of checkpoints that run again included, unless little is alive at any time.

import { blockValues } from '../checkpoint.ts'
import type { Graph } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import { type Passes, passesOf, runAgain } from './again.ts'
import { cheapValues } from './cheap.ts'
import { liveOf } from './live.ts'

/** `checkpoints`: nothing is made again but what is inside one. The others are those of a program's options. */
export type Recompute = 'auto' | 'cheap' | 'checkpoints' | 'none' | ((graph: Graph) => Graph)

/** Bytes: where fewer are alive at once, no device is short of memory, and a pass over each value is all that there is to lose. */
const LITTLE = 64 * 2 ** 20

/** `least` is the size in bytes from which on a value is worth a kernel, `blockOf` what a kernel of the forward pass runs again
 * with; default: the checkpoint that it is in. */
export function recompute(
  graph: Graph,
  how: Recompute = 'auto',
  least?: number,
  blockOf?: (node: Node) => object | undefined,
): Graph {
  if (typeof how === 'function') return how(graph)
  if (how === 'none') return graph
  const usual = least === undefined && blockOf === undefined
  const ways: Ways = (usual && known.get(graph)) || {}
  if (usual) known.set(graph, ways)
  ways.outside ??= pass(graph, (g, passes) => blockValues(g, passes, least, blockOf))
  const { outside } = ways
  if (how === 'checkpoints') return outside
  if (how === 'auto' && Math.max(0, ...liveOf(outside).live) < LITTLE) return outside
  ways.cheap ??= pass(outside, (g, passes) => cheapValues(g, passes, least))
  return ways.cheap
}

interface Ways {
  outside?: Graph
  cheap?: Graph
}

// What runs without a budget is also what the choices for a budget begin with.
const known = new WeakMap<Graph, Ways>()

function pass(graph: Graph, choose: (g: Graph, passes: Passes) => ReadonlySet<Tensor>): Graph {
  const passes = passesOf(graph)
  if (!passes.waiting.size) return graph
  const dropped = choose(graph, passes)
  return dropped.size ? runAgain(graph, dropped, passes) : graph
}
