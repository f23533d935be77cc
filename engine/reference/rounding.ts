// How far rounding alone can carry the results of a graph, found by experiment: the interpreter runs again with every
// computed value disturbed by several times its op's own rounding error, and what arrives at the outputs is the measure
// (stochastic arithmetic, after Vignes). Unlike a bound it knows how each op passes errors on, and it sees where an op
// chooses otherwise: there a device may rightly be anywhere.

import { isFloat } from '../dtype.ts'
import type { Graph } from '../graph.ts'
import { ops } from '../ops/index.ts'
import type { Node, Tensor } from '../tensor.ts'
import { randomFrom } from './draw.ts'
import { evaluate } from './evaluate.ts'
import { type Given, interpretAll, type State } from './interpret.ts'
import { errorOf, sizeOfValues } from './tolerance.ts'
import type { Value } from './value.ts'

const experiments = 3
/** A few random experiments reach about a third of the largest error; the rest is margin for long chains, and for
 * choices that nearly fell otherwise. */
const amplitude = 8

export interface Disturbed {
  /** The value of every tensor without any disturbance. */
  readonly plain: ReadonlyMap<Tensor, Value>
  /** For each output and assignment, the largest difference from the plain value that rounding to f32 explains. */
  readonly errors: Map<Tensor, number>
  /** Nodes that chose otherwise in an experiment: a comparison, an index, a rounding to whole numbers. */
  readonly jumps: ReadonlySet<Node>
  /** All tensors that depend on such a choice. */
  readonly unsure: ReadonlySet<Tensor>
}

/** For each output of a graph, the largest difference from the interpreter that rounding to f32 explains. */
export const roundingErrors = (
  graph: Graph,
  inputs: readonly Given[] = [],
  state: State = new Map(),
): Map<Tensor, number> => disturbed(graph, inputs, state).errors

/** Runs a graph undisturbed and then `count` times disturbed. Experiments of one number are the same. */
export function disturbed(
  graph: Graph,
  inputs: readonly Given[] = [],
  state: State = new Map(),
  count: number = experiments,
  plain: ReadonlyMap<Tensor, Value> = interpretAll(graph, inputs, state),
): Disturbed {
  const wanted = [...graph.outputs, ...graph.assigns]
  const errors = new Map(
    wanted.map((t) => [t, 4 * 2 ** -24 * Math.max(1e-3, sizeOfValues(plain.get(t)!.data))]),
  )
  const jumps = new Set<Node>()
  const unsure = new Set<Tensor>()
  for (let seed = 1; seed <= count; seed++) {
    const random = randomFrom(seed)
    const values = interpretAll(graph, inputs, state, (node, given, args) => {
      const outputs = disturb(random, node, given, args)
      const depends = node.inputs.some((x) => unsure.has(x))
      if (!depends && !jumped(node, outputs, args, plain)) return outputs
      if (!depends) jumps.add(node)
      for (const i of node.types.keys()) unsure.add(node.output(i))
      return outputs
    })
    for (const t of wanted) {
      const most = largestFinite(plain.get(t)!.data, values.get(t)!.data)
      errors.set(t, Math.max(errors.get(t)!, isFloat(t.dtype) ? most : 0))
    }
  }
  for (const t of wanted) if (!isFloat(t.dtype)) errors.set(t, 0)
  return { plain, errors, jumps, unsure }
}

/** Whether a node chose otherwise than without disturbance: another integer, or a difference that grew in an op that
 * only moves or chooses values. */
function jumped(
  node: Node,
  outputs: readonly Value[],
  inputs: readonly Value[],
  plain: ReadonlyMap<Tensor, Value>,
): boolean {
  const exact = node.op.error === 'exact'
  const undisturbed = () => node.inputs.map((x) => plain.get(x)!)
  if (asksForEquality(node) && !sameOrder(node, inputs, undisturbed())) return true
  let most = -1
  return outputs.some((y, i) => {
    const before = plain.get(node.output(i))!.data
    if (!isFloat(y.dtype)) return y.data.some((v, e) => v !== before[e])
    if (!exact) return false
    if (most < 0)
      most = inputs.reduce((m, x, k) => {
        return Math.max(m, largestFinite(x.data, plain.get(node.inputs[k])!.data))
      }, 0)
    return largestFinite(y.data, before) > most * (1 + 1e-9) + 1e-300
  })
}

const asksForEquality = ({ op, inputs }: Node): boolean =>
  ['equal', 'notEqual', 'nonzero'].includes(op.name) && isFloat(inputs[0].dtype)

const lessOp = ops.find((op) => op.name === 'less')!

/** Whether no number got past the one that it is compared with. No experiment makes two equal that were not, but one that
 * carries a number past another shows that rounding may. */
function sameOrder(node: Node, a: readonly Value[], b: readonly Value[]): boolean {
  const zero: Value = { dtype: a[0].dtype, shape: [], data: Float64Array.of(0) }
  const [before, after] = [a, b].map(
    ([x, y = zero]) => evaluate(lessOp, [x, y], {}, [{ ...node.types[0], dtype: 'u8' }])[0].data,
  )
  return before.every((v, i) => v === after[i])
}

function largestFinite(a: Float64Array, b: Float64Array): number {
  let most = 0
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] - b[i])
    if (d > most && d < Number.POSITIVE_INFINITY) most = d
  }
  return most
}

function disturb(
  random: () => number,
  node: Node,
  outputs: Value[],
  inputs: readonly Value[],
): Value[] {
  // Disturbing what rounds nothing would undo the equality of a maximum with its element.
  if (node.op.error === 'exact') return outputs
  const error = errorOf(node.op, node.inputs, node.types, node.attrs)
  const [relative, absolute] = [amplitude * error.relative, amplitude * error.absolute]
  const pointwise = node.op.kind === 'pointwise'
  // A pointwise op errs in proportion to its result; a sum to the terms that it is made of, which are products of its
  // inputs. What is exactly 0 is so because its terms are.
  const terms = inputs.reduce((n, x) => (isFloat(x.dtype) ? n * sizeOfValues(x.data) : n), 1)
  return outputs.map((v) => {
    if (!isFloat(v.dtype)) return v
    const size = Math.max(terms, sizeOfValues(v.data))
    // Equal elements of a pointwise op were computed alike: ties stay ties.
    const noise = pointwise ? noiseOf(Math.floor(random() * 2 ** 32)) : () => 2 * random() - 1
    const data = new Float64Array(v.data.length)
    for (let i = 0; i < data.length; i++) {
      const x = v.data[i]
      data[i] = x + noise(x) * (relative * (pointwise ? Math.abs(x) : x && size) + absolute)
    }
    return { ...v, data }
  })
}

const float = new Float64Array(1)
const words = new Uint32Array(float.buffer)

/** Noise in [-1, 1) that is a function of the value (the mixing is that of MurmurHash3). */
function noiseOf(salt: number): (x: number) => number {
  return (x) => {
    float[0] = x
    let h = Math.imul(words[0] ^ salt, 0x85ebca6b) ^ words[1]
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 31 - 1
  }
}
