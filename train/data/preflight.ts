// Looking through a whole data set once before training on it: every file decoded, every label counted, and what looks wrong said in
// words. Labels that are wrong in a way that can be read train a network to be wrong, silently.

import { AtrousError } from '../../engine/errors.ts'
import type { Dataset } from '../dataset.ts'
import type { ImageClasses } from '../loader/sampling.ts'
import { percent } from '../scoring/metrics.ts'
import { type ImageScan, scanExample } from './scan.ts'
import { fileOf, warningsOf } from './warnings.ts'

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

export interface SeenImage extends ImageClasses {
  /** Its label file, or its number. */
  readonly file: string
  /** The same for two images of the same pixels. */
  readonly print: string
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
  /** Of each example, which classes are in it; null where it cannot be used. What `rareClassWeights` takes. */
  readonly images: readonly (SeenImage | null)[]
  /** Files that cannot be used, each with what is wrong with it. Their examples are not counted above. */
  readonly problems: readonly string[]
  /** What can be used and yet looks wrong. */
  readonly warnings: readonly string[]
}

export interface PreflightOptions {
  /** Examples read at a time; default 4. */
  readonly parallel?: number | undefined
  readonly onProgress?: ((done: number, of: number) => void) | undefined
  /** Ends it early; what is found is then that of a part. */
  readonly signal?: AbortSignal | undefined
  /** Counts one example; default: reads it. Throws what reading throws. */
  readonly scan?: ((index: number) => Promise<ImageScan>) | undefined
}

/** Reads every example of a split. What is wrong with a file becomes one of the `problems`; errors that are not about data are thrown. */
export async function preflight(
  dataset: Dataset,
  { parallel = 4, onProgress, signal, scan }: PreflightOptions = {},
): Promise<Preflight> {
  const one = scan ?? (async (index) => scanExample(await dataset.get(index)))
  const scans: (ImageScan | null)[] = new Array(dataset.size).fill(null)
  const problems: string[] = []
  let begun = 0
  let done = 0
  const worker = async () => {
    while (begun < dataset.size && !signal?.aborted) {
      const index = begun++
      try {
        scans[index] = await one(index)
      } catch (error) {
        if (!(error instanceof AtrousError)) throw error
        problems.push((await dataset.explain?.(error, index)) ?? error.message)
      }
      onProgress?.(++done, dataset.size)
    }
  }
  const results = await Promise.allSettled(Array.from({ length: parallel }, worker))
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return summed(dataset, scans, problems.sort())
}

function summed(
  dataset: Dataset,
  scans: readonly (ImageScan | null)[],
  problems: readonly string[],
): Preflight {
  const read = scans.filter((scan) => scan !== null)
  const total = (of: (scan: ImageScan) => number) => read.reduce((sum, scan) => sum + of(scan), 0)
  const range = (of: (scan: ImageScan) => number): [number, number] =>
    read.length
      ? read.map(of).reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, 0])
      : [0, 0]
  const all = total(({ height, width }) => height * width)
  const empty = total((scan) => scan.void)
  const classes = presences(dataset, read)
  const mean = [0, 1, 2].map((c) => (all ? total(({ sums }) => sums[c]) / all / 255 : 0))
  // Sums of squares of bytes are exact, so nothing is lost by their difference.
  const deviation = mean.map((m, c) => {
    const square = all ? total(({ squares }) => squares[c]) / all / 255 ** 2 : 0
    return Math.sqrt(Math.max(0, square - m ** 2))
  })
  return {
    ...{ name: dataset.name, split: dataset.split, examples: read.length },
    height: range(({ height }) => height),
    width: range(({ width }) => width),
    void: all ? empty / all : 0,
    ...{ classes, mean, deviation, problems },
    images: scans.map(
      (scan, index) =>
        scan && {
          ...{ classes: scan.classes, pixels: scan.pixels, file: fileOf(dataset, index) },
          print: `${scan.height}×${scan.width} ${scan.sums} ${scan.squares}`,
        },
    ),
    warnings: warningsOf(dataset, scans, classes),
  }
}

function presences(dataset: Dataset, scans: readonly ImageScan[]): ClassPresence[] {
  const count = dataset.classes.length
  const [pixels, images, around] = [0, 0, 0].map(() => new Array<number>(count).fill(0))
  for (const scan of scans) {
    const labelled = scan.height * scan.width - scan.void
    scan.classes.forEach((k, i) => {
      pixels[k] += scan.pixels[i]
      images[k]++
      around[k] += labelled
    })
  }
  const all = pixels.reduce((a, b) => a + b, 0)
  const frequencies = pixels.map((n, k) => (around[k] ? n / around[k] : 0))
  const median = medianOf(frequencies.filter((f) => f > 0))
  return dataset.classes.map(({ name }, k) => ({
    name,
    pixels: pixels[k],
    share: all ? pixels[k] / all : 0,
    images: images[k],
    medianWeight: frequencies[k] ? median / frequencies[k] : 0,
  }))
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
