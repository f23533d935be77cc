// A lattice as the device takes it: the pixels of each point as a sorted list, and sizes rounded up, so that pictures of one
// size whose lattices differ little share a plan.

import { type HostTensor, hostTensor } from '../../engine/index.ts'
import type { Lattice } from './lattice.ts'
import { ABSENT, CORNERS } from './points.ts'

/** Entries at most that one invocation adds up. */
const SEGMENT = 64

export interface LatticeLists {
  /** First entry of each segment in `order`, and the end; then the first segment of each point that pixels are spread over, and
   * the end. */
  readonly begins: HostTensor
  readonly firsts: HostTensor
  /** Entries (pixel · 6 + k), sorted by their point. */
  readonly order: HostTensor
  readonly corners: HostTensor
  readonly weights: HostTensor
  readonly turns: HostTensor
  /** Of each point along each axis, [6, points, 2]. */
  readonly neighbours: HostTensor
}

/** The lists of a lattice. Points and segments that there are not have no entries and no neighbours. */
export function latticeLists(lattice: Lattice): LatticeLists {
  const { points, met, corners, weights, turns, neighbours } = lattice
  const entries = corners.length
  const ends = new Uint32Array(met)
  for (const v of corners) ends[v]++
  const firsts = new Uint32Array(roundedUp(met) + 1)
  let segments = 0
  for (let v = 0, sum = 0; v < met; v++) {
    segments += Math.ceil(ends[v] / SEGMENT)
    firsts[v + 1] = segments
    sum += ends[v]
    ends[v] = sum
  }
  firsts.fill(segments, met)
  // As many as there can be, so that their number is no reason for another plan.
  const most = firsts.length + Math.ceil(entries / SEGMENT)
  const begins = new Uint32Array(most).fill(entries)
  for (let v = 0; v < met; v++) {
    const begin = v ? ends[v - 1] : 0
    for (let s = firsts[v]; s < firsts[v + 1]; s++) begins[s] = begin + (s - firsts[v]) * SEGMENT
  }
  const order = new Uint32Array(entries)
  // Backwards, so that each end moves to its list's beginning.
  for (let e = entries - 1; e >= 0; e--) order[--ends[corners[e]]] = e
  const capacity = roundedUp(points)
  const beside = new Uint32Array(CORNERS * 2 * capacity).fill(ABSENT)
  for (const [axis, list] of neighbours.entries()) beside.set(list, axis * 2 * capacity)
  const pixels = entries / CORNERS
  return {
    begins: hostTensor(begins),
    firsts: hostTensor(firsts),
    order: hostTensor(order),
    corners: hostTensor(corners, [pixels, CORNERS]),
    weights: hostTensor(weights, [pixels, CORNERS]),
    turns: hostTensor(turns),
    neighbours: hostTensor(beside, [CORNERS, capacity, 2]),
  }
}

/** To four significant bits: at most an eighth more. */
export function roundedUp(n: number): number {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, n))) - 3)
  return Math.ceil(n / step) * step
}
