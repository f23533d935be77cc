// A problem to measure: its recipe with each candidate, its sizes in memory, and how many multiply-adds it is. Very large
// problems are cut to fewer pixels, of which there are only more of the same.

import {
  defaultForward,
  defaultWeight,
  forwardCandidates,
  type Tile,
  tileName,
  type WeightTile,
  weightCandidates,
} from '../../shaders/conv/choice.ts'
import type { Geometry } from '../../shaders/conv/index.ts'
import { forwardRecipe, weightGradRecipe } from '../../shaders/conv/plan.ts'
import { identityTail, type Recipe } from '../../shaders/kernel.ts'
import { type Family, type Problem, problemClass, storedAs } from '../../shaders/problem-class.ts'
import { plainLoad } from '../../shaders/reduce.ts'
import type { Caps } from '../adapters/adapter.ts'
import { predictedCost } from './cost.ts'

export interface TuningProblem {
  readonly problemClass: string
  readonly family: Family
  readonly geometry: Problem
  /** How many times a step meets it. */
  readonly count: number
}

/** A tile and what it runs; inputs 0 and 1, output 0. */
export interface Candidate {
  readonly name: string
  readonly recipe: Recipe
}

/** Floating-point operations of all taps, those in the padding too. */
export const flopsOf = ({ n, oh, ow, cin, cout, kh, kw, batch, divY, divX }: Geometry): number =>
  (2 * batch * n * oh * ow * kh * kw * cin * cout) / (divY * divX)

/** Elements of the two inputs and the output. */
export function elementsOf(family: Family, g: Geometry): readonly [number, number, number] {
  const last = (outer: number, inner: number) =>
    Math.floor((g.batch - 1) / g.period) * outer + (Math.min(g.batch, g.period) - 1) * inner
  const x = g.xStart + last(g.xOuter, g.xBatch) + g.n * g.h * g.w * g.cin
  const y = g.yStart + (g.batch - 1) * g.yBatch + g.n * g.oh * g.ow * g.cout
  const w = last(g.wOuter, g.wBatch) + g.kh * g.kw * g.cin * g.cout
  return family === 'weight' ? [x, y, g.batch * g.kh * g.kw * g.cin * g.cout] : [x, w, y]
}

/** The problem with fewer images and rows, so that it is at most about `flops`. */
export function cut(g: Problem, flops: number): Problem {
  if (flopsOf(g) <= flops || g.batch > 1) return g
  const one = { ...g, n: Math.max(1, Math.floor((g.n * flops) / flopsOf(g))) }
  if (flopsOf(one) <= flops) return one
  // A matrix product has all its pixels in one row.
  const share = flops / flopsOf(one)
  if (g.oh === 1) return { ...one, ...along(g.w, g.ow, g.mulX, g.kw * g.stepX, g.divX, share, 'w') }
  return { ...one, ...along(g.h, g.oh, g.mulY, g.kh * g.stepY, g.divY, share, 'h') }
}

function along(
  input: number,
  output: number,
  mul: number,
  reach: number,
  div: number,
  share: number,
  axis: 'h' | 'w',
) {
  const out = Math.max(div, Math.floor(output * share))
  const inp = Math.max(1, Math.min(input, Math.ceil((out * mul + Math.abs(reach)) / div)))
  return axis === 'h' ? { h: inp, oh: out } : { w: inp, ow: out }
}

/** The name of the tile that a problem has where nothing was measured. */
export const defaultName = (family: Family, g: Geometry, caps: Caps): string =>
  tileName(family === 'weight' ? defaultWeight(g, caps) : defaultForward(g, caps))

/** At most `most` that are worth trying: the default, and then those that should cost the least. */
export function candidatesOf(family: Family, g: Problem, caps: Caps, most: number): Candidate[] {
  const access = { xAccess: 'read_write', yAccess: 'read_write' } as const
  const stored = storedAs(g)
  const x = plainLoad([stored])
  if (family === 'weight') {
    const other = { dyAccess: 'read_write', dwAccess: 'read_write', x, dy: x } as const
    const problem = { ...g, ...access, ...other }
    return promising(weightCandidates(g, caps), g, caps, most).map((tile) => ({
      name: tileName(tile),
      recipe: weightGradRecipe(problem, caps, tile),
    }))
  }
  const tail = { ...identityTail, outputs: [stored] }
  const problem = { ...g, ...access, wAccess: 'read', x, tail } as const
  return promising(forwardCandidates(g, caps), g, caps, most).map((tile) => ({
    name: tileName(tile),
    recipe: forwardRecipe(problem, caps, tile),
  }))
}

function promising<T extends Tile | WeightTile>(
  [usual, ...others]: readonly T[],
  g: Geometry,
  caps: Caps,
  most: number,
): T[] {
  const cost = (tile: T) => predictedCost(tile, g, caps)
  return [usual, ...others.sort((a, b) => cost(a) - cost(b)).slice(0, most - 1)]
}

/** The problems of one class are measured once, on the first of them that was met. */
export function distinctProblems(
  met: readonly { readonly family: Family; readonly geometry: Problem }[],
): TuningProblem[] {
  const found = new Map<string, TuningProblem>()
  for (const { family, geometry } of met) {
    const name = problemClass(family, geometry)
    const known = found.get(name)
    found.set(
      name,
      known
        ? { ...known, count: known.count + 1 }
        : { problemClass: name, family, geometry, count: 1 },
    )
  }
  return [...found.values()]
}
