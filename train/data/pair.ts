// An image with its label file as an example: sizes compared, stored values made classes, both brought to one size. Where the files
// lie and who decodes them is for the caller to know.

import { DataError } from '../../engine/errors.ts'
import { type Dataset, type Example, exampleBytes, VOID } from '../dataset.ts'
import type { Picture } from '../pictures/picture.ts'
import type { LabelImage } from '../pictures/png-label-values.ts'
import { resizeLabels, resizeNearest } from '../pictures/resize-labels.ts'

export interface Pair {
  /** What the example is called; unique in its split. */
  readonly name: string
  readonly image: string
  readonly label: string
  /** A file of instance numbers, 0 for none. */
  readonly instances?: string
  /** Who says so, such as "train.txt, line 12", for errors. */
  readonly where: string
}

export interface ExampleOptions {
  /** Size that images and labels are brought to; both or neither. Without it, each file's own. */
  readonly height?: number | undefined
  readonly width?: number | undefined
  /** Bytes of examples that may be kept in memory once read; 1 GiB unless told. */
  readonly cacheBytes?: number
}

/** What is to be known of a data set to make examples of decoded files. */
export interface Meaning extends Pick<ExampleOptions, 'height' | 'width'> {
  /** Class of each stored value, 255 for void; any other value is an error. */
  readonly classOf: ReadonlyMap<number, number>
  /** What stored values mean, for the error on one that means nothing. */
  readonly meaning: string
}

/** What the files of a pair hold. */
export interface Decoded {
  readonly image: Picture
  readonly labels: LabelImage
  readonly instances?: LabelImage | undefined
}

type Resize = (picture: Picture, height: number, width: number) => Picture | Promise<Picture>

/** The example of a pair. Throws DataError where image and label differ in size, and for a value that is no class. */
export async function exampleOf(
  pair: Pair,
  { image, labels: stored, instances }: Decoded,
  source: Meaning,
  resize: Resize,
): Promise<Example> {
  for (const [file, other] of [
    [pair.label, stored],
    [pair.instances ?? '', instances],
  ] as const)
    if (other && (other.height !== image.height || other.width !== image.width))
      throw sizesDiffer(pair.image, file, image, other)
  const labels = toClasses(stored, source, pair.label)
  const { height = image.height, width = image.width } = source
  const sizes = [image.height, image.width, height, width] as const
  return {
    name: pair.name,
    image: (await resize(image, height, width)).data,
    labels: resizeLabels(labels, ...sizes),
    height,
    width,
    ...(instances && { instances: resizeNearest(Uint16Array.from(instances.values), ...sizes) }),
  }
}

/** Values 0 … n − 1 for the classes and 255 for void, and further values for void. */
export function indexTable(n: number, ...voids: readonly number[]): Map<number, number> {
  const table = new Map(Array.from({ length: n }, (_, k) => [k, k]))
  for (const value of [VOID, ...voids]) table.set(value, VOID)
  return table
}

interface Size {
  readonly height: number
  readonly width: number
}

export function sizesDiffer(image: string, label: string, a: Size, b: Size): DataError {
  return new DataError(
    label,
    `is ${b.width}×${b.height} but its image ${image} is ${a.width}×${a.height}`,
    'an image and its label must have the same width and height',
  )
}

function toClasses(
  { values, width }: LabelImage,
  { classOf, meaning }: Meaning,
  file: string,
): Uint8Array {
  const labels = new Uint8Array(values.length)
  let last = -1
  let as = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value !== last) {
      const found = classOf.get(value)
      if (found === undefined)
        throw new DataError(
          file,
          `has label ${value} at row ${Math.floor(i / width)}, column ${i % width}, which is no class`,
          meaning,
        )
      last = value
      as = found
    }
    labels[i] = as
  }
  return labels
}

/** Keeps what was read, up to a number of bytes; a failed read is forgotten so that the next one tries again. */
export function cached(read: (index: number) => Promise<Example>, limit: number): Dataset['get'] {
  const kept = new Map<number, Promise<Example>>()
  let bytes = 0
  return async (index) => {
    const known = kept.get(index)
    if (known) return known
    const promise = read(index)
    kept.set(index, promise)
    try {
      const example = await promise
      bytes += exampleBytes(example)
      if (bytes > limit) {
        bytes -= exampleBytes(example)
        kept.delete(index)
      }
      return example
    } catch (error) {
      kept.delete(index)
      throw error
    }
  }
}
