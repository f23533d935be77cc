// Looking through images that have one class each before anything is trained on them: every file decoded, how it is stored, how many
// images a class has, and which are there twice; an image of the training split in the validation split makes its score a lie.

import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import sharp from 'sharp'
import { AtrousError } from '../../engine/errors.ts'
import { decodeImage } from '../pictures/images.ts'
import type { ImagenetDataset } from './imagenet.ts'
import { type ImageScan, scanExample } from './scan.ts'
import { ScanCache } from './scan-cache.ts'

export interface ClassifiedPreflight {
  readonly name: string
  readonly split: string
  /** Images that can be used. */
  readonly examples: number
  /** Smallest and largest height and width. */
  readonly height: readonly [number, number]
  readonly width: readonly [number, number]
  /** Of red, green and blue on a scale of 0 to 1 over all pixels, and their standard deviation. */
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
  readonly classes: readonly {
    readonly id: string
    readonly name: string
    readonly images: number
  }[]
  /** How many images are stored how: `jpeg srgb`, `jpeg b-w`, `jpeg cmyk`, `png srgb with alpha` … All of them become RGB. */
  readonly stored: Readonly<Record<string, number>>
  /** Files that cannot be used, each with what is wrong with it. They are not counted above. */
  readonly problems: readonly string[]
  /** What can be used and yet looks wrong. */
  readonly warnings: readonly string[]
}

export interface ClassifiedPreflightOptions {
  /** Images read at a time; default 8. */
  readonly parallel?: number
  /** Reads everything again, whatever was found before. */
  readonly fresh?: boolean
  readonly onProgress?: (split: string, done: number, of: number) => void
}

/** Looks through every image of the splits, and reads those that are not known from before by the size and time of their files
 * (scan-cache.ts). What is wrong with a file becomes one of the `problems`; errors that are not about data are thrown. */
export async function preflightImages(
  splits: readonly ImagenetDataset[],
  { parallel = 8, fresh, onProgress }: ClassifiedPreflightOptions = {},
): Promise<ClassifiedPreflight[]> {
  const contents = new Contents()
  const found: ClassifiedPreflight[] = []
  for (const dataset of splits) {
    const cache = await ScanCache.open<Scan>(keyOf(dataset), dataset.size, fresh)
    const counts = new Counts(dataset)
    let begun = 0
    let done = 0
    const worker = async () => {
      while (begun < dataset.size) {
        const index = begun++
        try {
          const stamp = await dataset.stamp(index)
          counts.add(index, await cache.scan(index, stamp, () => scanOf(dataset, index)))
        } catch (error) {
          if (!(error instanceof AtrousError)) throw error
          counts.problems.push(error.message)
        }
        onProgress?.(dataset.split, ++done, dataset.size)
      }
    }
    const results = await Promise.allSettled(Array.from({ length: parallel }, worker))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    await cache.write()
    found.push(counts.report(await contents.twice(dataset, counts.prints)))
  }
  return found
}

/** Fixed by what is looked at, not by where it lies. */
function keyOf(dataset: ImagenetDataset): string {
  const hash = createHash('sha256').update(`classified ${dataset.split} ${dataset.size}`)
  for (let i = 0; i < dataset.size; i++)
    hash.update(`\n${dataset.ids[dataset.category(i)]} ${basename(dataset.where(i))}`)
  return hash.digest('hex').slice(0, 32)
}

/** What is counted in an image, and how it is stored; a list, since there may be a million. */
type Scan = readonly [
  height: number,
  width: number,
  sums: ImageScan['sums'],
  squares: ImageScan['squares'],
  kind: string,
  print: number,
]

async function scanOf(dataset: ImagenetDataset, index: number): Promise<Scan> {
  const bytes = await dataset.bytes(index)
  const name = dataset.where(index)
  const { data: image, height, width } = await decodeImage(bytes, name)
  const { format, space, hasAlpha } = await sharp(bytes).metadata()
  const category = dataset.category(index)
  const example = { name, image, labels: new Uint8Array(), height, width, category }
  const { sums, squares } = scanExample(example)
  const kind = `${format} ${space}${hasAlpha ? ' with alpha' : ''}`
  return [height, width, sums, squares, kind, printOf(bytes)]
}

interface Place {
  readonly dataset: ImagenetDataset
  readonly index: number
}

/** Files by what is in them, from split to split. */
class Contents {
  readonly #first = new Map<number, Place>()

  /** Warnings of the images of a split that are there twice, in it or in one before, from the fingerprints of its files: NaN
   * where one cannot be used. */
  async twice(dataset: ImagenetDataset, prints: Float64Array): Promise<string[]> {
    const kinds = new Map<string, { count: number; as: string }>()
    for (const [index, print] of prints.entries()) {
      if (Number.isNaN(print)) continue
      const first = this.#first.get(print)
      if (!first) this.#first.set(print, { dataset, index })
      else if (await same(first, { dataset, index })) {
        const kind = kindOf(first, { dataset, index })
        const as = `${first.dataset.where(first.index)} and ${dataset.where(index)}`
        const found = kinds.get(kind)
        if (found) found.count++
        else kinds.set(kind, { count: 1, as })
      }
    }
    return [...kinds].map(
      ([kind, { count, as }]) =>
        `${count} ${count > 1 ? 'images are' : 'image is'} ${kind}, as ${as}`,
    )
  }
}

/** 48 bits: a million files can be told apart, and those that look the same are compared. */
const printOf = (bytes: Uint8Array): number =>
  createHash('sha256').update(bytes).digest().readUIntBE(0, 6)

async function same(a: Place, b: Place): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map((p) => p.dataset.bytes(p.index)))
  return Buffer.compare(one, other) === 0
}

function kindOf(a: Place, b: Place): string {
  if (a.dataset !== b.dataset)
    return `in ${a.dataset.split} and in ${b.dataset.split}: what is scored there was learned`
  const [one, other] = [a, b].map((p) => p.dataset.category(p.index))
  return one === other ? 'twice in a class' : 'in two classes'
}

class Counts {
  readonly problems: string[] = []
  readonly prints: Float64Array
  readonly #dataset: ImagenetDataset
  readonly #images: Uint32Array
  readonly #stored = new Map<string, number>()
  readonly #sums = [0, 0, 0]
  readonly #squares = [0, 0, 0]
  readonly #height: [number, number] = [Number.POSITIVE_INFINITY, 0]
  readonly #width: [number, number] = [Number.POSITIVE_INFINITY, 0]
  #pixels = 0

  constructor(dataset: ImagenetDataset) {
    this.#dataset = dataset
    this.#images = new Uint32Array(dataset.ids.length)
    this.prints = new Float64Array(dataset.size).fill(Number.NaN)
  }

  add(index: number, [height, width, sums, squares, kind, print]: Scan): void {
    this.#stored.set(kind, (this.#stored.get(kind) ?? 0) + 1)
    this.#images[this.#dataset.category(index)]++
    this.prints[index] = print
    for (let c = 0; c < 3; c++) {
      this.#sums[c] += sums[c]
      this.#squares[c] += squares[c]
    }
    this.#pixels += height * width
    widen(this.#height, height)
    widen(this.#width, width)
  }

  report(twice: readonly string[]): ClassifiedPreflight {
    const { name, split, ids } = this.#dataset
    const classes = this.#dataset.classes.map((c, k) => ({
      ...{ id: ids[k], name: c.name, images: this.#images[k] },
    }))
    const examples = this.#images.reduce((a, b) => a + b, 0)
    const mean = this.#sums.map((sum) => sum / Math.max(1, this.#pixels) / 255)
    return {
      ...{ name, split, examples, classes, mean },
      height: examples ? this.#height : [0, 0],
      width: examples ? this.#width : [0, 0],
      // Sums of squares of bytes are exact, so nothing is lost by their difference.
      deviation: this.#squares.map((sum, c) =>
        Math.sqrt(Math.max(0, sum / Math.max(1, this.#pixels) / 255 ** 2 - mean[c] ** 2)),
      ),
      stored: Object.fromEntries([...this.#stored].sort(([, a], [, b]) => b - a)),
      problems: this.problems.sort(),
      warnings: [...unequal(classes), ...twice],
    }
  }
}

/** Classes with this many times the images of another decide what is learned. */
const UNEQUAL = 10

function unequal(classes: ClassifiedPreflight['classes']): string[] {
  const listed = (all: readonly { readonly name: string }[]) =>
    `${all
      .slice(0, 5)
      .map(({ name }) => name)
      .join(', ')}${all.length > 5 ? ` and ${all.length - 5} more` : ''}`
  const empty = classes.filter(({ images }) => !images)
  const rising = classes.filter(({ images }) => images).sort((a, b) => a.images - b.images)
  const [fewest, most] = [rising[0], rising.at(-1)]
  return [
    ...(empty.length ? [`no image is of ${listed(empty)}`] : []),
    ...(most && most.images >= UNEQUAL * fewest.images
      ? [
          `${most.name} has ${most.images} images and ${fewest.name} ${fewest.images}: top-1 is mostly that of large classes`,
        ]
      : []),
  ]
}

function widen(range: [number, number], value: number): void {
  range[0] = Math.min(range[0], value)
  range[1] = Math.max(range[1], value)
}

/** Classes that fit on a screen; of more, those with the fewest and the most images. */
const SHOWN = 60

/** What was found, in lines to read. */
export function classifiedPreflightText(p: ClassifiedPreflight): string {
  const range = ([low, high]: readonly number[]) => (low === high ? `${low}` : `${low}–${high}`)
  const three = (values: readonly number[]) => values.map((v) => v.toFixed(4)).join(' ')
  const stored = Object.entries(p.stored).map(([kind, n]) => `${n} ${kind}`)
  const counts = p.classes.map(({ images }) => images)
  const each = range([Math.min(...counts), Math.max(...counts)])
  const rising = [...p.classes].sort((a, b) => a.images - b.images)
  const some = rising.length > SHOWN ? [...rising.slice(0, 5), ...rising.slice(-5)] : p.classes
  const width = Math.max(5, ...some.map(({ name }) => name.length))
  return [
    `${p.name}, ${p.split}: ${p.examples} images of ${p.classes.length} classes, ${each} each, ${range(p.height)}×${range(p.width)}`,
    `mean ${three(p.mean)}, deviation ${three(p.deviation)} (red, green, blue, 0 … 1)`,
    `stored as ${stored.join(', ') || 'nothing'}`,
    '',
    `${'class'.padEnd(width)}  images  folder`,
    ...some.map((c) => `${c.name.padEnd(width)}  ${`${c.images}`.padStart(6)}  ${c.id}`),
    ...(some.length < rising.length ? ['the five smallest and the five largest classes'] : []),
    ...p.warnings.map((w) => `warning: ${w}`),
    ...p.problems.map((problem) => `problem: ${problem}`),
  ].join('\n')
}
