// Resizing: repetition of entries, nearest, bilinear and bicubic. All are linear, y[o] = Σ weight·x[i]; gradients sum the
// same terms the other way, dx[i] = Σ weight·dy[o].

import type { TensorType } from '../dtype.ts'
import { reference } from './value.ts'

type Pair = readonly [number, number]
type Mode = 'half-pixel' | 'align-corners' | 'asymmetric'
/** Rows of x and y that are at hand, out of all. */
interface Rows {
  readonly x: Pair
  readonly y: Pair
}
interface ResizeAttrs {
  readonly from: Pair
  readonly to: Pair
  readonly mode: Mode
  readonly rows?: Rows
}

/** Where output pixel `o` lies between the pixels of an axis of `size`. */
function position(o: number, size: number, out: number, mode: Mode): number {
  if (mode === 'half-pixel') return Math.max(0, ((o + 0.5) * size) / out - 0.5)
  if (mode === 'asymmetric') return (o * size) / out
  return out === 1 ? 0 : (o * (size - 1)) / (out - 1)
}

/** The two input pixels that output pixel `o` mixes, with their weights. */
function neighbours(o: number, size: number, out: number, mode: Mode): [number, number][] {
  const s = position(o, size, out, mode)
  const low = Math.min(Math.floor(s), size - 1)
  const high = Math.min(low + 1, size - 1)
  const f = s - low
  return high === low
    ? [[low, 1]]
    : [
        [low, 1 - f],
        [high, f],
      ]
}

type Mix = (o: number) => [i: number, weight: number][]
type Visit = (x: number, y: number, weight: number) => void

/** Every term of the map from x [n, h, w, c] to y [n, oh, ow, c], given the pixels that each output mixes per axis and where
 * their rows begin among all rows. */
function eachTerm(
  x: TensorType,
  y: TensorType,
  [rows, columns]: readonly Mix[],
  visit: Visit,
  start = { x: 0, y: 0 },
): void {
  const [, h, w] = x.shape
  const [n, oh, ow, c] = y.shape
  for (let b = 0; b < n; b++)
    for (let oy = 0; oy < oh; oy++)
      for (const [row, wy] of rows(oy + start.y)) {
        const iy = row - start.x
        if (iy < 0 || iy >= h) continue
        for (let ox = 0; ox < ow; ox++)
          for (const [ix, wx] of columns(ox))
            for (let k = 0; k < c; k++)
              visit(((b * h + iy) * w + ix) * c + k, ((b * oh + oy) * ow + ox) * c + k, wy * wx)
      }
}

const bilinear = ({ from, to, mode }: ResizeAttrs) =>
  [0, 1].map(
    (a): Mix =>
      (o) =>
        neighbours(o, from[a], to[a], mode),
  )
const nearest = ({ from, to }: ResizeAttrs) =>
  [0, 1].map(
    (a): Mix =>
      (o) => [[Math.floor((o * from[a]) / to[a]), 1]],
  )
const repeated = ({ factor }: { readonly factor: Pair; readonly rows?: Rows }) =>
  [0, 1].map(
    (a): Mix =>
      (o) => [[Math.floor(o / factor[a]), 1]],
  )

const startOf = ({ rows }: { readonly rows?: Rows }) => rows && { x: rows.x[0], y: rows.y[0] }

function forward<A extends { readonly rows?: Rows }>(mixes: (attrs: A) => readonly Mix[]) {
  return reference<A>(([x], attrs, [type]) => {
    const y = zeros(type)
    const visit: Visit = (i, o, weight) => {
      y[o] += weight * x.data[i]
    }
    eachTerm(x, type, mixes(attrs), visit, startOf(attrs))
    return [y]
  })
}

function adjoint<A extends { readonly rows?: Rows }>(mixes: (attrs: A) => readonly Mix[]) {
  return reference<A>(([dy], attrs, [type]) => {
    const dx = zeros(type)
    const visit: Visit = (i, o, weight) => {
      dx[i] += weight * dy.data[o]
    }
    eachTerm(type, dy, mixes(attrs), visit, startOf(attrs))
    return [dx]
  })
}

/** Keys' cubic. */
function keys(t: number, a: number): number {
  const d = Math.abs(t)
  if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1
  return d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0
}

/** The source pixels of output pixel `o`: all within two kernel widths, weighted by the cubic; those outside do not count, or
 * stand for the edge's. */
function cubic(o: number, size: number, out: number, antialias: boolean): [number, number][] {
  const scale = antialias ? Math.max(1, size / out) : 1
  const at = ((o + 0.5) * size) / out - 0.5
  const taps: [number, number][] = []
  for (let i = Math.floor(at - 2 * scale); i <= Math.ceil(at + 2 * scale); i++) {
    const inside = Math.min(Math.max(i, 0), size - 1)
    const weight = keys((i - at) / scale, antialias ? -0.5 : -0.75)
    if (!antialias || i === inside) taps.push([inside, weight])
  }
  const total = taps.reduce((sum, [, weight]) => sum + weight, 0)
  return taps.map(([i, weight]) => [i, weight / total])
}

const zeros = ({ shape }: TensorType) => new Float64Array(shape.reduce((a, b) => a * b, 1))

export const resizeReferences = {
  resizeBilinear: forward(bilinear),
  resizeBilinearGrad: adjoint(bilinear),
  resizeNearest: forward(nearest),
  resizeNearestGrad: adjoint(nearest),
  repeatUpsample: forward(repeated),
  repeatUpsampleGrad: adjoint(repeated),

  resizeBicubic: reference<{
    readonly to: Pair
    readonly antialias: boolean
    readonly part?: Rows & { readonly height: number }
  }>(([x], { to, antialias, part }, [type]) => {
    const y = zeros(type)
    const from = [part?.height ?? x.shape[1], x.shape[2]]
    const mixes = to.map(
      (out, a): Mix =>
        (o) =>
          cubic(o, from[a], out, antialias),
    )
    const start = part && { x: part.x[0], y: part.y[0] }
    eachTerm(x, type, mixes, (i, o, weight) => (y[o] += weight * x.data[i]), start)
    return [y]
  }),
}
