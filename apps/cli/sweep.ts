// The ways to run a training step in less and less memory, and what they cost.

import type { Caps } from '../../engine/adapters/adapter.ts'
import type { Graph } from '../../engine/graph.ts'
import { joinUpdates } from '../../engine/passes/joint.ts'
import { arranged } from '../../engine/plan/arrangement.ts'
import { fixedBytes, type Plan, plan, planBytes } from '../../engine/plan/plan.ts'
import { budgetChoices } from '../../engine/recompute/budget.ts'
import { type DeviceProfile, secondsOf } from '../../engine/recompute/device-profile.ts'

/** One way to run a step. */
export interface Trade {
  readonly what: string
  /** All that is allocated, and of that the memory of activations: with no budget, or where parts run again with the smallest that
   * lets it run. */
  readonly peakBytes: number
  readonly arenaBytes: number
  /** What it takes beside a step that makes nothing again, as a part of that: multiply-adds, and time as the profile has it. */
  readonly extraArithmetic: number
  readonly extraTime: number
}

/** Keeping everything, and then what a budget chooses from, each smaller than all before it. */
export function sweep(fused: Graph, caps: Caps, profile: DeviceProfile): Trade[] {
  const [macs, seconds] = costOf(fused, profile)
  const tradeOf = (what: string, graph: Graph, made: Plan): Trade => {
    const [ownMacs, ownSeconds] = costOf(graph, profile)
    return {
      what,
      peakBytes: planBytes(made),
      arenaBytes: made.activationBytes,
      extraArithmetic: ownMacs / macs - 1,
      extraTime: ownSeconds / seconds - 1,
    }
  }
  // Updates that wait for each other take a little more, which the smallest budget has no room for.
  const free = (graph: Graph) => joinUpdates(graph, caps)
  const trades = [tradeOf('everything kept', fused, free(fused))]
  for (const { how, segments, graph } of budgetChoices(fused, profile)) {
    // Most of what is allocated is known before anything is placed.
    const mostBytes = () => fixedBytes(graph) + arranged(graph, caps).packing().bytes
    if (how === 'again' && trades.some((t) => mostBytes() >= t.peakBytes)) continue
    const { length } = segments
    const what = {
      kept: 'checkpoints alone',
      cheap: 'cheap values again',
      again: `${length} part${length === 1 ? '' : 's'} again`,
    }
    const made = tradeOf(what[how], graph, how === 'again' ? plan(graph, caps) : free(graph))
    if (trades.every((t) => made.peakBytes < t.peakBytes)) trades.push(made)
  }
  return trades
}

function costOf(graph: Graph, profile: DeviceProfile): [macs: number, seconds: number] {
  const kernels = graph.nodes.filter(({ op }) => op.kind !== 'source' && op.kind !== 'view')
  return kernels.reduce(
    ([macs, seconds], node) => {
      const cost = node.op.cost(node.inputs, node.types, node.attrs)
      return [macs + cost.macs, seconds + secondsOf(node, profile, cost)]
    },
    [0, 0],
  )
}
