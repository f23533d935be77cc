// Running sums along an axis.

import { scan } from '../../shaders/scan.ts'
import { sizeOf } from '../dtype.ts'
import { apply, type Sample, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { extentOf } from './axes.ts'
import { optionsOf } from './options.ts'
import { axisOf } from './refuse.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

type Attrs = { readonly axis: number; readonly reverse: boolean; readonly exclusive: boolean }

const cumsumOp: StructuredOp<Attrs> = {
  name: 'cumsum',
  source: 'NumPy; reverse and exclusive as in JAX and TensorFlow',
  kind: 'structured',
  // Blocks of at most 128 terms, on a few levels.
  error: { relative: 2 ** -19 },
  infer: ([{ dtype, shape }], _, no) => {
    if (dtype === 'f16') no('takes f32, i32, u32, u8, not f16', 'use cast()')
    if (!sizeOf(shape)) no('an empty tensor has no elements to sum')
    return [{ dtype: dtype === 'u8' ? 'u32' : dtype, shape }]
  },
  // What an element adds to is what comes behind it.
  vjp: ({ attrs }, [dy]) => [dy && apply(cumsumOp, [dy], { ...attrs, reverse: !attrs.reverse })[0]],
  cost: ([x]) => ({ macs: 0, flops: 2 * sizeOf(x.shape) }),
  tail: false,
  prologue: false,
  windows: rows(({ axis }) => axis),
  lower: ({ inputs: [x], attrs: { axis, reverse, exclusive }, caps }) =>
    scan(
      {
        ...extentOf({ shape: x.shape, first: axis, count: 1 }),
        elem: x.dtype,
        reverse,
        exclusive,
        access: x.access,
      },
      caps,
    ),
  samples: [
    { inputs: [sample([7, 3, 5])], attrs: { axis: 1, reverse: false, exclusive: false } },
    { inputs: [sample([3, 40])], attrs: { axis: 1, reverse: true, exclusive: false } },
    { inputs: [sample([300, 4])], attrs: { axis: 0, reverse: false, exclusive: true } },
    { inputs: [sample([20001])], attrs: { axis: 0, reverse: true, exclusive: true } },
    { inputs: [sample([1])], attrs: { axis: 0, reverse: false, exclusive: true } },
    ...(['i32', 'u32', 'u8'] as const).flatMap((dtype): Sample<Attrs>[] => [
      {
        inputs: [{ dtype, shape: [2, 131, 3], range: [dtype === 'i32' ? -200 : 0, 255] }],
        attrs: { axis: 1, reverse: true, exclusive: false },
      },
      {
        inputs: [{ dtype, shape: [9, 8], range: [0, 255] }],
        attrs: { axis: 0, reverse: false, exclusive: true },
      },
    ]),
  ],
}

export interface CumsumOptions {
  /** Sum from the end; default false. */
  readonly reverse?: boolean
  /** Leave the element itself out; default false. */
  readonly exclusive?: boolean
}

/** Sums of the elements up to each along `axis`, that one included. By blocks in fixed order, so that the error grows with
 * the logarithm of the length, as in a pairwise sum. i32 and u32 wrap; sums of u8 are u32.
 * Throws ShapeError for f16 (use cast), for an empty tensor, and for an axis that x has not. */
export function cumsum(x: TensorLike, axis: number, options: CumsumOptions = {}): Tensor {
  const t = toTensor(x, 'cumsum')
  const which = axisOf('cumsum', axis, t.shape.length, [t])
  const ways = optionsOf('cumsum', options, { reverse: false, exclusive: false })
  return apply(cumsumOp, [t], { axis: which, ...ways })[0]
}

export const scanOps = [cumsumOp] as const
