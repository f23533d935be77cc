// Whether a case computes what it should. Convolutions of full size are checked at some elements, each summed up in float64 by plain
// loops; all else against the reference interpreter, everywhere.

import type { Graph } from '../../engine/graph.ts'
import type { HostTensor } from '../../engine/index.ts'
import { interpret, randomFrom } from '../../engine/reference/index.ts'
import { type ConvCase, paddingOf, resultOf } from './cases.ts'

/** Sums of thousands of products of f32, in parts of the largest value. */
export const TOLERANCE = 1e-4
/** Elements of a convolution that are checked. */
const SAMPLES = 48

/** The largest difference of `results` from what is right, in parts of the largest value. */
export function errorOf(
  traced: Graph,
  args: readonly HostTensor[],
  results: readonly ArrayLike<number>[],
  conv: ConvCase | undefined,
): number {
  if (conv) return convError(conv, args, results[0])
  const expected = interpret(traced, args)
  return Math.max(...results.map((got, i) => difference(got, expected[i])))
}

function difference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [error, largest] = [0, 1e-30]
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]))
    const e = Math.abs(got[i] - expected[i])
    // A NaN is wrong too.
    if (!(e <= error)) error = Number.isNaN(e) ? Number.POSITIVE_INFINITY : e
  }
  return got.length === expected.length ? error / largest : Number.POSITIVE_INFINITY
}

function convError(conv: ConvCase, args: readonly HostTensor[], got: ArrayLike<number>): number {
  const random = randomFrom(3)
  const samples = Array.from({ length: SAMPLES }, () => Math.floor(random() * got.length))
  const expected = samples.map((i) => element(conv, args, i))
  return difference(
    samples.map((i) => got[i]),
    expected,
  )
}

/** Element `i` of a convolution's part: the sum over the two other indices of Σ x[iy, ix, c] · w[ky, kx, c, o] · dy[oy, ox, o], where
 * i_ = o_ · stride + k_ · dilation − padding. */
function element(conv: ConvCase, args: readonly HostTensor[], i: number): number {
  const [x, w, dy] = args.map(({ data }) => data)
  const [, h, width, cin] = conv.x
  const [kh, kw, , cout] = conv.w
  const [, oh, ow] = resultOf(conv)
  const [top, left] = paddingOf(conv)
  const { stride, dilation, part } = conv
  let sum = 0
  const products = (b: number, oy: number, ox: number, ky: number, kx: number, c = -1, o = -1) => {
    const iy = oy * stride + ky * dilation - top
    const ix = ox * stride + kx * dilation - left
    if (iy < 0 || iy >= h || ix < 0 || ix >= width) return
    const atX = ((b * h + iy) * width + ix) * cin
    const atW = (ky * kw + kx) * cin * cout
    const atY = ((b * oh + oy) * ow + ox) * cout
    if (part === 'forward') for (let k = 0; k < cin; k++) sum += x[atX + k] * w[atW + k * cout + o]
    else if (part === 'input gradient')
      for (let k = 0; k < cout; k++) sum += dy[atY + k] * w[atW + c * cout + k]
    else sum += x[atX + c] * dy[atY + o]
  }
  if (part === 'weight gradient') {
    const [o, c, tap] = [i % cout, Math.floor(i / cout) % cin, Math.floor(i / cout / cin)]
    for (let b = 0; b < conv.x[0]; b++)
      for (let oy = 0; oy < oh; oy++)
        for (let ox = 0; ox < ow; ox++) products(b, oy, ox, Math.floor(tap / kw), tap % kw, c, o)
    return sum
  }
  if (part === 'forward') {
    const [o, ox, row] = [i % cout, Math.floor(i / cout) % ow, Math.floor(i / cout / ow)]
    for (let ky = 0; ky < kh; ky++)
      for (let kx = 0; kx < kw; kx++) products(Math.floor(row / oh), row % oh, ox, ky, kx, -1, o)
    return sum
  }
  const [c, ix, row] = [i % cin, Math.floor(i / cin) % width, Math.floor(i / cin / width)]
  for (let ky = 0; ky < kh; ky++)
    for (let kx = 0; kx < kw; kx++) {
      const oy = ((row % h) + top - ky * dilation) / stride
      const ox = (ix + left - kx * dilation) / stride
      if (!Number.isInteger(oy) || !Number.isInteger(ox)) continue
      if (oy >= 0 && oy < oh && ox >= 0 && ox < ow) products(Math.floor(row / h), oy, ox, ky, kx, c)
    }
  return sum
}
