// Pooling and its way back, by windows as lists of cells.

import type { PositionAttrs } from '../ops/pool.ts'
import type { PoolWindow } from '../ops/pool-window.ts'
import { reference, type Value } from './value.ts'

const zeros = ({ shape }: { shape: readonly number[] }) =>
  new Float64Array(shape.reduce((a, b) => a * b, 1))
const channelsOf = ({ shape }: { shape: readonly number[] }) => shape[3]

/** Row, column, image and channel of the pooled element `y`. */
function placeOf(y: number, channels: number, [oh, ow]: readonly number[]) {
  const pixel = Math.floor(y / channels)
  return {
    c: y % channels,
    ox: pixel % ow,
    oy: Math.floor(pixel / ow) % oh,
    n: Math.floor(pixel / ow / oh),
  }
}

/** Row and column in x of a tap of the window at pooled element `y`. */
function tapAt(y: number, tap: number, channels: number, a: PoolWindow): [iy: number, ix: number] {
  const { oy, ox } = placeOf(y, channels, a.out)
  return [
    oy * a.stride[0] + Math.floor(tap / a.kernel[1]) * a.dilation[0] - a.padding[0],
    ox * a.stride[1] + (tap % a.kernel[1]) * a.dilation[1] - a.padding[1],
  ]
}

/** Calls `visit` with each tap of the window at pooled element `y`, its row and column in x, and its index into x
 * [n, h, w, c], or -1 outside x. */
function eachTap(
  y: number,
  channels: number,
  a: PoolWindow,
  visit: (tap: number, iy: number, ix: number, i: number) => void,
): void {
  const [h, w] = a.size
  const { n, c } = placeOf(y, channels, a.out)
  const [top, left] = tapAt(y, 0, channels, a)
  for (let tap = 0; tap < a.kernel[0] * a.kernel[1]; tap++) {
    const iy = top + Math.floor(tap / a.kernel[1]) * a.dilation[0]
    const ix = left + (tap % a.kernel[1]) * a.dilation[1]
    const outside = iy < 0 || iy >= h || ix < 0 || ix >= w
    visit(tap, iy, ix, outside ? -1 : ((n * h + iy) * w + ix) * channels + c)
  }
}

/** Index into x [n, h, w, c] of a tap, or -1 outside x. */
function inputAt(y: number, tap: number, channels: number, a: PoolWindow): number {
  const [h, w] = a.size
  const { n, c } = placeOf(y, channels, a.out)
  const [iy, ix] = tapAt(y, tap, channels, a)
  return iy < 0 || iy >= h || ix < 0 || ix >= w ? -1 : ((n * h + iy) * w + ix) * channels + c
}

type AvgAttrs = PoolWindow & { readonly counted: readonly number[] }

/** Indices into x of the taps of a window inside it, and by what their sum is divided. */
function meanOf(y: number, channels: number, a: AvgAttrs): { taps: number[]; divisor: number } {
  const taps: number[] = []
  let divisor = 0
  const [y0, x0, y1, x1] = a.counted
  eachTap(y, channels, a, (_, iy, ix, i) => {
    if (i >= 0) taps.push(i)
    const [py, px] = [iy + a.padding[0], ix + a.padding[1]]
    if (py >= y0 && py < y1 && px >= x0 && px < x1) divisor++
  })
  return { taps, divisor }
}

interface UnpoolAttrs {
  readonly size: readonly [number, number]
}
/** For each small element the large one that it goes to, or -1: outside, or another comes there later. */
function targets(at: Value, { size: [h, w] }: UnpoolAttrs): number[] {
  const [, oh, ow, c] = at.shape
  const last = new Map<number, number>()
  at.data.forEach((q, s) => {
    const n = Math.floor(s / (oh * ow * c))
    if (q >= 0 && q < h * w) last.set((n * h * w + q) * c + (s % c), s)
  })
  const to = new Array<number>(at.data.length).fill(-1)
  for (const [target, s] of last) to[s] = target
  return to
}

interface AdaptiveAttrs {
  readonly size: readonly [number, number]
  readonly out: readonly [number, number]
}
/** Calls `visit` with each element of the pooled map [n, oh, ow, c], those of x in its window and their share. */
function eachWindow(
  count: number,
  channels: number,
  { size: [h, w], out }: AdaptiveAttrs,
  visit: (y: number, x: number, share: number) => void,
): void {
  const range = (i: number, size: number, parts: number) => [
    Math.floor((i * size) / parts),
    Math.ceil(((i + 1) * size) / parts),
  ]
  for (let y = 0; y < count; y++) {
    const { n, oy, ox, c } = placeOf(y, channels, out)
    const [top, bottom] = range(oy, h, out[0])
    const [left, right] = range(ox, w, out[1])
    const share = 1 / ((bottom - top) * (right - left))
    for (let iy = top; iy < bottom; iy++)
      for (let ix = left; ix < right; ix++) visit(y, ((n * h + iy) * w + ix) * channels + c, share)
  }
}

/** The first largest tap wins, and the first NaN wins over every number. */
function largest(x: Value, attrs: PoolWindow, type: { readonly shape: readonly number[] }) {
  const y = zeros(type)
  const index = zeros(type)
  y.forEach((_, o) => {
    let best = -1
    eachTap(o, channelsOf(type), attrs, (tap, _iy, _ix, i) => {
      if (i < 0) return
      const v = x.data[i]
      const first = best < 0
      if (!first && !(v > x.data[best]) && !(Number.isNaN(v) && !Number.isNaN(x.data[best]))) return
      best = i
      index[o] = tap
    })
    y[o] = x.data[best]
  })
  return [y, index] as const
}

export const poolReferences = {
  maxPool2d: reference<PoolWindow>(([x], attrs, [type]) => [...largest(x, attrs, type)]),

  maxPool2dWithIndices: reference<PositionAttrs>(([x], attrs, [type]) => {
    const [y, index] = largest(x, attrs, type)
    const positions = index.map((tap, o) => {
      const [iy, ix] = tapAt(o, tap, channelsOf(type), attrs)
      return (iy + attrs.padding[0] + attrs.corner) * attrs.size[1] + ix
    })
    return [y, index, positions]
  }),

  maxPool2dGrad: reference<PoolWindow>(([dy, index], attrs, [type]) => {
    const dx = zeros(type)
    dy.data.forEach((v, o) => {
      const i = inputAt(o, index.data[o], channelsOf(type), attrs)
      if (i >= 0) dx[i] += v
    })
    return [dx]
  }),

  maxPool2dGather: reference<PoolWindow>(([x, index], attrs, [type]) => {
    const y = zeros(type)
    y.forEach((_, o) => {
      const i = inputAt(o, index.data[o], channelsOf(type), attrs)
      if (i >= 0) y[o] = x.data[i]
    })
    return [y]
  }),

  maxUnpool2d: reference<UnpoolAttrs>(([x, at], attrs, [type]) => {
    const y = zeros(type)
    targets(at, attrs).forEach((to, s) => {
      if (to >= 0) y[to] = x.data[s]
    })
    return [y]
  }),

  maxUnpool2dGrad: reference<UnpoolAttrs>(([dy, at], attrs) => [
    Float64Array.from(targets(at, attrs), (to) => (to < 0 ? 0 : dy.data[to])),
  ]),

  avgPool2d: reference<AvgAttrs>(([x], attrs, [type]) => {
    const y = zeros(type)
    y.forEach((_, o) => {
      const { taps, divisor } = meanOf(o, channelsOf(type), attrs)
      y[o] = taps.reduce((sum, i) => sum + x.data[i], 0) / divisor
    })
    return [y]
  }),

  avgPool2dGrad: reference<AvgAttrs>(([dy], attrs, [type]) => {
    const dx = zeros(type)
    dy.data.forEach((v, o) => {
      const { taps, divisor } = meanOf(o, channelsOf(type), attrs)
      for (const i of taps) dx[i] += v / divisor
    })
    return [dx]
  }),

  adaptiveAvgPool2d: reference<AdaptiveAttrs>(([x], attrs, [type]) => {
    const y = zeros(type)
    eachWindow(y.length, channelsOf(type), attrs, (o, i, share) => {
      y[o] += x.data[i] * share
    })
    return [y]
  }),

  adaptiveAvgPool2dGrad: reference<AdaptiveAttrs>(([dy], attrs, [type]) => {
    const dx = zeros(type)
    eachWindow(dy.data.length, channelsOf(type), attrs, (o, i, share) => {
      dx[i] += dy.data[o] * share
    })
    return [dx]
  }),
}
