// Steps 5 and 6 of the pipeline of Wu, Shen and van den Hengel (2016b): what suppressed what is traced back to regions, and of
// regions of a class that overlap the less confident is dropped. Here is the host: its work is a few passes over the
// entries of the picture, in order, which have to come back from the device for their masks anyhow.

import { entriesOf } from './cast.ts'
import type { InstanceSettings } from './options.ts'

/** A cluster of cells: what survived and what it suppressed. */
export interface Region {
  /** From 1, as in labels. */
  readonly class: number
  /** Mean probability of the class over the cells. */
  readonly score: number
  /** In the order of their scores; the first is that of the survivor. */
  readonly cells: Uint32Array
}

/** `Cast` as it was read. */
export interface CastValues {
  readonly order: Uint32Array
  readonly scores: Float32Array
  readonly by: Uint32Array
  readonly firsts: Uint32Array
}

/** The instances of a picture of so many cells, of each class the most confident first, then all in descending order of
 * confidence; of equal ones the lower class first, then the smaller mask. `ranks` are the masks of each class. */
export function regionsOf(
  values: CastValues,
  cells: number,
  ranks: number,
  settings: InstanceSettings,
): Region[] {
  const classes = (values.firsts.length - 1) / ranks
  const kept = Array.from({ length: ranks }, () => new Int32Array(cells))
  const all: Region[] = []
  for (let k = 0; k < classes; k++) {
    const own = Array.from({ length: ranks }, (_, j) =>
      clusters(values, k * ranks + j, ranks, settings).map((region) => ({ ...region, mask: j })),
    ).flat()
    own.sort((a, b) => b.score - a.score)
    all.push(...suppressRegions(own, kept, settings.overlap))
  }
  return all.sort((a, b) => b.score - a.score)
}

/** The clusters of a segment, in the order of their survivors, those that are too small left out. */
function clusters(
  { order, scores, by, firsts }: CastValues,
  segment: number,
  ranks: number,
  { leastCells }: InstanceSettings,
): Region[] {
  const [begin, end] = [firsts[segment], firsts[segment + 1]]
  const entries = entriesOf(ranks)
  const sizes = new Uint32Array(end - begin)
  const sums = new Float64Array(end - begin)
  for (let e = begin; e < end; e++) {
    sizes[by[e] - begin]++
    sums[by[e] - begin] += scores[e]
  }
  const lists = new Map<number, { readonly cells: Uint32Array; filled: number }>()
  sizes.forEach((size, at) => {
    if (size >= leastCells) lists.set(at, { cells: new Uint32Array(size), filled: 0 })
  })
  for (let e = begin; e < end; e++) {
    const list = lists.get(by[e] - begin)
    if (list) list.cells[list.filled++] = Math.floor(order[e] / entries)
  }
  return Array.from(lists, ([at, list]) => ({
    class: Math.floor(segment / ranks) + 1,
    score: sums[at] / sizes[at],
    cells: list.cells,
  }))
}

interface Masked extends Region {
  readonly mask: number
}

/** Greedy, best first: a region stays unless its IoU with one that stays is above `overlap`. Regions of one mask share no cell, so
 * that a list of owners for each mask says all. `owners` are zeros [masks][cells], and are left as such. */
function suppressRegions(
  sorted: readonly Masked[],
  owners: readonly Int32Array[],
  overlap: number,
): Region[] {
  const stays: Masked[] = []
  for (const region of sorted) {
    const shared = new Map<number, number>()
    for (const owner of owners)
      for (const cell of region.cells) {
        const who = owner[cell]
        if (who) shared.set(who, (shared.get(who) ?? 0) + 1)
      }
    const size = region.cells.length
    const over = [...shared].some(([who, both]) => {
      const iou = both / (size + stays[who - 1].cells.length - both)
      return iou > overlap
    })
    if (over) continue
    stays.push(region)
    for (const cell of region.cells) owners[region.mask][cell] = stays.length
  }
  for (const { mask, cells } of stays) for (const cell of cells) owners[mask][cell] = 0
  return stays.map(({ mask: _, ...region }) => region)
}
