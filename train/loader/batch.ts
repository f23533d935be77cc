// A batch: examples of one size, their images as floats and what is to be learned from them, ready for the device.

import { DataError, NonFiniteError, OptionError } from '../../engine/errors.ts'
import type { ImagePadding } from '../../models/input.ts'
import { type Example, VOID } from '../dataset.ts'
import { fillBeyond, reflect, roundUp } from '../pictures/pad.ts'

/** What is learned from examples: classes of pixels u8 [n, h, w], 255 where void; objects i32 [n, h, w], 0 for none; the
 * class of an image as a whole i32 [n]. */
export type TargetName = 'labels' | 'instances' | 'category'

export interface Target {
  readonly data: Uint8Array | Int32Array
  readonly shape: readonly number[]
}

export class Batch {
  /** [n, height, width, 3], RGB in [0, 1]. */
  readonly image: Float32Array
  /** In the order in which they were asked for. */
  readonly targets: readonly Target[]
  readonly names: readonly string[]
  readonly height: number
  readonly width: number

  constructor({ image, targets, names, height, width }: Omit<Batch, 'labels'>) {
    this.image = image
    this.targets = targets
    this.names = names
    this.height = height
    this.width = width
  }

  /** The first target, where that is classes of pixels: [n, height, width], 255 where void or padded. Throws OptionError where it is not. */
  get labels(): Uint8Array {
    const [{ data }] = this.targets
    if (data instanceof Uint8Array) return data
    throw new OptionError('the first target of these batches is not labels', 'look at targets')
  }
}

export interface BatchLayout {
  /** Height and width are padded up to a multiple of this; default 1. */
  readonly multiple?: number | undefined
  /** With what: `reflection` (default), or a colour. What is learned there is nothing: void, no object. */
  readonly padding?: ImagePadding | undefined
  /** Default `['labels']`. */
  readonly targets?: readonly TargetName[] | undefined
}

/** An example as it was read, or with its image in numbers already. */
export type Item = Omit<Example, 'image'> & { readonly image: Uint8Array | Float32Array }

/** Examples of one size as one batch, unchanged but for padding. Throws DataError where sizes differ, and where an example does
 * not have what is to be learned. */
export function toBatch(examples: readonly Item[], layout: BatchLayout = {}): Batch {
  const { multiple = 1, padding = 'reflection', targets = ['labels'] } = layout
  const [first] = examples
  refuseSizes(examples)
  const height = roundUp(first.height, multiple)
  const width = roundUp(first.width, multiple)
  const plane = height * width
  const image = new Float32Array(examples.length * plane * 3)
  examples.forEach((example, i) => {
    const pixels = image.subarray(3 * i * plane, 3 * (i + 1) * plane)
    writePixels(example, pixels, height, width)
    if (padding !== 'reflection') fillBeyond(pixels, example.height, example.width, width, padding)
  })
  return new Batch({
    ...{ image, height, width },
    targets: targets.map((name) => makers[name](examples, height, width)),
    names: examples.map(({ name }) => name),
  })
}

/** Batches one after the other as one. Throws DataError where their sizes differ. */
export function joined(parts: readonly Batch[]): Batch {
  if (parts.length === 1) return parts[0]
  const [{ height, width, targets }] = parts
  refuseSizes(parts.map((part) => ({ ...part, name: part.names[0] })))
  const names = parts.flatMap((part) => part.names)
  const image = new Float32Array(names.length * height * width * 3)
  place(
    image,
    parts.map((part) => part.image),
  )
  return new Batch({
    ...{ image, names, height, width },
    targets: targets.map(({ data, shape }, t) => {
      const length = (data.length / parts[0].names.length) * names.length
      const all = data instanceof Uint8Array ? new Uint8Array(length) : new Int32Array(length)
      place(
        all,
        parts.map((part) => part.targets[t].data),
      )
      return { data: all, shape: [names.length, ...shape.slice(1)] }
    }),
  })
}

/** Bytes of a batch's arrays. */
export const batchBytes = ({ image, targets }: Pick<Batch, 'image' | 'targets'>): number =>
  targets.reduce((sum, { data }) => sum + data.byteLength, image.byteLength)

/** Throws NonFiniteError where a pixel is not finite, before what is computed from it is taken for the network's doing. */
export function checkPixels(batches: readonly Pick<Batch, 'image'>[]): void {
  for (const [i, { image }] of batches.entries()) {
    const at = image.findIndex((v) => !Number.isFinite(v))
    if (at >= 0)
      throw new NonFiniteError(
        `value ${at} of the images of batch ${i} is ${image[at]}`,
        'images are RGB in [0, 1]; look at how they were made',
      )
  }
}

function place(into: Float32Array | Uint8Array | Int32Array, parts: readonly ArrayLike<number>[]) {
  let at = 0
  for (const part of parts) {
    into.set(part, at)
    at += part.length
  }
}

function refuseSizes(parts: readonly Pick<Example, 'name' | 'height' | 'width'>[]): void {
  const [first] = parts
  for (const { name, height, width } of parts)
    if (height !== first.height || width !== first.width)
      throw new DataError(
        name,
        `is ${height}×${width} but ${first.name} in the same batch is ${first.height}×${first.width}`,
        'train at one size, or with a batch of 1',
      )
}

const SHARES = Float32Array.from({ length: 256 }, (_, value) => value / 255)

/** Pixels that lie beyond the example are mirrored, the edge not repeated. */
function writePixels({ image, ...item }: Item, out: Float32Array, height: number, width: number) {
  const own = 3 * item.width
  for (let y = 0; y < height; y++) {
    const row = reflect(y, item.height) * own
    const to = y * width * 3
    if (image instanceof Float32Array) out.set(image.subarray(row, row + own), to)
    else for (let i = 0; i < own; i++) out[to + i] = SHARES[image[row + i]]
    for (let x = item.width; x < width; x++) {
      const from = to + 3 * reflect(x, item.width)
      out.copyWithin(to + 3 * x, from, from + 3)
    }
  }
}

type Maker = (examples: readonly Item[], height: number, width: number) => Target

const makers: Record<TargetName, Maker> = {
  labels: (examples, height, width) => {
    const data = new Uint8Array(examples.length * height * width).fill(VOID)
    return planes(data, examples, height, width, ({ labels }) => labels)
  },
  instances: (examples, height, width) => {
    const data = new Int32Array(examples.length * height * width)
    return planes(data, examples, height, width, ({ name, instances }) => {
      if (instances) return instances
      throw new DataError(name, 'has no objects told apart', 'open the data set with its objects')
    })
  },
  category: (examples) => {
    const data = Int32Array.from(examples, ({ name, category }) => {
      if (category !== undefined) return category
      throw new DataError(
        name,
        'has no class as a whole',
        'train on a data set of classified images',
      )
    })
    return { data, shape: [examples.length] }
  },
}

function planes(
  data: Uint8Array | Int32Array,
  examples: readonly Item[],
  height: number,
  width: number,
  of: (item: Item) => Uint8Array | Uint16Array,
): Target {
  examples.forEach((example, i) => {
    const values = of(example)
    for (let y = 0; y < example.height; y++) {
      const row = values.subarray(y * example.width, (y + 1) * example.width)
      data.set(row, (i * height + y) * width)
    }
  })
  return { data, shape: [examples.length, height, width] }
}
