// How large a canvas is for a picture, and in which bands of rows it is painted: at once where one binding holds each tensor.

import type { Pair } from '../ops/options.ts'

/** A tensor that is painted, [height, width] of so many elements. */
export interface Painted {
  readonly size: Pair
  readonly elements: number
  readonly elementBytes: number
  /** Of its buffer. */
  readonly bytes: number
}

/** The part of a tensor that a band reads. */
export interface Bound {
  readonly offset: number
  readonly bytes: number
  /** The element that it begins with. */
  readonly first: number
}

export interface Band {
  /** Rows of the canvas, the last not included. */
  readonly rows: readonly [begin: number, end: number]
  /** Of each tensor. */
  readonly bound: readonly Bound[]
}

/** Pixels of a canvas: 256 MiB for each picture that the browser keeps of it. */
const MOST_PIXELS = 2 ** 26
/** Bytes that every binding may begin at a multiple of. */
const STEP = 256

/** The picture's height and width, or a smaller copy's where a canvas of this device cannot have so many. */
export function canvasSize([height, width]: Pair, side: number): Pair {
  const scale = Math.min(1, side / Math.max(height, width), Math.sqrt(MOST_PIXELS / height / width))
  const scaled = (n: number) => Math.max(1, Math.floor(n * scale))
  return scale === 1 ? [height, width] : [scaled(height), scaled(width)]
}

/** All rows of a canvas, in bands whose bindings are no larger than `most` bytes, or of one row each. A row reads as many rows above and
 * below it as the `margin` says. */
export function viewBands(
  [height]: Pair,
  painted: readonly Painted[],
  most: number,
  margin: number,
): Band[] {
  const bandOf = (begin: number, end: number): Band => ({
    rows: [begin, end],
    bound: painted.map((tensor) => boundOf(tensor, begin - margin, end + margin, height)),
  })
  let rows = height
  while (rows > 1 && !fits(rows)) rows = Math.ceil(rows / 2)
  return split(rows)

  function split(step: number): Band[] {
    const count = Math.ceil(height / step)
    return Array.from({ length: count }, (_, i) =>
      bandOf(i * step, Math.min(height, (i + 1) * step)),
    )
  }
  function fits(step: number): boolean {
    return split(step).every(({ bound }) => bound.every(({ bytes }) => bytes <= most))
  }
}

/** What lies under these rows, as far as they are there. */
function boundOf(tensor: Painted, begin: number, end: number, height: number): Bound {
  const { size, elements, elementBytes, bytes } = tensor
  const rowBytes = size[1] * elements * elementBytes
  const under = (y: number) => Math.floor(((2 * y + 1) * size[0]) / (2 * height))
  const from = Math.floor((under(Math.max(0, begin)) * rowBytes) / STEP) * STEP
  const to = 4 * Math.ceil(((under(Math.min(height, end) - 1) + 1) * rowBytes) / 4)
  return { offset: from, bytes: Math.min(bytes, to) - from, first: from / elementBytes }
}
