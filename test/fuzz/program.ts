// A random program from a seed: a few tensors, and again and again a move on some of them; then a loss, gradients and
// updates. It is kept as the graph that was traced with the data of its arguments, so that it can be traced again, and
// cut down.

import { isFloat } from '../../engine/dtype.ts'
import { type Graph, graphOf, outputsOf } from '../../engine/graph.ts'
import { assign, mean, mul, read, sub } from '../../engine/index.ts'
import { apply, type Op } from '../../engine/op.ts'
import type { HostTensor, Node, Tensor, Variable } from '../../engine/tensor.ts'
import { derivedFrom, tracing } from '../../engine/trace.ts'
import { late } from './adapt.ts'
import { isOfLayers, layer, maps } from './layers.ts'
import { lossOf, moves, slopesOf, update } from './moves.ts'
import { applyOp, playable, takesIntegers } from './op-moves.ts'
import type { Slope } from './slope.ts'
import { Dice, World } from './world.ts'

export interface Program {
  readonly graph: Graph
  readonly args: readonly HostTensor[]
  /** A gradient that must be a slope, if it has one. */
  readonly slope?: Slope
}

/** Fewest and most ops of a program, before it is differentiated; reshapes and numbers do not count. */
const size = { least: 5, most: 60 }

/** The program of a seed. Programs of as many seeds in a row as there are ops have every op among them. */
export function randomProgram(seed: number, ops: readonly Op[]): Program {
  const playing = ops.filter(playable)
  const dice = new Dice(seed)
  const theme = isOfLayers(seed) ? 'layers' : dice.one(themes)
  // In some programs fusion may join whatever it finds.
  const w = new World(dice, theme !== 'layers' && !dice.rarely(theme === 'any' ? 4 : 2))
  const { result, trace } = tracing(() => {
    grow(w, playing, seed, theme)
    return finish(w)
  })
  const types = w.args.map(({ dtype, shape }) => ({ dtype, shape }))
  return {
    graph: graphOf(types, result.outputs, trace.assigns),
    args: w.args,
    ...(result.slope && { slope: result.slope }),
  }
}

/** What a program is about: what few programs have much of goes wrong where there is much of it. */
const themes = ['any', 'any', 'any', 'state', 'integers'] as const
type Theme = (typeof themes)[number] | 'layers'

/** Plays moves until there are enough ops; short programs more often than long ones. */
function grow(w: World, playing: readonly Op[], seed: number, theme: Theme): void {
  const { dice } = w
  const count = size.least + Math.floor((size.most - size.least + 1) * dice.random() ** 2)
  const first: readonly number[][] = theme === 'layers' ? maps : starts
  for (const _ of [1, 2]) w.accept(w.argument({ dtype: 'f32', shape: dice.one(first) }))
  if (theme === 'integers' || dice.rarely(2))
    w.accept(w.argument({ ...dice.one(wholes), shape: dice.one(starts) }))
  // The op that is this seed's own has its turn anywhere.
  const turn = dice.below(count)
  let due = true
  const often = theme === 'integers' ? playing.filter(takesIntegers) : playing
  for (let tries = 0; (due || opsBehind(w.pool) < count) && tries < 10 * count; tries++) {
    const own = due && opsBehind(w.pool) >= turn
    const floats = w.pool.filter((t) => isFloat(t.dtype))
    if (theme === 'layers' && !own && !dice.rarely(8)) {
      const y = layer(w)
      if (y) w.accept(y)
    } else if (own || dice.below(5) < (theme === 'state' ? 2 : 3)) {
      const op = own ? playing[seed % playing.length] : dice.one(dice.below(2) ? often : playing)
      if (applyOp(w, op, theme === 'integers').length && own) due = false
    } else {
      const move = theme === 'state' && dice.rarely(2) ? update : dice.one(moves)
      const y = move(w, late(dice, floats))
      if (y) w.accept(y)
    }
  }
}

/** How many ops tensors are made of. */
function opsBehind(ts: readonly Tensor[]): number {
  const nodes = [...new Set(ts.flatMap((t) => [...behind(t)]))]
  return nodes.filter(({ op: { kind, name } }) => {
    return kind === 'structured' || (kind === 'pointwise' && name !== 'scalar')
  }).length
}

const wholes = [
  { dtype: 'u8', range: [0, 255] },
  { dtype: 'i32', range: [-300, 300] },
] as const
const starts = [[1, 6, 8, 8], [2, 5, 7, 3], [1, 4, 4, 4], [2, 3, 5], [8, 4], [3, 4], [8], [5]]

/** Results, a loss over some of them, its gradients, and updates that follow them. */
function finish(w: World): { outputs: Tensor[]; slope?: Slope } {
  const { dice, pool } = w
  const used = new Set(pool.flatMap((t) => [...behind(t)].flatMap((n) => n.inputs)))
  const ends = pool.filter((t) => !used.has(t) && t.node.op.kind !== 'source').slice(-20)
  const results = [...new Set([...ends, dice.one(pool), late(dice, pool)])]
  const floats = results.filter((t) => isFloat(t.dtype))
  if (!floats.length || dice.rarely(5)) return { outputs: results }
  const loss = lossOf(floats.slice(0, 4))
  const variables = variablesBehind(loss)
  const inputs = w.inputs.filter((t) => isFloat(t.dtype))
  const input = dice.one(inputs)
  const inside = late(dice, [...inputs, ...pool.filter((t) => isFloat(t.dtype))])
  const targets = [input, inside, ...variables.slice(0, 3)]
  const slopes = slopesOf(loss, targets)
  if (!slopes) return { outputs: results }
  const slope = { loss, argument: w.inputs.indexOf(input), gradient: slopes[0] }
  const again =
    behind(loss).size < 60 && dice.rarely(8)
      ? slopesOf(lossOf([slopes[0]]), targets.slice(0, 2))
      : undefined
  const kept = [...slopes, ...(again ?? [])].filter((t) => w.accept(t))
  variables.forEach((v, i) => {
    const dv = slopes[i + 2]
    if (kept.includes(dv) && dice.below(2)) assign(v, sub(v, mul(dv, 0.1)))
  })
  const last = variables.length ? [mean(read(dice.one(variables)))] : []
  return { outputs: [loss, ...results, ...kept, ...last.filter((t) => w.accept(t))], slope }
}

function behind(t: Tensor): Set<Node> {
  const found = new Set([t.node])
  for (const node of found) for (const x of node.inputs) found.add(x.node)
  return found
}

const variablesBehind = (t: Tensor): Variable[] => [
  ...new Set(
    [...behind(t)].flatMap(({ attrs }) =>
      attrs.variable && isFloat((attrs.variable as Variable).dtype)
        ? [attrs.variable as Variable]
        : [],
    ),
  ),
]

/** A graph as a function: traced again, it is the same program on the same variables. `around` may stand around parts of it, as
 * a checkpoint does, and begins with how many nodes. */
export const replay =
  (graph: Graph, around: Around = (play) => play(graph.nodes.length)) =>
  (...inputs: Tensor[]): Tensor[] => {
    const now = new Map<Tensor, Tensor>()
    let at = 0
    const play = (count: number): number => {
      for (const node of graph.nodes.slice(at, at + count)) {
        const xs = node.inputs.map((x) => now.get(x)!)
        // What was a derivative when the graph was traced is one again.
        const made = node.source
          ? derivedFrom(node.source, () => again(node, xs, inputs))
          : again(node, xs, inputs)
        outputsOf(node).forEach((t, i) => {
          now.set(t, made[i])
        })
      }
      at += count
      return graph.nodes.length - at
    }
    while (at < graph.nodes.length) around(play)
    return graph.outputs.map((t) => now.get(t)!)
  }

/** Plays so many more nodes, and says how many are left. */
export type Around = (play: (count: number) => number) => void

/** A node once more in another trace, with other inputs; `inputs` are the arguments there. */
export function again(
  { op, attrs }: Node,
  xs: readonly Tensor[],
  inputs: readonly Tensor[],
): Tensor[] {
  if (op.name === 'input') return [inputs[attrs.position as number]]
  if (op.name === 'variable') return [read(attrs.variable as Variable)]
  if (op.name === 'assign') return [assign(attrs.variable as Variable, xs[0])]
  return apply(op, xs, attrs)
}
