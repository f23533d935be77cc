// Scores of a segmentation: one confusion matrix over a whole split, and what follows from it.

import { OptionError } from '../../engine/errors.ts'
import { type ClassInfo, VOID } from '../dataset.ts'

export interface ClassScore {
  readonly name: string
  /** Labelled pixels of the class. */
  readonly pixels: number
  /** Pixels predicted as the class, void ground truth left out. */
  readonly predicted: number
  /** Share of its pixels that were found; null where the class has none. */
  readonly accuracy: number | null
  /** Intersection over union; null where the class is neither labelled nor predicted. */
  readonly iou: number | null
}

export interface Scores {
  readonly pixelAccuracy: number
  readonly meanAccuracy: number
  readonly meanIoU: number
  readonly frequencyWeightedIoU: number
  readonly labelledPixels: number
  readonly labelsOutOfRange: number
  readonly perClass: readonly ClassScore[]
}

/** A class absent from labels and predictions: left out of the mean (Cityscapes, CamVid) or counted as 0 (VOC). */
export type AbsentRule = 'skip' | 'zero'

export interface ScoreOptions {
  /** Default skip. */
  readonly absent?: AbsentRule | undefined
}

/** All that scores follow from: pixels of each class, those predicted as it, and those that are both. */
export interface Marginals {
  readonly labelled: Float64Array
  readonly predicted: Float64Array
  readonly hits: Float64Array
}

/** The scores that sums over a confusion matrix give; 0 where nothing was labelled. */
export function scoresOf(
  classes: readonly ClassInfo[],
  { labelled: rows, predicted: columns, hits }: Marginals,
  options: ScoreOptions = {},
): Scores {
  const perClass = classes.map(({ name }, k) => {
    const union = rows[k] + columns[k] - hits[k]
    const accuracy = rows[k] > 0 ? hits[k] / rows[k] : null
    const iou = union > 0 ? hits[k] / union : null
    return { name, pixels: rows[k], predicted: columns[k], accuracy, iou }
  })
  const labelled = rows.reduce((a, b) => a + b, 0)
  const share = (part: number) => (labelled > 0 ? part / labelled : 0)
  const ious = perClass.map(({ iou }) => (options.absent === 'zero' ? (iou ?? 0) : iou))
  return {
    pixelAccuracy: share(hits.reduce((a, b) => a + b, 0)),
    meanAccuracy: mean(perClass.map(({ accuracy }) => accuracy)),
    meanIoU: mean(ious),
    frequencyWeightedIoU: perClass.reduce(
      (sum, { pixels, iou }) => sum + share(pixels) * (iou ?? 0),
      0,
    ),
    labelledPixels: labelled,
    labelsOutOfRange: 0,
    perClass,
  }
}

/** Counts of (label, prediction) pairs, rows by label; add every image of a split, then ask for scores once. */
export class ConfusionMatrix {
  readonly classes: readonly ClassInfo[]
  /** [classes, classes] row-major; float64 counts exactly up to 2^53 pixels. */
  readonly counts: Float64Array
  /** Labels that are neither a class nor void; they are scored as void. */
  labelsOutOfRange = 0

  constructor(classes: readonly ClassInfo[], counts?: Float64Array) {
    this.classes = classes
    this.counts = counts ?? new Float64Array(classes.length ** 2)
  }

  /** Adds labels and predictions of equal length; throws OptionError for a prediction that is no class. */
  add(labels: Uint8Array, predictions: Uint8Array): void {
    if (labels.length !== predictions.length)
      throw new OptionError(`${predictions.length} predictions do not fit ${labels.length} labels`)
    for (let i = 0; i < labels.length; i++) this.count(labels[i], predictions[i])
  }

  /** Adds one pixel. */
  count(label: number, prediction: number): void {
    if (label === VOID) return
    const n = this.classes.length
    if (label >= n) {
      this.labelsOutOfRange++
      return
    }
    if (prediction >= n)
      throw new OptionError(`prediction ${prediction} is none of the ${n} classes`)
    this.counts[label * n + prediction]++
  }

  /** All scores; 0 where nothing was labelled. */
  scores(options: ScoreOptions = {}): Scores {
    const n = this.classes.length
    const of = (sum: (k: number, j: number) => number) =>
      Float64Array.from({ length: n }, (_, k) => {
        let total = 0
        for (let j = 0; j < n; j++) total += sum(k, j)
        return total
      })
    const marginals = {
      labelled: of((k, j) => this.counts[k * n + j]),
      predicted: of((k, j) => this.counts[j * n + k]),
      hits: Float64Array.from({ length: n }, (_, k) => this.counts[k * n + k]),
    }
    return {
      ...scoresOf(this.classes, marginals, options),
      labelsOutOfRange: this.labelsOutOfRange,
    }
  }

  /** The same pixels with classes taken together, such as the categories of Cityscapes: `groupOf` gives the group of each class.
   * A group's hits are all predictions of any of its classes on any of them. Throws OptionError for a group that is none. */
  grouped(groups: readonly ClassInfo[], groupOf: readonly number[]): ConfusionMatrix {
    const n = this.classes.length
    if (groupOf.length !== n || groupOf.some((g) => !(g in groups)))
      throw new OptionError(
        `groups ${groupOf.join(', ')} are not one of ${groups.length} for each of ${n} classes`,
      )
    const sum = new ConfusionMatrix(groups)
    sum.labelsOutOfRange = this.labelsOutOfRange
    this.counts.forEach((count, i) => {
      sum.counts[groupOf[Math.floor(i / n)] * groups.length + groupOf[i % n]] += count
    })
    return sum
  }

  /** What answering one class everywhere would score on the same labels; the commonest class unless told. */
  constant(answer?: number): ConfusionMatrix {
    const n = this.classes.length
    const rows = Array.from({ length: n }, (_, k) =>
      this.counts.subarray(k * n, (k + 1) * n).reduce((a, b) => a + b, 0),
    )
    const column = answer ?? rows.indexOf(Math.max(...rows))
    const counts = new Float64Array(n * n)
    rows.forEach((pixels, k) => {
      counts[k * n + column] = pixels
    })
    return new ConfusionMatrix(this.classes, counts)
  }
}

/** Mean of what is not null; 0 where nothing is. */
export function mean(values: readonly (number | null)[]): number {
  const present = values.filter((value) => value !== null)
  return present.length > 0 ? present.reduce((a, b) => a + b, 0) / present.length : 0
}

/** Classes taken together, such as the seven categories of Cityscapes. */
export interface Grouping {
  readonly groups: readonly ClassInfo[]
  /** The group of each class. */
  readonly groupOf: readonly number[]
}

/** A share as a percentage with two decimals; – for null. */
export function percent(share: number | null): string {
  return share === null ? '–' : `${(100 * share).toFixed(2)} %`
}

/** Per-class table with the means below, ready to print; no trailing newline. */
export function formatScores(scores: Scores): string {
  const total = Math.max(1, scores.labelledPixels)
  const rows = scores.perClass.map(({ name, pixels, accuracy, iou }) => [
    name,
    percent(iou),
    percent(accuracy),
    percent(pixels / total),
  ])
  const means = [['mean', percent(scores.meanIoU), percent(scores.meanAccuracy), '']]
  const lines = table([['class', 'IoU', 'accuracy', 'share of pixels'], ...rows, ...means])
  const rule = '─'.repeat(lines[0].length)
  const body = [lines[0], rule, ...lines.slice(1, -1), rule, lines[lines.length - 1]]
  body.push(`pixel accuracy ${percent(scores.pixelAccuracy)}`)
  if (scores.labelsOutOfRange > 0)
    body.push(`${scores.labelsOutOfRange} labels outside the classes, scored as void`)
  return body.join('\n')
}

/** Columns aligned: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((row) => row[c].length)))
  return rows.map((row) =>
    row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  '),
  )
}
