// How the options of convolutions are written, and what they mean written out.

import { OptionError } from '../errors.ts'

export type Pair = readonly [number, number]
/** All sides, [vertical, horizontal] or [top, left, bottom, right]. */
export type Padding = number | Pair | readonly [number, number, number, number]

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
  readonly padding: readonly [number, number, number, number]
  /** Height and width of x, which the gradient with respect to it cannot know. */
  readonly size: Pair
  /** Height and width of w, which the gradient with respect to it cannot know. */
  readonly kernel: Pair
}

/** Options for x of a size and w of a kernel. Throws OptionError. */
export function writeOut(options: ConvOptions, size: Pair, kernel: Pair): ConvAttrs {
  const stride = pairOf('conv2d', 'stride', options.stride ?? 1)
  const dilation = pairOf('conv2d', 'dilation', options.dilation ?? 1)
  const { padding = 0 } = options
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

/** One or two whole numbers from `least` on. */
export function pairOf(op: string, name: string, v: number | Pair, least = 1): Pair {
  const p: Pair = typeof v === 'number' ? [v, v] : v
  if (p.length !== 2 || p.some((n) => !Number.isInteger(n) || n < least))
    throw new OptionError(
      `${op}: ${name} ${JSON.stringify(v)} is not one or two ${least ? 'positive integers' : 'integers from 0 on'}`,
    )
  return p
}

/** [top, left, bottom, right]. */
export function sidesOf(op: string, padding: Padding): ConvAttrs['padding'] {
  const p = typeof padding === 'number' ? [padding] : padding
  if (p.some((n) => !Number.isInteger(n) || n < 0) || ![1, 2, 4].includes(p.length))
    throw new OptionError(
      `${op}: padding ${JSON.stringify(padding)} is not 1, 2 or 4 integers from 0 on`,
    )
  if (p.length === 4) return [p[0], p[1], p[2], p[3]]
  const [y, x] = p.length === 2 ? p : [p[0], p[0]]
  return [y, x, y, x]
}
