// mAP^r: average precision of instance masks (Hariharan et al. 2014, "Simultaneous Detection and Segmentation").

import { OptionError } from '../../engine/errors.ts'
import type { ClassInfo } from '../dataset.ts'
import { averagePrecision, type PrecisionRule } from './average-precision.ts'

/** Which instance of the truth a hypothesis may match, best hypotheses first.
 *
 * | rule | looks at | hit if | average |
 * |---|---|---|---|
 * | sds (default) | the best instance that no better hypothesis has | IoU > t | envelope |
 * | best-overall | the best instance, had or not: a second one is a miss | IoU > t | envelope |
 * | mnc | the best instance, had or not | IoU ≥ t | eleven points | */
export type MatchingRule = 'sds' | 'best-overall' | 'mnc'

/** An instance: its class index, and 1 at each of its pixels in a mask of the image's size. */
export interface InstanceMask {
  readonly class: number
  readonly mask: Uint8Array
}

export interface Hypothesis extends InstanceMask {
  readonly score: number
}

export interface InstanceScoreOptions {
  /** IoUs at which hypotheses are judged; default 0.1, 0.2, … 0.9, whose mean is mAP^r_vol. */
  readonly thresholds?: readonly number[]
  readonly matching?: MatchingRule
}

export interface ClassPrecision {
  readonly name: string
  /** Instances in the truth. */
  readonly instances: number
  readonly hypotheses: number
  /** Average precision at each threshold; null where the class has no instance. */
  readonly ap: readonly (number | null)[]
}

export interface InstanceScores {
  readonly thresholds: readonly number[]
  readonly perClass: readonly ClassPrecision[]
  /** Mean over the classes that have instances, at each threshold; 0 where none has. */
  readonly meanAp: readonly number[]
  /** Mean of those. */
  readonly volume: number
}

/** A hypothesis without its mask: what it overlaps of the truth of its class in its image. */
interface Candidate {
  readonly class: number
  readonly score: number
  /** In the order in which they were added. */
  readonly index: number
  /** Numbers of instances of the truth, and the IoU with each. */
  readonly truths: readonly number[]
  readonly ious: Float64Array
}

const tenths = Array.from({ length: 9 }, (_, i) => (i + 1) / 10)

/** Gathers images one by one, masks forgotten at once, then scores the split. */
export class InstanceScorer {
  readonly classes: readonly ClassInfo[]
  readonly thresholds: readonly number[]
  readonly matching: MatchingRule
  readonly #instances: number[]
  readonly #candidates: Candidate[] = []
  #truths = 0

  /** Throws OptionError for a threshold outside 0 … 1. */
  constructor(
    classes: readonly ClassInfo[],
    { thresholds = tenths, matching = 'sds' }: InstanceScoreOptions = {},
  ) {
    const bad = thresholds.find((t) => !(t >= 0 && t <= 1))
    if (bad !== undefined || !thresholds.length)
      throw new OptionError(
        `InstanceScorer: ${bad ?? 'no'} threshold is between 0 and 1`,
        'give IoUs such as 0.5 and 0.7',
      )
    this.classes = classes
    this.thresholds = thresholds
    this.matching = matching
    this.#instances = classes.map(() => 0)
  }

  /** Adds an image: its true instances, and what is claimed of it. Throws OptionError for masks of different sizes, for a class
   * that is none of the classes, and for a score that is no number. */
  add(truth: readonly InstanceMask[], hypotheses: readonly Hypothesis[]): void {
    this.#check(truth, hypotheses)
    const first = this.#truths
    this.#truths += truth.length
    for (const t of truth) this.#instances[t.class]++
    for (const h of hypotheses) {
      const same = truth.flatMap((t, i) => (t.class === h.class ? [i] : []))
      this.#candidates.push({
        class: h.class,
        score: h.score,
        index: this.#candidates.length,
        truths: same.map((i) => first + i),
        ious: Float64Array.from(same, (i) => maskIou(h.mask, truth[i].mask)),
      })
    }
  }

  scores(): InstanceScores {
    const rule: PrecisionRule = this.matching === 'mnc' ? 'eleven' : 'envelope'
    const matches = this.thresholds.map((t) => this.matches(t))
    const perClass = this.classes.map(({ name }, k) => {
      const ranked = this.#ranked().filter((c) => c.class === k)
      const instances = this.#instances[k]
      const ap = matches.map((match) =>
        averagePrecision(
          ranked.map((c) => (match[c.index] < 0 ? 0 : 1)),
          instances,
          rule,
        ),
      )
      return { name, instances, hypotheses: ranked.length, ap }
    })
    const meanAp = this.thresholds.map((_, i) => {
      const there = perClass.map(({ ap }) => ap[i]).filter((ap) => ap !== null)
      return there.length ? mean(there) : 0
    })
    return { thresholds: this.thresholds, perClass, meanAp, volume: mean(meanAp) }
  }

  /** For each hypothesis, in the order of adding, the number of the true instance that it hits at a threshold, counted
   * over all images in the order of adding; −1 for a miss. */
  matches(threshold: number): Int32Array {
    const match = new Int32Array(this.#candidates.length).fill(-1)
    const taken = new Set<number>()
    const { matching } = this
    for (const { index, truths, ious } of this.#ranked()) {
      let best = -1
      ious.forEach((iou, i) => {
        if (matching === 'sds' && taken.has(truths[i])) return
        if (best < 0 || iou > ious[best]) best = i
      })
      if (best < 0 || taken.has(truths[best])) continue
      const enough = matching === 'mnc' ? ious[best] >= threshold : ious[best] > threshold
      if (!enough) continue
      taken.add(truths[best])
      match[index] = truths[best]
    }
    return match
  }

  /** Whether each hypothesis hits at a threshold, of each class best first. */
  hits(threshold: number): boolean[][] {
    const match = this.matches(threshold)
    const hits: boolean[][] = this.classes.map(() => [])
    for (const c of this.#ranked()) hits[c.class].push(match[c.index] >= 0)
    return hits
  }

  /** All hypotheses by descending score, the earlier of equals first. */
  #ranked(): Candidate[] {
    return [...this.#candidates].sort((a, b) => b.score - a.score || a.index - b.index)
  }

  #check(truth: readonly InstanceMask[], hypotheses: readonly Hypothesis[]): void {
    const all = [...truth, ...hypotheses]
    const pixels = all[0]?.mask.length
    const other = all.find(({ mask }) => mask.length !== pixels)
    if (other)
      throw new OptionError(
        `masks of ${pixels} and of ${other.mask.length} pixels are of different images`,
        'give every mask of an image the size of that image',
      )
    const stranger = all.find((m) => !(m.class in this.classes))
    if (stranger)
      throw new OptionError(
        `class ${stranger.class} is none of the ${this.classes.length} classes`,
        'give the index of a class, without a background',
      )
    const unscored = hypotheses.find(({ score }) => Number.isNaN(score))
    if (unscored) throw new OptionError('the score of a hypothesis is NaN', 'leave it out')
  }
}

/** Intersection over union of two masks of one length; 0 where both are empty. */
export function maskIou(a: Uint8Array, b: Uint8Array): number {
  let both = 0
  let either = 0
  for (let i = 0; i < a.length; i++) {
    if (a[i] && b[i]) both++
    if (a[i] || b[i]) either++
  }
  return either ? both / either : 0
}

const mean = (values: readonly number[]) =>
  values.length ? values.reduce((a, b) => a + b, 0) / values.length : 0
