// The fully connected CRF of Krähenbühl and Koltun (2011) by the letter: every pixel sends a message to every other. The kernel
// between n pixels is a matrix of n² numbers, so this is for small images, and what faster methods are compared with.

import { sizeOf } from '../../engine/dtype.ts'
import { OptionError } from '../../engine/errors.ts'
import type { TensorLike } from '../../engine/op.ts'
import { add, div, mul, sub } from '../../engine/ops/arithmetic.ts'
import { greater, notEqual, where } from '../../engine/ops/compare.ts'
import { concat } from '../../engine/ops/concat.ts'
import { cast } from '../../engine/ops/convert.ts'
import { exp, rsqrt, square } from '../../engine/ops/functions.ts'
import { matmul } from '../../engine/ops/matmul.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { refuse } from '../../engine/ops/refuse.ts'
import { iota, reshape, slice } from '../../engine/ops/shape.ts'
import { softmax } from '../../engine/ops/softmax.ts'
import { toTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { type CrfOptions, crfSettings } from './options.ts'

export { type CrfOptions, crfDefaults } from './options.ts'

/** Pixels at most: the kernel is then 64 MiB. */
const most = 4096

/** Mean-field inference with Potts compatibility: `unary` f32 [h, w, c] = −log p and the image u8 [h, w, 3] give the class
 * probabilities f32 [h, w, c] after 0, 1, … iterations:
 *
 *     Q₀ = softmax(−U),   Q ← softmax(−U − Σ_m Σ_{j≠i} k_m(i, j)·(1 − Q_j(l)))
 *     k₁ = appearance·exp(−|Δpos|²/2θα² − |Δrgb|²/2θβ²),   k₂ = smoothness·exp(−|Δpos|²/2θγ²)
 *
 * Throws ShapeError for other shapes and dtypes, OptionError for options that crfSettings refuses and for more than 4,096 pixels. */
export function exactCrf(unary: TensorLike, image: TensorLike, options: CrfOptions = {}): Tensor[] {
  const me = 'exactCrf'
  const [u, rgb] = [toTensor(unary, me), toTensor(image, me)]
  const settings = crfSettings(me, options)
  check(me, u, rgb)
  const [h, w, c] = u.shape
  const n = h * w
  const position = concat([reshape(iota([h, w], 0), [n, 1]), reshape(iota([h, w], 1), [n, 1])], 1)
  const colour = cast(reshape(rgb, [n, 3]), 'f32')
  const { thetaAlpha, thetaBeta, thetaGamma, appearance, smoothness, normalisation } = settings
  // No pixel sends itself a message.
  const kernel = (weight: number, squared: Tensor) => {
    const k = mul(exp(div(squared, -2)), apart(n))
    if (normalisation === 'none') return mul(k, weight)
    const total = sum(k, [1], { keepDims: true })
    const scale = where(greater(total, 0), rsqrt(total), 0)
    return mul(mul(mul(k, scale), reshape(scale, [1, n])), weight)
  }
  const place = (theta: number) => distance(div(position, theta))
  const near = add(place(thetaAlpha), distance(div(colour, thetaBeta)))
  const between = add(kernel(appearance, near), kernel(smoothness, place(thetaGamma)))
  const scores = mul(reshape(u, [n, c]), -1)
  const steps = [softmax(scores)]
  // The sum over all other classes is the sum over all less the own; what is the same for all classes leaves no trace.
  for (let i = 0; i < settings.iterations; i++)
    steps.push(softmax(add(scores, matmul(between, steps[i]))))
  return steps.map((q) => reshape(q, [h, w, c]))
}

/** |a_i − a_j|² of the rows of [n, d], [n, n]. Differences first: squares of positions would lose the digits of their difference. */
function distance(rows: Tensor): Tensor {
  const [n, d] = rows.shape
  const parts = Array.from({ length: d }, (_, k) => {
    const column = slice(rows, [0, k], [n, k + 1])
    return square(sub(column, reshape(column, [1, n])))
  })
  return parts.reduce((a, b) => add(a, b))
}

/** 1 between different pixels, 0 between a pixel and itself. */
const apart = (n: number): Tensor => cast(notEqual(iota([n, n], 0), iota([n, n], 1)), 'f32')

function check(me: string, u: Tensor, rgb: Tensor): void {
  const [h, w, channels] = rgb.shape
  if (u.dtype !== 'f32' || u.shape.length !== 3 || !sizeOf(u.shape))
    refuse(me, 'scores f32 [h, w, c] are needed', [u, rgb], '−log of the class probabilities')
  if (rgb.dtype !== 'u8' || channels !== 3 || h !== u.shape[0] || w !== u.shape[1])
    refuse(me, 'an image u8 [h, w, 3] of the same size is needed', [u, rgb], 'colours 0 … 255')
  if (h * w > most)
    throw new OptionError(
      `${me}: ${h}×${w} pixels are more than ${most}, and each exchanges messages with all others`,
      'take a part of the image, or fewer pixels of it; denseCrf() takes whole ones',
    )
}
