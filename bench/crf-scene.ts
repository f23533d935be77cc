// What the CRF is measured and tested on: a drawn street with the noise of a sensor, and probabilities as a network with a
// coarse grid gives them, right for the most part, blurred at the edges, unsure everywhere.

import { VOID } from '../train/dataset.ts'
import type { Picture } from '../train/pictures/picture.ts'
import { Random } from '../train/random.ts'
import { streetPainter } from '../train/scenes/street.ts'

/** Pixels of the image to one of the grid. */
const STRIDE = 8

export interface CrfScene {
  readonly picture: Picture
  /** [1, height, width, classes]. */
  readonly probabilities: Float32Array
}

/** A street and its probabilities; classes beyond those of streets are never likely. */
export function crfScene(height: number, width: number, classes: number, seed: number): CrfScene {
  const { image, labels } = streetPainter(height, width)(seed, 0)
  const random = new Random(seed, 0xc4f)
  const [rows, columns] = [height, width].map((n) => Math.ceil(n / STRIDE) + 1)
  const grid = Float64Array.from({ length: rows * columns * classes }, (_, i) => {
    const cell = Math.floor(i / classes)
    const y = Math.min(height - 1, STRIDE * Math.floor(cell / columns))
    const x = Math.min(width - 1, STRIDE * (cell % columns))
    const label = labels[y * width + x]
    const right = label !== VOID && label === i % classes
    return (right ? 2.5 : 0) + 1.5 * (random.uniform(0, 1) + random.uniform(0, 1) - 1)
  })
  const probabilities = new Float32Array(height * width * classes)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [top, left] = [Math.floor(y / STRIDE), Math.floor(x / STRIDE)]
      const [fy, fx] = [y / STRIDE - top, x / STRIDE - left]
      const at = (dy: number, dx: number, c: number) =>
        grid[((top + dy) * columns + left + dx) * classes + c]
      const out = probabilities.subarray((y * width + x) * classes, (y * width + x + 1) * classes)
      for (let c = 0; c < classes; c++) {
        const above = at(0, 0, c) * (1 - fx) + at(0, 1, c) * fx
        const below = at(1, 0, c) * (1 - fx) + at(1, 1, c) * fx
        out[c] = Math.exp(above * (1 - fy) + below * fy)
      }
      const sum = out.reduce((a, b) => a + b)
      for (let c = 0; c < classes; c++) out[c] /= sum
    }
  return { picture: { data: image, height, width }, probabilities }
}

export interface Difference {
  /** Of probabilities, absolute. */
  readonly most: number
  readonly mean: number
  /** Share of pixels whose likeliest class is another. */
  readonly other: number
}

/** How far two sets of probabilities [..., classes] are from each other. */
export function difference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  classes: number,
): Difference {
  let [most, sum, other] = [0, 0, 0]
  const likeliest = (q: ArrayLike<number>, from: number) => {
    let best = 0
    for (let c = 1; c < classes; c++) if (q[from + c] > q[from + best]) best = c
    return best
  }
  for (let from = 0; from < a.length; from += classes) {
    for (let e = from; e < from + classes; e++) {
      const d = Math.abs(a[e] - b[e])
      // Also where it is NaN.
      if (!(d <= most)) most = d
      sum += d
    }
    if (likeliest(a, from) !== likeliest(b, from)) other++
  }
  return { most, mean: sum / a.length, other: (other * classes) / a.length }
}
