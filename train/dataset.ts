// What a data set is to the rest of the library: a name, its classes, and examples by index.

import type { AtrousError } from '../engine/errors.ts'

/** Label of pixels that take part in neither loss nor score. */
export const VOID = 255

export type Colour = readonly [r: number, g: number, b: number]

export interface ClassInfo {
  readonly name: string
  readonly colour: Colour
}

export type Split = 'train' | 'val' | 'test'

export const SPLITS: readonly Split[] = ['train', 'val', 'test']

/** One image with its labels; both arrays are the reader's own and must not be written to. */
export interface Example {
  readonly name: string
  /** RGB, [height, width, 3]. */
  readonly image: Uint8Array
  /** Class index of each pixel, [height, width]; 255 is void. Empty where the image is classified as a whole. */
  readonly labels: Uint8Array
  readonly height: number
  readonly width: number
  /** Which object a pixel belongs to, [height, width], 0 for none, where the data set tells objects apart. */
  readonly instances?: Uint16Array
  /** Class index of the image as a whole, where the data set classifies images. */
  readonly category?: number
}

/** Bytes of an example's arrays. */
export const exampleBytes = ({ image, labels, instances }: Example): number =>
  image.byteLength + labels.byteLength + (instances?.byteLength ?? 0)

/** One split of a data set; `get(i)` gives the same example for the same `i` in 0..size-1, whenever it is asked. */
export interface Dataset {
  readonly name: string
  readonly split: Split
  readonly classes: readonly ClassInfo[]
  readonly ignore: typeof VOID
  /** What has a class: each pixel (default), or each `image`, whose examples then have a `category` and no labels. */
  readonly labelled?: 'pixel' | 'image'
  readonly size: number
  get(index: number): Promise<Example>
  /** The message of an error of `get`, with what its label file shows where that can be looked into. */
  explain?(error: AtrousError, index: number): Promise<string>
}

/** The first `count` examples of a data set (all of them where it has fewer). */
export function firstOf(dataset: Dataset, count: number): Dataset {
  return {
    name: dataset.name,
    split: dataset.split,
    classes: dataset.classes,
    ignore: dataset.ignore,
    ...(dataset.labelled && { labelled: dataset.labelled }),
    size: Math.min(count, dataset.size),
    get: (index) => dataset.get(index),
  }
}

/** Examples that are looked at while a network learns: a few, spread evenly over a split. */
export const fixedOf = (size: number, most = 4): readonly number[] => {
  const count = Math.min(most, size)
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * size) / count))
}
