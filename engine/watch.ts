// The NaN watch: a pass that adds to a graph one flag per floating-point value, so that the first node whose result
// is not finite can be named. Each value is tested as its node made it, before any later op can hide it.

import { type Graph, graphOf } from './graph.ts'
import { cast, isFinite, sub } from './ops/arithmetic.ts'
import { max } from './ops/reduce.ts'
import { concat, reshape } from './ops/shape.ts'
import type { Node, Tensor } from './tensor.ts'

export interface Watched {
  readonly graph: Graph
  /** The node of each flag, in the order in which they run. */
  readonly nodes: readonly Node[]
}

/** The graph with one more output, f32 `[number of flags]`: 1 where a value is NaN or infinite. */
export function watched(graph: Graph): Watched {
  const nodes: Node[] = []
  const flags: Tensor[] = []
  for (const node of graph.nodes) {
    if (node.op.kind === 'view' || node.op.name === 'scalar') continue
    node.types.forEach((type, i) => {
      if (type.dtype !== 'f32') return
      nodes.push(node)
      flags.push(reshape(max(sub(1, cast(isFinite(node.output(i)), 'f32'))), [1]))
    })
  }
  if (!flags.length) return { graph, nodes }
  const outputs = [...graph.outputs, concat(flags, 0)]
  return { graph: graphOf(graph.inputs, outputs, graph.assigns), nodes }
}
