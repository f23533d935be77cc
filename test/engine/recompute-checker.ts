// A graph with kernels that run again against the one it was made from: by number, equal numbers for equal kernels on equal
// values.

import { type Graph, identity } from '../../engine/graph.ts'
import { assignedBy } from '../../engine/passes/fused.ts'
import { titleOf } from '../../engine/print.ts'
import type { Node, Tensor } from '../../engine/tensor.ts'

/** Throws where `after` does not compute, with the same kernels on the same values, what `before` does, or does not run each
 * update exactly once. */
export function checkRecomputed(before: Graph, after: Graph): void {
  const numbers = new Map<string, number>()
  const numbersOf = (graph: Graph) => {
    const number = new Map<Node, number>()
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((x) => `${number.get(x.node)}.${x.index}`)
      if (inputs.some((x) => x.startsWith('undefined')))
        throw new Error(`recompute: ${titleOf(node)} stands before what it reads`)
      const key =
        node.op.kind === 'source'
          ? `source ${identity(node)}`
          : `${identity(node.op)} ${identity(node.attrs)} ${inputs}`
      if (!numbers.has(key)) numbers.set(key, numbers.size)
      number.set(node, numbers.get(key)!)
    }
    const value = (t: Tensor) => `${number.get(t.node)}.${t.index}`
    const updates = graph.nodes.filter((n) => n.types.some((_, i) => assignedBy(n, i)))
    return {
      outputs: graph.outputs.map(value),
      assigns: graph.assigns.map(value),
      updates: updates.map((n) => number.get(n)!).sort((a, b) => a - b),
    }
  }
  const [was, is] = [numbersOf(before), numbersOf(after)]
  for (const what of ['outputs', 'assigns', 'updates'] as const)
    if (`${was[what]}` !== `${is[what]}`) throw new Error(`recompute: other ${what} than before`)
}
