// Greedy non-maximum suppression, one box after another: the definition that faster forms are compared with.

import { OptionError } from '../../engine/errors.ts'

export interface NmsOptions {
  /** A box whose intersection over union with a kept one is larger than this is suppressed; default 0.5. */
  readonly threshold?: number
  /** The class of each box; boxes of different classes leave each other alone. Default: all are of one class. */
  readonly classes?: ArrayLike<number>
}

export interface NmsResult {
  /** Indices of the boxes that are kept, in descending order of their scores. */
  readonly keep: Int32Array
  /** For each box the kept one that suppressed it; a kept one names itself. */
  readonly suppressedBy: Int32Array
}

/** Takes the boxes by descending score, the earlier of equals first, and keeps each whose IoU with no kept box of its class
 * exceeds the threshold. `edges` are n × (top, left, bottom, right) or any other order of two corners, reals: a box without
 * area overlaps nothing. Throws OptionError for other lengths, for edges and scores that are no numbers, and for a
 * threshold outside 0 … 1. */
export function nonMaximumSuppression(
  edges: ArrayLike<number>,
  scores: ArrayLike<number>,
  { threshold = 0.5, classes }: NmsOptions = {},
): NmsResult {
  const n = scores.length
  check(edges, scores, threshold, classes)
  const order = Int32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => scores[b] - scores[a] || a - b,
  )
  const suppressedBy = new Int32Array(n).fill(-1)
  const keep: number[] = []
  for (const i of order) {
    const by = keep.find((k) => {
      if (classes && classes[k] !== classes[i]) return false
      return iouOfEdges(edges, k, i) > threshold
    })
    suppressedBy[i] = by ?? i
    if (by === undefined) keep.push(i)
  }
  return { keep: Int32Array.from(keep), suppressedBy }
}

/** Intersection over union of boxes i and j of n × 4 edges; 0 where neither has an area. */
export function iouOfEdges(edges: ArrayLike<number>, i: number, j: number): number {
  const side = (k: number, axis: number) => edges[4 * k + axis + 2] - edges[4 * k + axis]
  const shared = (axis: number) =>
    Math.min(edges[4 * i + axis + 2], edges[4 * j + axis + 2]) -
    Math.max(edges[4 * i + axis], edges[4 * j + axis])
  const both = Math.max(0, shared(0)) * Math.max(0, shared(1))
  if (both === 0) return 0
  return both / (side(i, 0) * side(i, 1) + side(j, 0) * side(j, 1) - both)
}

function check(
  edges: ArrayLike<number>,
  scores: ArrayLike<number>,
  threshold: number,
  classes?: ArrayLike<number>,
): void {
  const me = 'nonMaximumSuppression'
  const n = scores.length
  if (edges.length !== 4 * n)
    throw new OptionError(`${me}: ${edges.length} edges are not four for each of ${n} scores`)
  if (classes && classes.length !== n)
    throw new OptionError(`${me}: ${classes.length} classes are not one for each of ${n} scores`)
  if (!(threshold >= 0 && threshold <= 1))
    throw new OptionError(`${me}: threshold ${threshold} is not between 0 and 1`)
  for (const [what, values] of [
    ['edge', edges],
    ['score', scores],
  ] as const)
    for (let i = 0; i < values.length; i++)
      if (!Number.isFinite(values[i]))
        throw new OptionError(`${me}: ${what} ${i} is ${values[i]}`, 'leave such boxes out')
}
