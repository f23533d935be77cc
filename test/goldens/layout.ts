// Axis orders: golden data are NCHW with weights OIHW or IOHW, the library's are NHWC with weights HWIO or HWOI.

import { type Shape, sizeOf, stridesOf } from '../../engine/dtype.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor } from '../../engine/tensor.ts'

/** The layouts of single operators. */
export const layouts = [
  ...['NCHW/OIHW', 'NCHW/IOHW', 'NCHW', 'NC', 'ND'],
  'HWC (q: iteration,H,W,C; row 0 is Q0)',
] as const

const identity = (rank: number) => Array.from({ length: rank }, (_, i) => i)

/** How a stored tensor is permuted into ours: axis i of ours is axis order[i] of theirs. Both weight layouts turn
 * round in the same way: [o, i, h, w] to [h, w, i, o], and [i, o, h, w] to [h, w, o, i]. */
export function ourOrder(layout: string, rank: number, weight: boolean): readonly number[] {
  if (rank !== 4 || !layout.startsWith('NCHW')) return identity(rank)
  return weight && layout !== 'NCHW' ? [2, 3, 1, 0] : [0, 2, 3, 1]
}

/** The way back. */
export const inverse = (order: readonly number[]): number[] =>
  identity(order.length).map((axis) => order.indexOf(axis))

/** Axis i of the result is axis perm[i] of `t`. */
export function permuted(t: HostTensor, perm: readonly number[]): HostTensor {
  if (perm.every((axis, i) => axis === i)) return t
  const shape = perm.map((axis) => t.shape[axis])
  const strides = stridesOf(t.shape)
  const steps = perm.map((axis) => strides[axis])
  const data = t.data.slice()
  const at = shape.map(() => 0)
  for (let to = 0, from = 0; to < data.length; to++) {
    data[to] = t.data[from]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]
      if (++at[axis] < shape[axis]) break
      from -= steps[axis] * shape[axis]
      at[axis] = 0
    }
  }
  return hostTensor(data, shape)
}

/** Where an element of the stored tensor lies in ours, which has `shape`; `index` counts in the stored order. Throws
 * RangeError where the stored tensor ends before it. */
export function placeOf(index: number, order: readonly number[], shape: Shape): number {
  const stored = inverse(order).map((axis) => shape[axis])
  const [theirs, ours] = [stridesOf(stored), stridesOf(shape)]
  if (!(index >= 0 && index < sizeOf(shape)))
    throw new RangeError(`the sample index ${index} is outside of [${stored}]`)
  let [place, rest] = [0, index]
  stored.forEach((_, axis) => {
    place += Math.floor(rest / theirs[axis]) * ours[order.indexOf(axis)]
    rest %= theirs[axis]
  })
  return place
}
