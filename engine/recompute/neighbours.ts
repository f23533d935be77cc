// The two gradients of a convolution or a product of matrices run in the order in which less is alive. That of the weights is written
// first, so that what it alone reads is gone when the other runs; but where weights outweigh maps, it would wait beside what the
// other needs of them, since only then may the weights be updated.

import { baseOf, type Graph, outputsOf } from '../graph.ts'
import { assignedBy } from '../passes/fused.ts'
import { lifetimesOf } from '../plan/lifetimes.ts'
import { liveBytes } from '../plan/memory.ts'
import type { Node, Tensor } from '../tensor.ts'

/** The order, with gradients of one op that follow each other exchanged where the most that is alive while the two run becomes
 * less. `scratchOf` is the scratch memory of a kernel in bytes. Which pairs there are does not depend on it. */
export function settled(
  graph: Graph,
  order: readonly Node[],
  scratchOf: (node: Node) => number = () => 0,
): readonly Node[] {
  const values = lifetimesOf(graph, order)
  const live = liveBytes([...values.values()], order.length)
  const bytesOf = (tensors: Iterable<Tensor>, last?: number): number => {
    let bytes = 0
    for (const t of tensors) {
      const value = values.get(t)
      if (value && (last === undefined || value.to === last)) bytes += value.bytes
    }
    return bytes
  }
  const result = [...order]
  for (let step = 0; step + 1 < order.length; step++) {
    const [a, b] = [order[step], order[step + 1]]
    if (!areTwins(a, b)) continue
    const [fromA, fromB] = [a, b].map(outputsOf)
    const [readA, readB] = [basesOf(a), basesOf(b)]
    const [madeA, madeB] = [bytesOf(fromA), bytesOf(fromB)]
    const [scratchA, scratchB] = [scratchOf(a), scratchOf(b)]
    const before = live[step] - madeA
    const pastA = bytesOf(
      [...readA, ...fromA].filter((x) => !readB.has(x)),
      step,
    )
    const pastB = bytesOf(
      [...readB, ...fromB].filter((x) => !readA.has(x)),
      step + 1,
    )
    const asWritten = before + madeA + Math.max(scratchA, madeB + scratchB - pastA)
    const exchanged = before + madeB + Math.max(scratchB, madeA + scratchA - pastB)
    if (exchanged < asWritten) [result[step], result[step + 1]] = [b, a]
    step++
  }
  return result
}

const basesOf = (node: Node): Set<Tensor> => new Set(node.inputs.map(baseOf))

/** Whether they are gradients of one op that do not read each other or update anything. */
const areTwins = (a: Node, b: Node): boolean =>
  a.source !== undefined &&
  a.source === b.source &&
  ![a, b].some((node) => node.types.some((_, i) => assignedBy(node, i))) &&
  !b.inputs.some((x) => baseOf(x).node === a)
