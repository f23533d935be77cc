// What is counted in one example, as whole numbers: whoever adds them up, in whatever order, finds the same.

import { type Example, VOID } from '../dataset.ts'

export interface ImageScan {
  readonly height: number
  readonly width: number
  /** Classes in it, rising, and the pixels of each. */
  readonly classes: readonly number[]
  readonly pixels: readonly number[]
  /** Of each class, pixels in runs of a row that are at most `BAND` long and lie between two different labels. */
  readonly bands: readonly number[]
  readonly void: number
  /** Of red, green and blue bytes, and of their squares. */
  readonly sums: readonly number[]
  readonly squares: readonly number[]
  /** Changes of label along rows, and those by way of one pixel of a class between the two. */
  readonly changes: number
  readonly steps: number
}

/** Pixels that the void band around objects is wide at most, where there is one. */
const BAND = 8

/** What is in an example; of one that has a class as a whole, all pixels are of that. */
export function scanExample({ image, labels, height, width, category }: Example): ImageScan {
  if (category !== undefined && !labels.length) {
    const none = { bands: [0], void: 0, changes: 0, steps: 0 }
    return {
      ...none,
      height,
      width,
      classes: [category],
      pixels: [height * width],
      ...colours(image),
    }
  }
  const counts = new Uint32Array(256)
  for (let i = 0; i < labels.length; i++) counts[labels[i]]++
  const classes = Array.from(counts.keys()).filter((k) => k !== VOID && counts[k])
  const { bands, changes, steps } = alongRows(labels, height, width)
  return {
    ...{ height, width, classes, changes, steps, void: counts[VOID] },
    pixels: classes.map((k) => counts[k]),
    bands: classes.map((k) => bands[k]),
    ...colours(image),
  }
}

function colours(image: Uint8Array): Pick<ImageScan, 'sums' | 'squares'> {
  const sums = [0, 0, 0]
  const squares = [0, 0, 0]
  for (let c = 0; c < 3; c++) {
    // By values: fewer additions, and each of them exact.
    const counts = new Uint32Array(256)
    for (let i = c; i < image.length; i += 3) counts[image[i]]++
    counts.forEach((n, value) => {
      sums[c] += n * value
      squares[c] += n * value * value
    })
  }
  return { sums, squares }
}

function alongRows(labels: Uint8Array, height: number, width: number) {
  const bands = new Uint32Array(256)
  let changes = 0
  let steps = 0
  for (let y = 0; y < height; y++) {
    const row = labels.subarray(y * width, (y + 1) * width)
    let begun = 0
    for (let x = 1; x < width; x++) {
      const [a, b] = [row[x - 1], row[x]]
      if (a === b) continue
      const before = row[begun - 1]
      if (begun && x - begun <= BAND && before !== b) bands[a] += x - begun
      begun = x
      if (x === width - 1) continue
      const c = row[x + 1]
      changes++
      if (b !== c && (a < b ? b < c && c !== VOID : b > c && a !== VOID)) steps++
    }
  }
  return { bands, changes, steps }
}
