// How far rounding alone can carry the results of a graph, found by experiment: the interpreter runs again with every
// computed value disturbed by a random amount as large as its op's own rounding error, and what arrives at the outputs
// is the measure (stochastic arithmetic, after Vignes). Unlike a bound it knows how each op passes errors on.

import { isFloat } from '../dtype.ts'
import type { Graph } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'
import { randomFrom } from './draw.ts'
import { type Given, interpretAll, type State } from './interpret.ts'
import { errorOf, sizeOfValues } from './tolerance.ts'
import type { Value } from './value.ts'

const experiments = 3
/** A few random experiments reach about a third of the largest error; the rest is margin for long chains. */
const margin = 8

/** For each output of a graph, the largest difference from the interpreter that rounding to f32 explains. */
export function roundingErrors(
  graph: Graph,
  inputs: readonly Given[] = [],
  state: State = new Map(),
): Map<Tensor, number> {
  const wanted = [...graph.outputs, ...graph.assigns]
  const plain = interpretAll(graph, inputs, state)
  const errors = new Map(
    wanted.map((t) => [t, 4 * 2 ** -24 * Math.max(1e-3, sizeOfValues(plain.get(t)!.data))]),
  )
  for (let seed = 1; seed <= experiments; seed++) {
    const random = randomFrom(seed)
    const disturbed = interpretAll(graph, inputs, state, (...given) => disturb(random, ...given))
    for (const t of wanted) {
      const [a, b] = [plain.get(t)!.data, disturbed.get(t)!.data]
      const most = a.reduce((m, x, i) => Math.max(m, finite(Math.abs(x - b[i]))), 0)
      errors.set(t, Math.max(errors.get(t)!, isFloat(t.dtype) ? margin * most : 0))
    }
  }
  for (const t of wanted) if (!isFloat(t.dtype)) errors.set(t, 0)
  return errors
}

const finite = (x: number) => (Number.isFinite(x) ? x : 0)

function disturb(
  random: () => number,
  node: Node,
  outputs: Value[],
  inputs: readonly Value[],
): Value[] {
  // Disturbing what rounds nothing would undo the equality of a maximum with its element.
  if (node.op.error === 'exact') return outputs
  const signed = () => 2 * random() - 1
  const { relative, absolute } = errorOf(node.op, node.inputs, node.types, node.attrs)
  const pointwise = node.op.kind === 'pointwise'
  // A pointwise op errs in proportion to its result; a sum to the terms that it is made of, which are products of its
  // inputs. What is exactly 0 is so because its terms are.
  const terms = inputs.reduce((n, x) => (isFloat(x.dtype) ? n * sizeOfValues(x.data) : n), 1)
  return outputs.map((v) => {
    if (!isFloat(v.dtype)) return v
    const size = Math.max(terms, sizeOfValues(v.data))
    const error = (x: number) => relative * (pointwise ? Math.abs(x) : x && size) + absolute
    return { ...v, data: v.data.map((x) => x + signed() * error(x)) }
  })
}
