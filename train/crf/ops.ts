// What the CRF computes beyond the engine's ops, in the form in which users define their own: filtering on a sparse lattice and
// Gaussian sums along an axis. They serve inference alone, so none has a gradient.

import type { Shape, TensorType } from '../../engine/dtype.ts'
import { sizeOf } from '../../engine/dtype.ts'
import { apply, refusedGradient, type StructuredOp } from '../../engine/op.ts'
import type { Tensor } from '../../engine/tensor.ts'
import {
  blur as blurRecipe,
  own as ownRecipe,
  slice as sliceRecipe,
  splat as splatRecipe,
} from '../../shaders/lattice.ts'
import { sideSums as sideSumsRecipe } from '../../shaders/side-sums.ts'
import { CORNERS } from './points.ts'

type Empty = Record<string, never>

const common = {
  kind: 'structured',
  source: 'Adams, Baek and Davis 2010',
  tail: false,
  prologue: false,
  vjp: refusedGradient('mean-field inference is not differentiated here', 'train without the CRF'),
  samples: [],
} as const

const quadsOf = (x: TensorType) => x.shape[x.shape.length - 1] / 4
const isWhole4 = ({ dtype, shape }: TensorType) =>
  dtype === 'f32' && shape.length >= 2 && shape[shape.length - 1] % 4 === 0
const channels = ['channels f32 in multiples of four are needed', 'pad the classes'] as const

/** Rows of a reference's result. */
const rowsOf = (rows: number, c: number, row: (i: number, out: Float64Array) => void) => {
  const y = new Float64Array(rows * c)
  for (let i = 0; i < rows; i++) row(i, y.subarray(i * c, (i + 1) * c))
  return [y]
}

const splatOp: StructuredOp<Empty> = {
  ...common,
  name: 'latticeSplat',
  infer: ([, firsts, , , x], _, no) => {
    if (!isWhole4(x)) no(...channels)
    return [{ dtype: 'f32', shape: [firsts.shape[0] - 1, x.shape[1]] }]
  },
  cost: ([, , order, , x]) => ({ macs: 0, flops: 2 * sizeOf(order.shape) * x.shape[1] }),
  lower: ({ inputs }) =>
    splatRecipe({
      segments: inputs[0].shape[0] - 1,
      points: inputs[1].shape[0] - 1,
      quads: quadsOf(inputs[4]),
      access: inputs.map((t) => t.access),
    }),
  reference: ([begins, firsts, order, weights, x], _, [y]) => {
    const [points, c] = y.shape
    return rowsOf(points, c, (v, out) => {
      const [from, to] = [begins.data[firsts.data[v]], begins.data[firsts.data[v + 1]]]
      for (let at = from; at < to; at++) {
        const e = order.data[at]
        const pixel = Math.floor(e / CORNERS)
        for (let k = 0; k < c; k++) out[k] += weights.data[e] * x.data[pixel * c + k]
      }
    })
  },
}

const blurOp: StructuredOp<Empty> = {
  ...common,
  name: 'latticeBlur',
  infer: ([neighbours, x], _, no) => {
    if (!isWhole4(x)) no(...channels)
    if (neighbours.shape[1] !== 2) no('each point has two neighbours')
    return [{ dtype: 'f32', shape: [neighbours.shape[0], x.shape[1]] }]
  },
  cost: (_, [y]) => ({ macs: 0, flops: 5 * sizeOf(y.shape) }),
  lower: ({ inputs }) =>
    blurRecipe({
      from: inputs[1].shape[0],
      to: inputs[0].shape[0],
      quads: quadsOf(inputs[1]),
      access: inputs.map((t) => t.access),
    }),
  reference: ([neighbours, x], _, [y]) => {
    const [points, c] = y.shape
    const value = (v: number, k: number) => (v < x.shape[0] ? x.data[v * c + k] : 0)
    return rowsOf(points, c, (v, out) => {
      const [a, b] = [neighbours.data[2 * v], neighbours.data[2 * v + 1]]
      for (let k = 0; k < c; k++) out[k] = value(v, k) / 2 + (value(a, k) + value(b, k)) / 4
    })
  },
}

const sliceOp: StructuredOp<Empty> = {
  ...common,
  name: 'latticeSlice',
  infer: ([corners, , x], _, no) => {
    if (!isWhole4(x)) no(...channels)
    return [{ dtype: 'f32', shape: [corners.shape[0], x.shape[1]] }]
  },
  cost: ([corners, , x]) => ({ macs: 0, flops: 2 * sizeOf(corners.shape) * x.shape[1] }),
  lower: ({ inputs }) =>
    sliceRecipe({
      pixels: inputs[0].shape[0],
      points: inputs[2].shape[0],
      quads: quadsOf(inputs[2]),
      access: inputs.map((t) => t.access),
    }),
  reference: ([corners, weights, x], _, [y]) => {
    const [pixels, c] = y.shape
    return rowsOf(pixels, c, (i, out) => {
      for (let e = CORNERS * i; e < CORNERS * (i + 1); e++)
        for (let k = 0; k < c; k++) out[k] += weights.data[e] * x.data[corners.data[e] * c + k]
    })
  },
}

const ownOp: StructuredOp<Empty> = {
  ...common,
  name: 'latticeOwn',
  infer: ([corners]) => [{ dtype: 'f32', shape: [corners.shape[0], 1] }],
  cost: ([corners]) => ({ macs: 0, flops: 50 * sizeOf(corners.shape) }),
  lower: ({ inputs }) =>
    ownRecipe({
      pixels: inputs[0].shape[0],
      points: inputs[3].shape[1],
      access: inputs.map((t) => t.access),
    }),
  // By its meaning: each corner's value, blurred point by point.
  reference: ([corners, weights, , neighbours]) => {
    const [, points] = neighbours.shape
    const pixels = corners.shape[0]
    const next = (axis: number, v: number, way: number) =>
      neighbours.data[2 * (axis * points + v) + way]
    return [
      Float64Array.from({ length: pixels }, (_, i) => {
        let values = new Map<number, number>()
        for (let e = CORNERS * i; e < CORNERS * (i + 1); e++)
          values.set(corners.data[e], weights.data[e])
        for (let axis = 0; axis < CORNERS; axis++) {
          const blurred = new Map<number, number>()
          const give = (v: number, part: number) => {
            if (v < points) blurred.set(v, (blurred.get(v) ?? 0) + part)
          }
          for (const [v, x] of values) {
            give(v, x / 2)
            give(next(axis, v, 0), x / 4)
            give(next(axis, v, 1), x / 4)
          }
          values = blurred
        }
        let sum = 0
        for (let e = CORNERS * i; e < CORNERS * (i + 1); e++)
          sum += weights.data[e] * (values.get(corners.data[e]) ?? 0)
        return sum
      }),
    ]
  },
}

const around = (shape: Shape, axis: number) => ({
  outer: sizeOf(shape.slice(0, axis)),
  n: shape[axis],
  inner: sizeOf(shape.slice(axis + 1)),
})

const sideSumsOp: StructuredOp<{ readonly axis: number }> = {
  ...common,
  name: 'sideSums',
  source: 'a separable Gaussian without its centre',
  infer: ([taps, x], { axis }, no) => {
    if (!isWhole4(x)) no(...channels)
    if (!sizeOf(taps.shape) || axis >= x.shape.length - 1)
      no('taps and an axis of pixels are needed')
    return [{ dtype: 'f32', shape: x.shape }]
  },
  cost: ([taps, x]) => ({ macs: 0, flops: 3 * sizeOf(taps.shape) * sizeOf(x.shape) }),
  lower: ({ inputs: [taps, x], attrs: { axis } }) => {
    const { outer, n, inner } = around(x.shape, axis)
    const radius = sizeOf(taps.shape)
    return sideSumsRecipe({ outer, n, inner: inner / 4, radius, access: [taps.access, x.access] })
  },
  reference: ([taps, x], { axis }) => {
    const { n, inner } = around(x.shape, axis)
    return [
      x.data.map((_, e) => {
        const i = Math.floor(e / inner) % n
        const at = (k: number) => (i + k >= 0 && i + k < n ? x.data[e + k * inner] : 0)
        return taps.data.reduce((sum, tap, k) => sum + tap * (at(-k - 1) + at(k + 1)), 0)
      }),
    ]
  },
}

/** Where the pixels' entries are, sorted by the point that they belong to; see lattice-lists.ts. */
export interface Lists {
  readonly begins: Tensor
  readonly firsts: Tensor
  readonly order: Tensor
}

/** y[v] = Σ weights[e]·x[⌊e/6⌋] over the entries e of point v: [points, c] from x [pixels, c] and weights [pixels, 6]. */
export const splat = ({ begins, firsts, order }: Lists, weights: Tensor, x: Tensor): Tensor =>
  apply(splatOp, [begins, firsts, order, weights, x], {})[0]

/** y[v] = ½·x[v] + ¼·(x[a] + x[b]) with a, b = neighbours[v]; what x does not have counts as 0. As many rows as neighbours. */
export const blur = (neighbours: Tensor, x: Tensor): Tensor => apply(blurOp, [neighbours, x], {})[0]

/** y[i] = Σ_k weights[i, k]·x[corners[i, k]]: [pixels, c] from x [points, c]. */
export const slice = (corners: Tensor, weights: Tensor, x: Tensor): Tensor =>
  apply(sliceOp, [corners, weights, x], {})[0]

/** What of x[i] is in element i of slice(blur(… blur(splat(x)))), along all six axes in turn: [pixels, 1]. `turns` u32 [pixels] has
 * the axis from each corner to the next, 3 bits each, `neighbours` u32 [6, points, 2]. */
export const own = (corners: Tensor, weights: Tensor, turns: Tensor, neighbours: Tensor): Tensor =>
  apply(ownOp, [corners, weights, turns, neighbours], {})[0]

/** y[i] = Σ_{k ≥ 1} taps[k − 1]·(x[i − k] + x[i + k]) along an axis; x is 0 outside of it. */
export const sideSums = (taps: Tensor, x: Tensor, axis: number): Tensor =>
  apply(sideSumsOp, [taps, x], { axis })[0]

export const crfOps = [splatOp, blurOp, sliceOp, ownOp, sideSumsOp] as const
