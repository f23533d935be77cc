// The NaN watch: a pass that adds to a graph, for each floating-point value, whether all of it is finite, its smallest and its
// largest element, so that the first node whose result is not finite can be named, and what came into it. Each value is
// looked at as its node made it, before any later op can hide it.

import { isFloat, showType, sizeOf } from '../dtype.ts'
import { NonFiniteError, type SeenInput, type SeenNode } from '../errors.ts'
import { baseOf, type Graph } from '../graph.ts'
import { apply } from '../op.ts'
import { cast, isFinite, neg, sub } from '../ops/arithmetic.ts'
import { concat } from '../ops/concat.ts'
import { maxOp } from '../ops/reduce.ts'
import { reshape } from '../ops/shape.ts'
import type { Node, Tensor, Variable } from '../tensor.ts'
import { inBlock } from '../trace.ts'

export interface Watched {
  readonly graph: Graph
  /** What is looked at, in the order in which it is made. */
  readonly values: readonly Tensor[]
}

/** Of each value: 1 where an element of it is NaN or infinite, the largest element, the largest of those with their signs
 * turned. */
const LOOKS = 3

/** The graph with one more output, f32 `[3 · number of values]`. */
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
      if (!isFloat(type.dtype) || !sizeOf(type.shape)) return
      const value = node.output(i)
      const look = () => looksAt(value).map((t) => reshape(t, [1]))
      values.push(value)
      const looks = node.block ? inBlock(node.block, look) : look()
      flags.push(...looks)
      for (const t of looks) place(t.node)
    })
  }
  if (!flags.length) return { graph, values }
  const all = concat(flags, 0)
  place(all.node)
  return { graph: { ...graph, nodes: [...nodes], outputs: [...graph.outputs, all] }, values }
}

/** Scalars, f32. */
function looksAt(value: Tensor): Tensor[] {
  const wide = cast(value, 'f32')
  const each = [sub(1, cast(isFinite(wide), 'f32')), wide, neg(wide)]
  const { shape } = value
  return shape.length ? apply(maxOp, each, { first: 0, count: shape.length, shape }) : each
}

/** The error for the first value that is not finite, if there is one, by what was seen of all. `argument` is the number of each
 * input of the graph among the arguments of the program. */
export function firstNonFinite(
  { values }: Watched,
  seen: ArrayLike<number>,
  argument: readonly number[],
): NonFiniteError | undefined {
  const first = values.findIndex((_, i) => seen[LOOKS * i] !== 0)
  if (first < 0) return undefined
  const numbers = new Map(values.map((t, i) => [t, i]))
  const rangeOf = (t: Tensor): SeenInput => {
    const type = showType(t)
    const i = numbers.get(baseOf(t))
    if (i === undefined) return { type }
    const [flag, most, least] = Array.from({ length: LOOKS }, (_, k) => seen[LOOKS * i + k])
    return flag ? { type, finite: false } : { type, finite: true, least: 0 - least, most }
  }
  const { node } = values[first]
  return nonFinite(values[first], argument, {
    op: node.op.name,
    path: node.path,
    type: showType(values[first]),
    derivativeOf: node.source && { op: node.source.op.name, path: node.source.path },
    inputs: node.inputs.filter((t) => t.node.op.name !== 'scalar').map(rangeOf),
  })
}

function nonFinite(value: Tensor, argument: readonly number[], seen: SeenNode): NonFiniteError {
  const { node } = value
  const { position, variable } = node.attrs as { position: number; variable: Variable }
  const type = showType(value)
  const where = node.path || 'the program'
  switch (node.op.name) {
    case 'input':
      return new NonFiniteError(
        `argument ${argument[position]} has a value that is not finite: ${type}`,
        'it came in so: look at the data, or at the program that made it',
        seen,
      )
    case 'variable':
      return new NonFiniteError(
        `the variable ${variable.name} has a value that is not finite: ${type}`,
        'it was so before this run: watch earlier steps, or go back to an earlier checkpoint',
        seen,
      )
    case 'constant':
      return new NonFiniteError(
        `a constant in ${where} has a value that is not finite: ${type}`,
        'look at the data that it was made of',
        seen,
      )
  }
  return new NonFiniteError(
    `${node.op.name} in ${where} made a value that is not finite: ${type}`,
    'its inputs were finite; look at their range, or lower the learning rate',
    seen,
  )
}
