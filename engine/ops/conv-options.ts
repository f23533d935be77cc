// How the options of convolutions are written, and what they mean written out.

import {
  checkChoice,
  optionsOf,
  type Padding,
  type Pair,
  pairOf,
  type Sides,
  sidesOf,
} from './options.ts'

export interface ConvOptions {
  /** Step between output pixels; default 1. */
  readonly stride?: number | Pair
  /** Step between kernel taps; default 1. */
  readonly dilation?: number | Pair
  /** Zeros around x, or `same`, which gives ceil(size / stride) outputs with any odd zero at the bottom and right.
   * Default 0. */
  readonly padding?: Padding | 'same'
}

/** Fully written out: padding is [top, left, bottom, right], where a negative bottom or right leaves rows of x unread. */
export type ConvAttrs = {
  readonly stride: Pair
  readonly dilation: Pair
  readonly padding: Sides
  /** Height and width of x, which the gradient with respect to it cannot know. */
  readonly size: Pair
  /** Height and width of w, which the gradient with respect to it cannot know. */
  readonly kernel: Pair
}

/** Options for x of a size and w of a kernel. Throws OptionError. */
export function writeOut(options: ConvOptions, size: Pair, kernel: Pair): ConvAttrs {
  const given = optionsOf('conv2d', options, { stride: 1, dilation: 1, padding: 0 })
  const stride = pairOf('conv2d', 'stride', given.stride)
  const dilation = pairOf('conv2d', 'dilation', given.dilation)
  const { padding } = given
  if (typeof padding === 'string') checkChoice('conv2d', 'padding', padding, ['same'])
  if (padding !== 'same')
    return { stride, dilation, padding: sidesOf('conv2d', padding), size, kernel }
  const total = [0, 1].map((a) => {
    const out = Math.ceil(size[a] / stride[a])
    return Math.max(0, (out - 1) * stride[a] + dilation[a] * (kernel[a] - 1) + 1 - size[a])
  })
  const [top, left] = total.map((n) => Math.floor(n / 2))
  return { stride, dilation, padding: [top, left, total[0] - top, total[1] - left], size, kernel }
}

/** Height and width of the convolution's result. */
export function outputSize({ stride, dilation, padding, size, kernel }: ConvAttrs): Pair {
  const along = (a: 0 | 1) =>
    Math.floor(
      (size[a] + padding[a] + padding[a + 2] - dilation[a] * (kernel[a] - 1) - 1) / stride[a],
    ) + 1
  return [along(0), along(1)]
}
