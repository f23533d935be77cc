// Looking through a whole data set once before training on it: every file decoded, every label counted, and what looks wrong said in
// words. Labels that are wrong in a way that can be read train a network to be wrong, silently.

import { AtrousError } from '../../engine/errors.ts'
import { type Dataset, VOID } from '../dataset.ts'
import { percent } from '../metrics.ts'

export interface ClassPresence {
  readonly name: string
  readonly pixels: number
  /** Of all pixels that are not void. */
  readonly share: number
  /** Images in which it is. */
  readonly images: number
  /** Median over the classes of f, divided by f of this one, f being its pixels among those of the images it is in: the weight that
   * balances classes by median frequency. 0 where it is nowhere. */
  readonly medianWeight: number
}

export interface Preflight {
  readonly name: string
  readonly split: string
  readonly examples: number
  /** Smallest and largest height and width. */
  readonly height: readonly [number, number]
  readonly width: readonly [number, number]
  /** Share of void pixels. */
  readonly void: number
  readonly classes: readonly ClassPresence[]
  /** Of red, green and blue on a scale of 0 to 1, and their standard deviation. */
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
  /** Files that cannot be used, each with what is wrong with it. Their examples are not counted above. */
  readonly problems: readonly string[]
  /** What can be used and yet looks wrong. */
  readonly warnings: readonly string[]
}

export interface PreflightOptions {
  /** Examples read at a time; default 4. */
  readonly parallel?: number
  readonly onProgress?: (done: number, of: number) => void
  readonly signal?: AbortSignal
}

/** Classes beyond this share of what changes in a row are taken for the work of a filter. */
const smoothed = 0.25

/** Reads every example of a split. What is wrong with a file becomes one of the `problems`; errors that are not about data are thrown. */
export async function preflight(
  dataset: Dataset,
  { parallel = 4, onProgress, signal }: PreflightOptions = {},
): Promise<Preflight> {
  const count = new Counts(dataset.classes.length)
  const problems: string[] = []
  for (let start = 0; start < dataset.size && !signal?.aborted; start += parallel) {
    const wave = Array.from({ length: Math.min(parallel, dataset.size - start) }, (_, i) =>
      dataset.get(start + i).then(
        (example) => count.add(example),
        (error) => {
          if (!(error instanceof AtrousError)) throw error
          problems.push(error.message)
        },
      ),
    )
    for (const result of await Promise.allSettled(wave))
      if (result.status === 'rejected') throw result.reason
    onProgress?.(Math.min(dataset.size, start + parallel), dataset.size)
  }
  return count.report(dataset, problems.sort())
}

class Counts {
  readonly pixels: number[]
  readonly images: number[]
  /** Pixels of the images that a class is in. */
  readonly around: number[]
  readonly sums = [0, 0, 0]
  readonly squares = [0, 0, 0]
  readonly height: [number, number] = [Number.POSITIVE_INFINITY, 0]
  readonly width: [number, number] = [Number.POSITIVE_INFINITY, 0]
  examples = 0
  all = 0
  void = 0
  /** Changes of label along rows, and those by way of one pixel of a class between the two. */
  changes = 0
  steps = 0

  constructor(classes: number) {
    this.pixels = new Array(classes).fill(0)
    this.images = new Array(classes).fill(0)
    this.around = new Array(classes).fill(0)
  }

  add({ image, labels, height, width }: Awaited<ReturnType<Dataset['get']>>): void {
    this.examples++
    this.all += labels.length
    widen(this.height, height)
    widen(this.width, width)
    const here = new Array<number>(this.pixels.length).fill(0)
    let voids = 0
    for (const k of labels) {
      if (k === VOID) voids++
      else here[k]++
    }
    this.void += voids
    here.forEach((n, k) => {
      this.pixels[k] += n
      if (!n) return
      this.images[k]++
      this.around[k] += labels.length - voids
    })
    this.#addColours(image)
    this.#addChanges(labels, height, width)
  }

  #addColours(image: Uint8Array): void {
    for (let c = 0; c < 3; c++) {
      let sum = 0
      let square = 0
      for (let i = c; i < image.length; i += 3) {
        sum += image[i]
        square += image[i] * image[i]
      }
      this.sums[c] += sum
      this.squares[c] += square
    }
  }

  #addChanges(labels: Uint8Array, height: number, width: number): void {
    for (let y = 0; y < height; y++)
      for (let i = y * width + 1; i < (y + 1) * width - 1; i++) {
        const [a, b, c] = [labels[i - 1], labels[i], labels[i + 1]]
        if (a === b) continue
        this.changes++
        if (b !== c && (a < b ? b < c && c !== VOID : b > c && a !== VOID)) this.steps++
      }
  }

  report(dataset: Dataset, problems: readonly string[]): Preflight {
    const { examples, all, height, width } = this
    const labelled = all - this.void
    const frequencies = this.pixels.map((n, k) => (this.around[k] ? n / this.around[k] : 0))
    const median = medianOf(frequencies.filter((f) => f > 0))
    const classes = dataset.classes.map(({ name }, k) => ({
      name,
      pixels: this.pixels[k],
      share: labelled ? this.pixels[k] / labelled : 0,
      images: this.images[k],
      medianWeight: frequencies[k] ? median / frequencies[k] : 0,
    }))
    const mean = this.sums.map((sum) => (all ? sum / all / 255 : 0))
    // Sums of squares of bytes are exact, so nothing is lost by their difference.
    const deviation = this.squares.map((sum, c) =>
      all ? Math.sqrt(Math.max(0, sum / all / 255 ** 2 - mean[c] ** 2)) : 0,
    )
    return {
      name: dataset.name,
      split: dataset.split,
      examples,
      height: examples ? height : [0, 0],
      width: examples ? width : [0, 0],
      void: all ? this.void / all : 0,
      ...{ classes, mean, deviation, problems },
      warnings: this.#warnings(classes, labelled),
    }
  }

  #warnings(classes: readonly ClassPresence[], labelled: number): string[] {
    if (!this.examples) return []
    const warnings: string[] = []
    if (!labelled) return ['every pixel is void: nothing can be learned']
    if (this.void > this.all / 2)
      warnings.push(`${percent(this.void / this.all)} of the pixels are void`)
    const absent = classes.filter(({ pixels }) => !pixels).map(({ name }) => name)
    if (absent.length)
      warnings.push(
        `no pixel is ${absent.slice(0, 8).join(', ')}${absent.length > 8 ? ` or one of ${absent.length - 8} further classes` : ''}${
          classes[0].pixels ? '' : ': where labels count from 1, they are one too high'
        }`,
      )
    const largest = classes.reduce((a, b) => (b.share > a.share ? b : a))
    if (largest.share > 0.98)
      warnings.push(`${percent(largest.share)} of the labelled pixels are ${largest.name}`)
    if (this.changes > 100 && this.steps > smoothed * this.changes)
      warnings.push(
        `${percent(this.steps / this.changes)} of the changes of label go by way of a class between the two: the labels were made smaller with a filter that averages, or saved as JPEG`,
      )
    return warnings
  }
}

function widen(range: [number, number], value: number): void {
  range[0] = Math.min(range[0], value)
  range[1] = Math.max(range[1], value)
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  if (!sorted.length) return 0
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** What was found, in lines to read. */
export function preflightText(p: Preflight): string {
  const range = ([low, high]: readonly number[]) => (low === high ? `${low}` : `${low}–${high}`)
  const width = Math.max(5, ...p.classes.map(({ name }) => name.length))
  const three = (values: readonly number[]) => values.map((v) => v.toFixed(4)).join(' ')
  return [
    `${p.name}, ${p.split}: ${p.examples} images, ${range(p.height)}×${range(p.width)}, ${percent(p.void)} void`,
    `mean ${three(p.mean)}, deviation ${three(p.deviation)} (red, green, blue, 0 … 1)`,
    '',
    `${'class'.padEnd(width)}     share  images  weight`,
    ...p.classes.map(
      ({ name, share, images, medianWeight }) =>
        `${name.padEnd(width)}  ${percent(share).padStart(8)}  ${`${images}`.padStart(6)}  ${medianWeight.toFixed(4)}`,
    ),
    ...p.warnings.map((w) => `warning: ${w}`),
    ...p.problems.map((problem) => `problem: ${problem}`),
  ].join('\n')
}
