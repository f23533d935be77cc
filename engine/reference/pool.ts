// Pooling. The index of a window's largest element is its tap, ky·kw + kx; the gradient puts a value back where
// its window's index points, and the gather fetches from there.

import type { TensorType } from '../dtype.ts'
import { reference } from './value.ts'

type Pair = readonly [number, number]
interface PoolAttrs {
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
  readonly pad: Pair
  readonly size: Pair
  readonly out: Pair
}

/** Index into x [n, h, w, c] of a tap of the window at element `y` of the output, or -1 outside x. */
function inputAt(y: number, tap: number, channels: number, a: PoolAttrs): number {
  const [h, w] = a.size
  const [oh, ow] = a.out
  const c = y % channels
  const ox = Math.floor(y / channels) % ow
  const oy = Math.floor(y / channels / ow) % oh
  const n = Math.floor(y / channels / ow / oh)
  const iy = oy * a.stride[0] + Math.floor(tap / a.kernel[1]) * a.dilation[0] - a.pad[0]
  const ix = ox * a.stride[1] + (tap % a.kernel[1]) * a.dilation[1] - a.pad[1]
  return iy < 0 || iy >= h || ix < 0 || ix >= w ? -1 : ((n * h + iy) * w + ix) * channels + c
}

type AvgAttrs = Omit<PoolAttrs, 'dilation'> & { readonly divisor: 'kernel' | 'valid' }

/** Indices into x of the taps of a window that are inside it. */
const tapsOf = (y: number, channels: number, a: AvgAttrs): number[] =>
  Array.from({ length: a.kernel[0] * a.kernel[1] }, (_, tap) =>
    inputAt(y, tap, channels, { ...a, dilation: [1, 1] }),
  ).filter((i) => i >= 0)

const divisorOf = (taps: readonly number[], a: AvgAttrs): number =>
  a.divisor === 'kernel' ? a.kernel[0] * a.kernel[1] : taps.length

const zeros = ({ shape }: TensorType) => new Float64Array(shape.reduce((a, b) => a * b, 1))
const channelsOf = ({ shape }: TensorType) => shape[3]

export const poolReferences = {
  /** The first largest tap wins, and the first NaN wins over every number. */
  maxPool2d: reference<PoolAttrs>(([x], attrs, [type]) => {
    const y = zeros(type).fill(Number.NEGATIVE_INFINITY)
    const index = zeros(type)
    const taps = attrs.kernel[0] * attrs.kernel[1]
    y.forEach((_, o) => {
      let empty = true
      for (let tap = 0; tap < taps; tap++) {
        const i = inputAt(o, tap, channelsOf(type), attrs)
        if (i < 0) continue
        const v = x.data[i]
        if (empty || v > y[o] || (Number.isNaN(v) && !Number.isNaN(y[o]))) {
          y[o] = v
          index[o] = tap
        }
        empty = false
      }
    })
    return [y, index]
  }),

  maxPool2dGrad: reference<PoolAttrs>(([dy, index], attrs, [type]) => {
    const dx = zeros(type)
    dy.data.forEach((v, o) => {
      const i = inputAt(o, index.data[o], channelsOf(type), attrs)
      if (i >= 0) dx[i] += v
    })
    return [dx]
  }),

  avgPool2d: reference<AvgAttrs>(([x], attrs, [type]) => {
    const y = zeros(type)
    y.forEach((_, o) => {
      const taps = tapsOf(o, channelsOf(type), attrs)
      y[o] = taps.reduce((sum, i) => sum + x.data[i], 0) / divisorOf(taps, attrs)
    })
    return [y]
  }),

  avgPool2dGrad: reference<AvgAttrs>(([dy], attrs, [type]) => {
    const dx = zeros(type)
    dy.data.forEach((v, o) => {
      const taps = tapsOf(o, channelsOf(type), attrs)
      for (const i of taps) dx[i] += v / divisorOf(taps, attrs)
    })
    return [dx]
  }),

  maxPool2dGather: reference<PoolAttrs>(([x, index], attrs, [type]) => {
    const y = zeros(type)
    y.forEach((_, o) => {
      const i = inputAt(o, index.data[o], channelsOf(type), attrs)
      if (i >= 0) y[o] = x.data[i]
    })
    return [y]
  }),
}
