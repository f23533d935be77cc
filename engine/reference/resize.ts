// Ways up: repetition of entries and bilinear resizing. Both are linear, y[o] = Σ weight·x[i]; their gradients sum the
// same terms the other way, dx[i] = Σ weight·dy[o].

import type { TensorType } from '../dtype.ts'
import { reference } from './value.ts'

type Pair = readonly [number, number]
type Mode = 'half-pixel' | 'align-corners' | 'asymmetric'
interface ResizeAttrs {
  readonly from: Pair
  readonly to: Pair
  readonly mode: Mode
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

type Visit = (x: number, y: number, weight: number) => void

/** Every term of the map from x [n, h, w, c] to y [n, oh, ow, c], given the pixels that each output mixes per axis. */
function eachTerm(
  x: TensorType,
  y: TensorType,
  mixes: readonly ((o: number) => [number, number][])[],
  visit: Visit,
): void {
  const [, h, w] = x.shape
  const [n, oh, ow, c] = y.shape
  for (let b = 0; b < n; b++)
    for (let oy = 0; oy < oh; oy++)
      for (let ox = 0; ox < ow; ox++)
        for (const [iy, wy] of mixes[0](oy))
          for (const [ix, wx] of mixes[1](ox))
            for (let k = 0; k < c; k++)
              visit(((b * h + iy) * w + ix) * c + k, ((b * oh + oy) * ow + ox) * c + k, wy * wx)
}

const bilinear = ({ from, to, mode }: ResizeAttrs) =>
  [0, 1].map((a) => (o: number) => neighbours(o, from[a], to[a], mode))
const repeated = ({ factor }: { readonly factor: Pair }) =>
  [0, 1].map((a) => (o: number): [number, number][] => [[Math.floor(o / factor[a]), 1]])

function forward<A>(mixes: (attrs: A) => readonly ((o: number) => [number, number][])[]) {
  return reference<A>(([x], attrs, [type]) => {
    const y = zeros(type)
    eachTerm(x, type, mixes(attrs), (i, o, weight) => {
      y[o] += weight * x.data[i]
    })
    return [y]
  })
}

function adjoint<A>(mixes: (attrs: A) => readonly ((o: number) => [number, number][])[]) {
  return reference<A>(([dy], attrs, [type]) => {
    const dx = zeros(type)
    eachTerm(type, dy, mixes(attrs), (i, o, weight) => {
      dx[i] += weight * dy.data[o]
    })
    return [dx]
  })
}

const zeros = ({ shape }: TensorType) => new Float64Array(shape.reduce((a, b) => a * b, 1))

export const resizeReferences = {
  resizeBilinear: forward(bilinear),
  resizeBilinearGrad: adjoint(bilinear),
  repeatUpsample: forward(repeated),
  repeatUpsampleGrad: adjoint(repeated),
}
