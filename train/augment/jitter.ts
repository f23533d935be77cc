// ImageNet's changes of colour: brightness, contrast and saturation in a drawn order, and light along the principal components of
// its colours (Krizhevsky et al. 2012, whose components are those that the ResNet training codes publish).

import type { Random } from '../random.ts'
import { type Frame, numbersOf } from './frame.ts'

/** grey = 0.299 r + 0.587 g + 0.114 b. */
const GREY = [0.299, 0.587, 0.114] as const

/** Each blends the image x with another by its factor α, α x + (1 − α) other: brightness with black, contrast with the mean grey of
 * the image, saturation with its own grey. */
export const JITTERS = ['brightness', 'contrast', 'saturation'] as const
export type Jitter = (typeof JITTERS)[number]

/** The image after these, one after the other, cut off at 0 and 1 in the end. Every one of them gives α' x + β' grey(x) + κ', so all are
 * one pass. */
export function jittered(
  frame: Frame,
  order: readonly { readonly name: Jitter; readonly factor: number }[],
): Frame {
  const image = numbersOf(frame)
  const mean = meanGrey(image)
  let own = 1
  let grey = 0
  let shift = 0
  for (const { name, factor } of order) {
    // The grey of α x + β grey(x) + κ is (α + β) grey(x) + κ.
    const greyNow = own + grey
    if (name === 'saturation') grey = factor * grey + (1 - factor) * greyNow
    else grey *= factor
    if (name === 'brightness') shift *= factor
    if (name === 'contrast') shift = factor * shift + (1 - factor) * (greyNow * mean + shift)
    own *= factor
  }
  const [wr, wg, wb] = GREY
  for (let i = 0; i < image.length; i += 3) {
    const more = grey * (wr * image[i] + wg * image[i + 1] + wb * image[i + 2]) + shift
    for (let c = i; c < i + 3; c++) {
      const v = own * image[c] + more
      image[c] = v < 0 ? 0 : v > 1 ? 1 : v
    }
  }
  return { ...frame, image }
}

function meanGrey(image: Float32Array): number {
  const [wr, wg, wb] = GREY
  let sum = 0
  for (let i = 0; i < image.length; i += 3)
    sum += wr * image[i] + wg * image[i + 1] + wb * image[i + 2]
  return (3 * sum) / image.length
}

/** Variances along the principal components of ImageNet's colours in [0, 1], and the components, each red, green, blue. */
export const COLOUR_VALUES = [0.2175, 0.0188, 0.0045] as const
export const COLOUR_VECTORS = [
  [-0.5675, -0.5808, -0.5836],
  [0.7192, -0.0045, -0.6948],
  [0.4009, -0.814, 0.4203],
] as const

/** The same shift for every pixel: Σ amount_i · value_i · vector_i; cut off at 0 and 1. */
export function lit(frame: Frame, amounts: readonly number[]): Frame {
  const image = numbersOf(frame)
  const [r, g, b] = [0, 1, 2].map((c) =>
    amounts.reduce((sum, a, i) => sum + a * COLOUR_VALUES[i] * COLOUR_VECTORS[i][c], 0),
  )
  const cut = (v: number) => (v < 0 ? 0 : v > 1 ? 1 : v)
  for (let i = 0; i < image.length; i += 3) {
    image[i] = cut(image[i] + r)
    image[i + 1] = cut(image[i + 1] + g)
    image[i + 2] = cut(image[i + 2] + b)
  }
  return { ...frame, image }
}

/** N(0, 1), by Box and Muller's transform. */
export function normal(random: Random): number {
  // 1 − u is never 0, so that its logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()))
  return radius * Math.cos(2 * Math.PI * random.uniform())
}
