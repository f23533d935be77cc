// The instance benchmark of Cityscapes (Cordts et al. 2016, section 4.2): average precision at IoUs of 0.5, 0.55, … 0.95, as its makers'
// scripts count. An instance of fewer than 100 pixels is none, nor is what nobody parted; a hypothesis that found nothing is no
// miss where more of it than the threshold lies on these or on void. A second hypothesis on an instance is a miss, with the
// lower of their scores.

import { CITYSCAPES_CLASSES } from '../data/cityscapes-classes.ts'
import { type ClassInfo, type Example, VOID } from '../dataset.ts'
import type { Hypothesis } from '../scoring/instance-scores.ts'
import type { TrueInstance } from './truth.ts'

export interface CityscapesScores {
  /** Mean over the thresholds and the classes that have instances; 0 where none has. */
  readonly ap: number
  /** At 0.5. */
  readonly ap50: number
  /** Of each class with objects; null where it has no instance. */
  readonly perClass: readonly {
    readonly name: string
    readonly ap: number | null
    readonly ap50: number | null
  }[]
}

const THRESHOLDS = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100)
const LEAST = 100

/** Hypotheses of a class at a threshold, and instances that none hit. */
interface Judged {
  readonly scores: number[]
  readonly hits: boolean[]
  missed: number
  instances: number
}

export class CityscapesAp {
  readonly #classes: readonly ClassInfo[]
  /** Of classes and thresholds. */
  readonly #judged: readonly (readonly Judged[])[]

  constructor(classes: readonly ClassInfo[]) {
    this.#classes = classes
    this.#judged = classes.map(() =>
      THRESHOLDS.map(() => ({ scores: [], hits: [], missed: 0, instances: 0 })),
    )
  }

  /** Adds an image. */
  add(
    { labels, instances }: Pick<Example, 'labels' | 'instances'>,
    truth: readonly TrueInstance[],
    hypotheses: readonly Hypothesis[],
  ): void {
    this.#classes.forEach((_, k) => {
      const all = truth.filter((t) => t.class === k)
      const small = new Set(all.filter(({ area }) => area < LEAST).map(({ number }) => number))
      const own = all.filter(({ area }) => area >= LEAST)
      // At most one instance lies at a pixel, so each hypothesis is walked through once.
      const place = new Map(own.map(({ number }, t) => [number, t]))
      const claimed = hypotheses.flatMap(({ class: its, mask, score }) => {
        if (its !== k) return []
        const both = own.map(() => 0)
        let [size, ignored] = [0, 0]
        for (let at = 0; at < mask.length; at++) {
          if (!mask[at]) continue
          size++
          const number = labels[at] === k ? (instances?.[at] ?? 0) : -1
          const t = place.get(number)
          if (t !== undefined) both[t]++
          else if (labels[at] === VOID || number === 0 || small.has(number)) ignored++
        }
        if (size < LEAST) return []
        return [
          {
            score,
            ignored: ignored / size,
            ious: own.map(({ area }, t) => both[t] / (area + size - both[t])),
          },
        ]
      })
      THRESHOLDS.forEach((threshold, i) => {
        const judged = this.#judged[k][i]
        judged.instances += own.length
        own.forEach((_, t) => {
          const over = claimed.filter(({ ious }) => ious[t] > threshold).map(({ score }) => score)
          over.sort((a, b) => b - a)
          if (!over.length) judged.missed++
          over.forEach((score, n) => {
            judged.scores.push(score)
            judged.hits.push(n === 0)
          })
        })
        for (const { ious, ignored, score } of claimed)
          if (!ious.some((iou) => iou > threshold) && ignored <= threshold) {
            judged.scores.push(score)
            judged.hits.push(false)
          }
      })
    })
  }

  scores(): CityscapesScores {
    const perClass = this.#classes.flatMap(({ name }, k) => {
      if (!objects.has(name)) return []
      const aps = this.#judged[k].map(areaOf)
      const [first] = aps
      return [{ name, ap: first === null ? null : mean(aps as number[]), ap50: first }]
    })
    const meanOf = (values: readonly (number | null)[]) => mean(values.filter((v) => v !== null))
    return {
      ap: meanOf(perClass.map(({ ap }) => ap)),
      ap50: meanOf(perClass.map(({ ap50 }) => ap50)),
      perClass,
    }
  }
}

const objects = new Set(CITYSCAPES_CLASSES.filter((c) => c.objects).map(({ name }) => name))

const mean = (values: readonly number[]): number =>
  values.length ? values.reduce((a, b) => a + b, 0) / values.length : 0

/** Σ p(i)·½(r(i − 1) − r(i + 1)) over the prefixes of the list that end with a score, the longest first, and the empty one, which has
 * precision 1; null where there is no instance. */
function areaOf({ scores, hits, missed, instances }: Judged): number | null {
  if (!instances) return null
  const found = hits.filter(Boolean).length
  if (!scores.length) return 0
  const order = scores.map((_, i) => i).sort((a, b) => scores[a] - scores[b])
  const points: { readonly precision: number; readonly recall: number }[] = []
  let below = 0
  order.forEach((index, i) => {
    if (i === 0 || scores[index] !== scores[order[i - 1]]) {
      const tp = found - below
      points.push({ precision: tp / (scores.length - i), recall: tp / (found + missed || 1) })
    }
    if (hits[index]) below++
  })
  points.push({ precision: 1, recall: 0 })
  return points.reduce((area, { precision }, i) => {
    const before = (points[i - 1] ?? points[0]).recall
    const after = points[i + 1]?.recall ?? 0
    return area + (precision * (before - after)) / 2
  }, 0)
}
