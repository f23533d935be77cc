// The ways back up from a small map: repetition of entries, and bilinear resizing.

import type { Access } from '../../shaders/kernel.ts'
import {
  type ResizeMode,
  resizeBilinearGrad as resizeGradRecipe,
  resizeBilinear as resizeRecipe,
} from '../../shaders/resize.ts'
import { repeat, repeatGrad } from '../../shaders/unpool.ts'
import { type Shape, sizeOf, type TensorType } from '../dtype.ts'
import { apply, noCost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { toTensor } from './source.ts'

type Pair = readonly [number, number]
type Refuse = (problem: string, hint?: string) => never

const needMap = (x: TensorType, refuse: Refuse) => {
  if (x.shape.length !== 4 || x.dtype !== 'f32') refuse('an f32 tensor [n, h, w, c] is needed')
}
const plainCost = { cost: () => noCost, tail: false, prologue: false } as const

type RepeatAttrs = { readonly factor: Pair }
const repeatSpec = (shape: Shape, { factor }: RepeatAttrs, access: readonly Access[]) => {
  const [n, h, w, c] = shape
  return { n, h, w, c, fh: factor[0], fw: factor[1], access }
}

const repeatOp: StructuredOp<RepeatAttrs> = {
  name: 'repeatUpsample',
  error: 'exact',
  kind: 'structured',
  ...plainCost,
  infer: ([x], { factor: [fh, fw] }, refuse) => {
    needMap(x, refuse)
    const [n, h, w, c] = x.shape
    return [{ dtype: 'f32', shape: [n, h * fh, w * fw, c] }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(repeatGradOp, [dy], attrs)[0]],
  lower: ({ inputs: [x], attrs }) => repeat(repeatSpec(x.shape, attrs, [x.access])),
  samples: [
    { inputs: [sample([2, 3, 2, 4])], attrs: { factor: [2, 3] } },
    { inputs: [sample([1, 2, 3, 3])], attrs: { factor: [4, 4] } },
  ],
}
const repeatGradOp: StructuredOp<RepeatAttrs> = {
  name: 'repeatUpsampleGrad',
  kind: 'structured',
  ...plainCost,
  infer: ([dy], { factor: [fh, fw] }, refuse) => {
    const [n, h, w, c] = dy.shape
    if (h % fh || w % fw) refuse(`${h}×${w} is no multiple of ${fh}×${fw}`)
    return [{ dtype: 'f32', shape: [n, h / fh, w / fw, c] }]
  },
  vjp: ({ attrs }, [g]) => [g && apply(repeatOp, [g], attrs)[0]],
  lower: ({ inputs: [dy], outputs: [dx], attrs }) =>
    repeatGrad(repeatSpec(dx.shape, attrs, [dy.access])),
  samples: [
    { inputs: [sample([2, 6, 6, 4])], attrs: { factor: [2, 3] } },
    { inputs: [sample([1, 8, 4, 3])], attrs: { factor: [4, 4] } },
  ],
}

/** Every entry of x [n, h, w, c] repeated: y[i, j] = x[floor(i / fh), floor(j / fw)]. */
export const repeatUpsample = (x: TensorLike, factor: Pair): Tensor =>
  apply(repeatOp, [toTensor(x)], { factor })[0]

type ResizeAttrs = { readonly from: Pair; readonly to: Pair; readonly mode: ResizeMode }
const resizeSpec = (shape: Shape, { from, to, mode }: ResizeAttrs, access: readonly Access[]) => ({
  n: shape[0],
  h: from[0],
  w: from[1],
  c: shape[3],
  oh: to[0],
  ow: to[1],
  mode,
  access,
})
const resizeCases: [x: number[], to: Pair, mode: ResizeMode][] = [
  [[2, 3, 4, 4], [6, 8], 'half-pixel'],
  [[1, 5, 3, 3], [7, 8], 'align-corners'],
  [[1, 4, 4, 8], [8, 8], 'asymmetric'],
  [[1, 9, 8, 3], [4, 3], 'half-pixel'],
]
const resizeOp: StructuredOp<ResizeAttrs> = {
  name: 'resizeBilinear',
  kind: 'structured',
  ...plainCost,
  infer: ([x], { to }, refuse) => {
    needMap(x, refuse)
    if (to.some((n) => !Number.isInteger(n) || n < 1)) refuse(`${to[0]}×${to[1]} is no size`)
    return [{ dtype: 'f32', shape: [x.shape[0], ...to, x.shape[3]] }]
  },
  vjp: ({ attrs }, [dy]) => [dy && apply(resizeGradOp, [dy], attrs)[0]],
  cost: (_, [y]) => ({ macs: 0, flops: 8 * sizeOf(y.shape) }),
  lower: ({ inputs: [x], attrs }) => resizeRecipe(resizeSpec(x.shape, attrs, [x.access])),
  samples: resizeCases.map(([x, to, mode]) => ({
    inputs: [sample(x)],
    attrs: { from: [x[1], x[2]], to, mode },
  })),
}
const resizeGradOp: StructuredOp<ResizeAttrs> = {
  name: 'resizeBilinearGrad',
  kind: 'structured',
  ...plainCost,
  infer: ([dy], { from }) => [{ dtype: 'f32', shape: [dy.shape[0], ...from, dy.shape[3]] }],
  vjp: ({ attrs }, [g]) => [g && apply(resizeOp, [g], attrs)[0]],
  cost: ([dy]) => ({ macs: 0, flops: 8 * sizeOf(dy.shape) }),
  lower: ({ inputs: [dy], attrs }) => resizeGradRecipe(resizeSpec(dy.shape, attrs, [dy.access])),
  samples: resizeCases.map(([x, to, mode]) => ({
    inputs: [sample([x[0], ...to, x[3]])],
    attrs: { from: [x[1], x[2]], to, mode },
  })),
}

/** x [n, h, w, c] at another size. `half-pixel`: src = (dst + ½)·in/out − ½; `align-corners`: the corner samples stay;
 * `asymmetric`: src = dst·in/out (FRRN's released code). Beyond the edge the edge repeats. No antialiasing. */
export function resizeBilinear(x: TensorLike, to: Pair, mode: ResizeMode = 'half-pixel'): Tensor {
  const t = toTensor(x)
  return apply(resizeOp, [t], { from: [t.shape[1], t.shape[2]], to, mode })[0]
}

export const upsampleOps = [repeatOp, repeatGradOp, resizeOp, resizeGradOp] as const
