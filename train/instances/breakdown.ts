// What went wrong with each instance of the truth and each hypothesis, at one threshold: a kind for each, so that the kinds add up.

import type { ClassInfo } from '../dataset.ts'
import type { Hypothesis, InstanceMask } from '../scoring/instance-scores.ts'

/** Of the instances that nobody found:
 *
 * - `wrongClass`: a hypothesis of another class covers it as well as one would have to;
 * - `merged`: more than half of it lies in a hypothesis of its class of which at least a quarter lies on another instance;
 * - `split`: two or more hypotheses of its class lie in it by more than half of themselves, and together cover half of it;
 * - `missed`: nothing of that.
 *
 * Hypotheses that found nothing are `false`. */
export interface Breakdown {
  found: number
  missed: number
  merged: number
  split: number
  wrongClass: number
  /** Hypotheses without an instance. */
  false: number
}

export const noErrors = (): Breakdown => ({
  ...{ found: 0, missed: 0, merged: 0, split: 0, wrongClass: 0, false: 0 },
})

/** Adds up what is wrong in images, for each class. */
export class ErrorBreakdown {
  readonly classes: readonly ClassInfo[]
  readonly threshold: number
  readonly perClass: readonly Breakdown[]

  /** Hits are those of an IoU above `threshold`, default 0.5. */
  constructor(classes: readonly ClassInfo[], threshold = 0.5) {
    this.classes = classes
    this.threshold = threshold
    this.perClass = classes.map(noErrors)
  }

  /** Adds an image, whose hypotheses are taken best first. */
  add(truth: readonly InstanceMask[], hypotheses: readonly Hypothesis[]): void {
    const sorted = hypotheses.toSorted((a, b) => b.score - a.score)
    const table = overlaps(
      truth,
      sorted.map(({ mask }) => mask),
    )
    const iou = (t: number, h: number) => {
      const both = table.both[t][h]
      return both && both / (table.truth[t] + table.other[h] - both)
    }
    const taken = new Set<number>()
    const hits = new Set<number>()
    sorted.forEach((hypothesis, h) => {
      let best = -1
      truth.forEach(({ class: own }, t) => {
        if (own === hypothesis.class && !taken.has(t) && (best < 0 || iou(t, h) > iou(best, h)))
          best = t
      })
      if (best < 0 || !(iou(best, h) > this.threshold)) return
      taken.add(best)
      hits.add(h)
    })
    truth.forEach(({ class: own }, t) => {
      const same = sorted.flatMap((other, h) => (other.class === own ? [h] : []))
      const kind = taken.has(t) ? 'found' : this.#kindOf(t, same, truth, sorted, table, iou)
      this.perClass[own][kind]++
    })
    sorted.forEach((hypothesis, h) => {
      if (!hits.has(h)) this.perClass[hypothesis.class].false++
    })
  }

  #kindOf(
    t: number,
    same: readonly number[],
    truth: readonly InstanceMask[],
    hypotheses: readonly Hypothesis[],
    { both, truth: sizes, other }: Overlaps,
    iou: (t: number, h: number) => number,
  ): Exclude<keyof Breakdown, 'found' | 'false'> {
    if (hypotheses.some((h, i) => h.class !== truth[t].class && iou(t, i) > this.threshold))
      return 'wrongClass'
    const merges = (h: number) =>
      2 * both[t][h] > sizes[t] &&
      truth.some(
        (_, u) => u !== t && truth[u].class === truth[t].class && 4 * both[u][h] >= other[h],
      )
    if (same.some(merges)) return 'merged'
    const parts = same.filter((h) => 2 * both[t][h] > other[h])
    const covered = parts.reduce((sum, h) => sum + both[t][h], 0)
    return parts.length > 1 && 2 * covered >= sizes[t] ? 'split' : 'missed'
  }

  /** Over all classes. */
  get total(): Breakdown {
    const total = noErrors()
    for (const own of this.perClass)
      for (const key of Object.keys(total) as (keyof Breakdown)[]) total[key] += own[key]
    return total
  }
}

interface Overlaps {
  /** Pixels that a true instance and a hypothesis share. */
  readonly both: readonly (readonly number[])[]
  readonly truth: readonly number[]
  readonly other: readonly number[]
}

/** One pass over each hypothesis, with the truth as lists of pixels. */
function overlaps(truth: readonly InstanceMask[], others: readonly Uint8Array[]): Overlaps {
  const lists = truth.map(({ mask }) => pixelsOf(mask))
  return {
    both: lists.map((list) => others.map((mask) => list.reduce((sum, at) => sum + mask[at], 0))),
    truth: lists.map(({ length }) => length),
    other: others.map((mask) => mask.reduce((sum, v) => sum + v, 0)),
  }
}

const pixelsOf = (mask: Uint8Array): Uint32Array => {
  const all = new Uint32Array(mask.reduce((sum, v) => sum + v, 0))
  let n = 0
  mask.forEach((v, at) => {
    if (v) all[n++] = at
  })
  return all
}
