// How well a network classifies images as a whole: the share of a split's images whose class is the likeliest one, or among the five
// likeliest, counted on the device.

import type { Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { OptionError } from '../../engine/errors.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Network } from '../../models/network.ts'
import { predict } from '../../nn/losses.ts'
import type { AugmentStep } from '../augment/index.ts'
import type { Dataset } from '../dataset.ts'
import type { Validation } from '../events.ts'
import { makeSlice } from '../loader/slice.ts'
import { percent } from './metrics.ts'
import { topHits } from './top-hits.ts'

export interface ClassifyOptions {
  /** Images in a batch; default 16. */
  readonly batch?: number | undefined
  /** What is done to each image before it is looked at, such as `imagenetTest`; default: nothing, and images are of one size. */
  readonly steps?: readonly AugmentStep[] | undefined
  /** Gets each image with the class that it was taken for, in order. */
  readonly onImage?: (image: ClassifiedImage) => unknown
  /** Gets the number of images done after each batch. */
  readonly onProgress?: (done: number, of: number) => void
  /** Cuts it short; the figures are then those of a part. */
  readonly signal?: AbortSignal | undefined
}

export interface ClassifiedImage {
  readonly index: number
  readonly name: string
  readonly category: number
  /** The class of the highest score, of equal ones the first. */
  readonly likeliest: number
}

/** Shares of images whose class is the likeliest (top-1), or one of the five likeliest (top-5); 0 where there are none. */
export interface TopShares {
  readonly top1: number
  readonly top5: number
  readonly images: number
}

export interface Classification extends TopShares {
  /** What always naming the classes with the most images would score. */
  readonly baseline: TopShares
  readonly perClass: readonly (TopShares & { readonly name: string })[]
  readonly seconds: number
}

/** ImageNet's test: the shorter side brought to `side`, and of that the middle, [crop, crop]. Wu et al. 2019 look at 320 of 320, 160 of
 * 160 and 80 of 80 with networks trained on 224, 112 and 56; usual elsewhere are 224 of 256. Throws OptionError for a crop that is
 * larger than the side. */
export function imagenetTest(side: number, crop = side): readonly AugmentStep[] {
  if (!(crop <= side))
    throw new OptionError(`a shorter side of ${side} holds no ${crop}×${crop}`, 'crop no more')
  return [
    { name: 'resize', shorter: side, filter: 'bicubic' },
    { name: 'crop', size: [crop, crop], at: 'centre' },
  ]
}

/** A network compiled to classify. */
export class Classifier {
  readonly model: Network
  readonly #program: Program<Answers>

  /** Throws OptionError for a network that scores pixels. */
  constructor(device: Device, model: Network) {
    if (model.scoreStride)
      throw new OptionError(
        `${model.config.name} scores pixels, and a classifier scores images as a whole`,
        'take resnet-18, or model-a with head=classify',
      )
    this.model = model
    this.#program = device.compile((image, categories) => {
      const scores = model.apply(image, { train: false })
      const [one, five] = [1, 5].map((k) => topHits(scores, categories, k))
      return { one, five, likeliest: predict(scores) }
    })
  }

  /** Looks at every image of a split once. Throws OptionError for a data set whose images have no class as a whole, or other
   * classes than the network; DataError for what cannot be read. */
  async evaluate(dataset: Dataset, options: ClassifyOptions = {}): Promise<Classification> {
    checkClasses(this.model, dataset)
    const begun = performance.now()
    const tallies = dataset.classes.map((): Tally => ({ images: 0, one: 0, five: 0 }))
    const count = Math.min(options.batch ?? 16, dataset.size)
    let done = 0
    const finish = async ({ batch, answers }: Running): Promise<void> => {
      const { one, five, likeliest } = await valuesOf(answers)
      for (let i = 0; i < batch.taken; i++) {
        const category = batch.categories[i]
        const tally = tallies[category]
        tally.images++
        tally.one += one[i]
        tally.five += five[i]
        const image = { index: done + i, name: batch.names[i], category, likeliest: likeliest[i] }
        await options.onImage?.(image)
      }
      done += batch.taken
      options.onProgress?.(done, dataset.size)
    }
    // One batch ahead: the next images are read while the device works.
    let running: Running | undefined
    for (let first = 0; first < dataset.size && !options.signal?.aborted; first += count) {
      const batch = await this.#batch(dataset, first, count, options.steps)
      const answers = await this.#program.run(
        hostTensor(batch.image, [count, batch.height, batch.width, 3]),
        hostTensor(batch.categories, [count]),
      )
      if (running) await finish(running)
      running = { batch, answers }
    }
    if (running) await finish(running)
    return classification(dataset, tallies, (performance.now() - begun) / 1000)
  }

  /** Repeats fill up the last batch, so that its shape stays; of no class, they are no hits. */
  async #batch(dataset: Dataset, first: number, count: number, steps?: readonly AugmentStep[]) {
    const taken = Math.min(count, dataset.size - first)
    const indices = Uint32Array.from({ length: count }, (_, i) => first + Math.min(i, taken - 1))
    const { sizeMultiple: multiple, padding } = this.model
    const { image, height, width, names, targets } = await makeSlice(
      dataset,
      { epoch: 0, first, indices },
      { seed: 0, augmentation: steps, multiple, padding, targets: ['category'] },
    )
    const categories = (targets[0].data as Int32Array).fill(-1, taken)
    return { image, height, width, names, categories, taken }
  }

  dispose(): void {
    this.#program.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Of each image of a batch: whether its class is the likeliest, or among five, and which one the likeliest is. */
interface Answers {
  readonly one: Tensor
  readonly five: Tensor
  readonly likeliest: Tensor
}

interface Running {
  readonly batch: {
    readonly names: readonly string[]
    readonly categories: Int32Array
    readonly taken: number
  }
  readonly answers: Record<keyof Answers, DeviceTensor>
}

interface Tally {
  images: number
  one: number
  five: number
}

async function valuesOf(answers: Record<keyof Answers, DeviceTensor>) {
  const read = async (tensor: DeviceTensor) => {
    using owned = tensor
    return (await owned.read()) as Uint8Array | Int32Array
  }
  const { one, five, likeliest } = answers
  return { one: await read(one), five: await read(five), likeliest: await read(likeliest) }
}

function checkClasses({ classes }: Network, { name, labelled, ...dataset }: Dataset): void {
  if (labelled !== 'image')
    throw new OptionError(
      `the images of ${name} have no class as a whole`,
      'evaluate on a data set laid out as ImageNet, with a folder of images for each class',
    )
  if (classes !== dataset.classes.length)
    throw new OptionError(
      `the model tells ${classes} classes apart and ${name} has ${dataset.classes.length}`,
      'evaluate on the data set that it was trained on',
    )
}

function classification(
  { classes }: Dataset,
  tallies: readonly Tally[],
  seconds: number,
): Classification {
  const shares = ({ images, one, five }: Tally): TopShares => ({
    top1: images && one / images,
    top5: images && five / images,
    images,
  })
  const total = (of: (tally: Tally) => number) => tallies.reduce((sum, t) => sum + of(t), 0)
  const counts = tallies.map(({ images }) => images).sort((a, b) => b - a)
  const images = total((t) => t.images)
  const five = counts.slice(0, 5).reduce((sum, n) => sum + n, 0)
  return {
    ...shares({ images, one: total((t) => t.one), five: total((t) => t.five) }),
    baseline: shares({ images, one: counts[0] ?? 0, five }),
    perClass: classes.map(({ name }, k) => ({ name, ...shares(tallies[k]) })),
    seconds,
  }
}

/** What training makes of it: top-1 accuracy decides which weights are best. */
export const classifyValidation = ({ top1, top5, perClass }: Classification): Validation => ({
  score: top1,
  scoreName: 'top-1',
  figures: { top1, top5, meanAccuracy: meanOf(perClass) },
})

function meanOf(perClass: Classification['perClass']): number {
  const present = perClass.filter(({ images }) => images)
  return present.reduce((sum, { top1 }) => sum + top1, 0) / Math.max(1, present.length)
}

/** The figures in lines to read: the accuracies, and the classes that were told apart worst and best. */
export function classificationText(c: Classification): string {
  const present = c.perClass.filter(({ images }) => images)
  const sorted = [...present].sort((a, b) => a.top1 - b.top1)
  const ends = present.length > 10 ? [...sorted.slice(-5).reverse(), ...sorted.slice(0, 5)] : sorted
  const width = Math.max(5, ...ends.map(({ name }) => name.length))
  const line = (name: string, ...cells: string[]) =>
    [name.padEnd(width), ...cells.map((cell) => cell.padStart(8))].join('  ')
  const row = ({ name, top1, top5, images }: TopShares & { readonly name: string }) =>
    line(name, percent(top1), percent(top5), `${images}`)
  return [
    `top-1 ${percent(c.top1)}, top-5 ${percent(c.top5)} of ${c.images} images`,
    `always the commonest: ${percent(c.baseline.top1)} and ${percent(c.baseline.top5)}`,
    '',
    line('class', 'top-1', 'top-5', 'images'),
    ...ends.map(row),
    ...(ends.length < present.length ? ['the five best and the five worst classes'] : []),
  ].join('\n')
}
