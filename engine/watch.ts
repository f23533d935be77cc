// The NaN watch: a pass that adds to a graph one flag per floating-point value, so that the first node whose result
// is not finite can be named. Each value is tested as its node made it, before any later op can hide it.

import { showType, sizeOf } from './dtype.ts'
import { NonFiniteError } from './errors.ts'
import type { Graph } from './graph.ts'
import { cast, isFinite, sub } from './ops/arithmetic.ts'
import { concat } from './ops/concat.ts'
import { max } from './ops/reduce.ts'
import { reshape } from './ops/shape.ts'
import { inBlock, type Node, type Tensor, type Variable } from './tensor.ts'

export interface Watched {
  readonly graph: Graph
  /** The value of each flag, in the order in which they are made. */
  readonly values: readonly Tensor[]
}

/** The graph with one more output, f32 `[number of flags]`: 1 where a value is NaN or infinite. */
export function watched(graph: Graph): Watched {
  const values: Tensor[] = []
  const flags: Tensor[] = []
  // Each flag stands right after its value and in the same checkpoint, so that no value waits for its flag.
  const nodes = new Set<Node>()
  const place = (node: Node) => {
    if (nodes.has(node)) return
    for (const x of node.inputs) place(x.node)
    nodes.add(node)
  }
  for (const node of graph.nodes) {
    place(node)
    if (node.op.kind === 'view' || node.op.name === 'scalar') continue
    node.types.forEach((type, i) => {
      if (type.dtype !== 'f32' || !sizeOf(type.shape)) return
      const value = node.output(i)
      const flag = () => reshape(max(sub(1, cast(isFinite(value), 'f32'))), [1])
      values.push(value)
      flags.push(node.block ? inBlock(node.block, flag) : flag())
      place(flags[flags.length - 1].node)
    })
  }
  if (!flags.length) return { graph, values }
  const all = concat(flags, 0)
  place(all.node)
  return { graph: { ...graph, nodes: [...nodes], outputs: [...graph.outputs, all] }, values }
}

/** What to throw when `value` is the first that is not finite. `argument` is the number of each input of the graph
 * among the arguments of the program. */
export function nonFinite(value: Tensor, argument: readonly number[]): NonFiniteError {
  const { node } = value
  const { position, variable } = node.attrs as { position: number; variable: Variable }
  const type = showType(value)
  const where = node.path || 'the program'
  switch (node.op.name) {
    case 'input':
      return new NonFiniteError(
        `argument ${argument[position]} has a value that is not finite: ${type}`,
        'it came in so: look at the data, or at the program that made it',
      )
    case 'variable':
      return new NonFiniteError(
        `the variable ${variable.name} has a value that is not finite: ${type}`,
        'it was so before this run: watch earlier steps, or go back to an earlier checkpoint',
      )
    case 'constant':
      return new NonFiniteError(
        `a constant in ${where} has a value that is not finite: ${type}`,
        'look at the data that it was made of',
      )
  }
  return new NonFiniteError(
    `${node.op.name} in ${where} made a value that is not finite: ${type}`,
    'its inputs were finite; look at their range, or lower the learning rate',
  )
}
