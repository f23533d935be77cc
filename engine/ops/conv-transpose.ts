// Transposed convolution: what a convolution's input gradient computes, and the same kernels.

import { sizeOf } from '../dtype.ts'
import { apply, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { conv2dInputGradOp } from './conv.ts'
import { optionsOf, type Padding, type Pair, pairOf, sidesOf } from './options.ts'
import { refuse, refuseOption } from './refuse.ts'
import { toTensor } from './source.ts'

export interface ConvTransposeOptions {
  /** Output pixels from one input pixel's first tap to the next one's; default 1. */
  readonly stride?: number | Pair
  /** Step between kernel taps; default 1. */
  readonly dilation?: number | Pair
  /** Rows and columns taken off the result: the padding of the convolution that this one transposes. Default 0. */
  readonly padding?: Padding
  /** Rows and columns more at the bottom and right, where a convolution of several sizes gives the input's size. Less than
   * the stride or the dilation; default 0. */
  readonly outputPadding?: number | Pair
}

/** Transposed convolution of x [n, h, w, in] with w [kh, kw, out, in]: [n, oh, ow, out] with
 * oh = (h − 1)·stride − top − bottom + dilation·(kh − 1) + outputPadding + 1 and
 * y[n, iy·stride + ky·dilation − top, …, o] = Σ x[n, iy, ix, i]·w[ky, kx, o, i]: the gradient of `conv2d` with the same
 * weight, stride, dilation and padding by its input. Throws ShapeError and OptionError. */
export function convTranspose2d(
  x: TensorLike,
  w: TensorLike,
  options: ConvTransposeOptions = {},
): Tensor {
  const name = 'convTranspose2d'
  const [a, b] = [toTensor(x, name), toTensor(w, name)]
  const no = (problem: string, hint?: string) => refuse(name, problem, [a, b], hint)
  if (a.shape.length !== 4) no('input must be [n, h, w, c]', 'use expandDims() or reshape()')
  if (b.shape.length !== 4) no('weight must be [kh, kw, out, in]', 'use expandDims() or reshape()')
  if (a.dtype !== 'f32' || b.dtype !== 'f32') no('f32 is needed', 'use cast()')
  if (sizeOf(a.shape) === 0 || sizeOf(b.shape) === 0) no('an operand has no elements')
  if (a.shape[3] !== b.shape[3])
    no(
      'input channels must equal the weight’s last axis',
      'weight is [kh, kw, out, in], that of the convolution which this one transposes',
    )
  const defaults = { stride: 1, dilation: 1, padding: 0, outputPadding: 0 }
  const given = optionsOf(name, options, defaults)
  const stride = pairOf(name, 'stride', given.stride)
  const dilation = pairOf(name, 'dilation', given.dilation)
  const more = pairOf(name, 'outputPadding', given.outputPadding, 0)
  if (more.some((n, i) => n >= Math.max(stride[i], dilation[i])))
    refuseOption(
      name,
      `outputPadding [${more}] must be less than the stride [${stride}] or the dilation [${dilation}]`,
      'it chooses among the sizes that the convolution maps to one; use pad() for more',
    )
  const [top, left, bottom, right] = sidesOf(name, given.padding)
  const kernel: Pair = [b.shape[0], b.shape[1]]
  // As padding that the convolution has less at the bottom, so that it gives exactly the input's size.
  const padding = [top, left, bottom - more[0], right - more[1]] as const
  const along = (i: 0 | 1) =>
    (a.shape[1 + i] - 1) * stride[i] -
    (padding[i] + padding[i + 2]) +
    dilation[i] * (kernel[i] - 1) +
    1
  const size: Pair = [along(0), along(1)]
  if (size[0] < 1 || size[1] < 1)
    no(`the padding leaves no output (${size[0]}×${size[1]})`, 'use less padding')
  const attrs = { stride, dilation, padding, size, kernel }
  return partOf(name, () => apply(conv2dInputGradOp, [a, b], attrs)[0])
}
