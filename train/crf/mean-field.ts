// Mean-field inference as a graph. With Potts compatibility a pixel hears of a class how much of it there is around, and the
// own class is what it is told (Krähenbühl and Koltun 2011, algorithm 1):
//
//   Q₀ = softmax(log p),   Q ← softmax(log p + w₁·S₁(K₁ − I)S₁·Q + w₂·S₂(K₂ − I)S₂·Q)
//
// K₁ is the appearance kernel, filtered on the lattice, K₂ the smoothness kernel, a product of one for columns and one for
// rows, both 1 in the middle; S is D^-½ of K − I, or 1. As I + A and I + B are the kernels of columns and rows,
//
//   K₂ − I = (I + B)(I + A) − I = A + B·(I + A)
//
// is summed without the centre and loses no digits where A and B are small. The lattice has no such form: the part of a pixel
// in its own result is computed and subtracted.

import {
  add,
  broadcastTo,
  concat,
  greater,
  log,
  maximum,
  mul,
  pad,
  slice as part,
  reshape,
  rsqrt,
  scalar,
  softmax,
  sqrt,
  sub,
  type Tensor,
  where,
} from '../../engine/index.ts'
import { blur, type Lists, own, sideSums, slice, splat } from './ops.ts'
import { CORNERS } from './points.ts'

export interface Filters extends Lists {
  readonly corners: Tensor
  readonly weights: Tensor
  readonly turns: Tensor
  /** [6, points, 2] */
  readonly neighbours: Tensor
  /** Of the Gaussian at distances 1, 2, …, and its sums over the neighbours in a column [h, 1, 1] and in a row [1, w, 1]. */
  readonly taps: Tensor
  readonly inColumn: Tensor
  readonly inRow: Tensor
}

export interface MeanField {
  readonly iterations: number
  readonly symmetric: boolean
  /** w₁ and w₂. */
  readonly appearance: Tensor
  readonly smoothness: Tensor
  /** Classes that are filtered at once: a multiple of four. */
  readonly together: number
}

/** Probabilities f32 [h, w, c], c a multiple of four, after so many updates; `scores` are log p. */
export function meanField(scores: Tensor, filters: Filters, how: MeanField): Tensor {
  const [h, w, c] = scores.shape
  const near = appearance(filters, h * w, how)
  const beside = smoothness(filters, how)
  let q = softmax(scores)
  for (let i = 0; i < how.iterations; i++) {
    const groups: Tensor[] = []
    for (let from = 0; from < c; from += how.together)
      groups.push(part(q, [0, 0, from], [h, w, Math.min(c, from + how.together)]))
    const heard = groups.map((group) => {
      const flat = reshape(group, [h * w, group.shape[2]])
      return add(reshape(near(flat), group.shape), beside(group))
    })
    q = softmax(add(scores, heard.length > 1 ? concat(heard, 2) : heard[0]))
  }
  return q
}

/** What the lattice's result has to be multiplied by to be a Gaussian of height 1. In units of its deviations the Gaussian has
 * the volume (2π)^(5/2), and a lattice point stands for 6^-½·(3/2)^(5/2), which would be exact where all neighbours are there
 * and pixels lie evenly. They crowd around each other's colours, where the lattice's kernel is flatter than a Gaussian: the
 * factor 1.2 halves the errors against exactCrf on photographs without normalisation. With it the height does not count. */
const HEIGHT = 1.2 * (2 * Math.PI) ** 2.5 * Math.sqrt(CORNERS) * (2 / 3) ** 2.5

/** Sums below this are rounding and the far ends of the kernel. */
const LEAST = 1e-2

/** w₁·S₁(K₁ − I)S₁ for [pixels, c]. */
function appearance(filters: Filters, pixels: number, how: MeanField): (x: Tensor) => Tensor {
  const { corners, weights, turns, neighbours, firsts } = filters
  // Nobody reads points that no pixel is spread over in the end, so the last axis leaves them out.
  const spread = firsts.shape[0] - 1
  const axes = Array.from({ length: CORNERS }, (_, a) => {
    const rows = a === CORNERS - 1 ? spread : neighbours.shape[1]
    return reshape(part(neighbours, [a, 0, 0], [a + 1, rows, 2]), [rows, 2])
  })
  const filtered = (by: Tensor, x: Tensor) =>
    slice(
      corners,
      by,
      axes.reduce((y, list) => blur(list, y), splat(filters, by, x)),
    )
  const self = own(corners, weights, turns, neighbours)
  let scale = broadcastTo(sqrt(mul(how.appearance, HEIGHT)), [pixels, 1])
  if (how.symmetric) {
    const all = part(filtered(weights, broadcastTo(scalar(1), [pixels, 4])), [0, 0], [pixels, 1])
    const total = mul(sub(all, self), HEIGHT)
    scale = mul(scale, rsqrt(maximum(total, LEAST)))
  }
  // Both sides' scales and the strength are in the weights, which are used on both sides.
  const scaled = mul(weights, scale)
  const selfScaled = mul(self, mul(scale, scale))
  return (x) => sub(filtered(scaled, x), mul(selfScaled, x))
}

/** w₂·S₂(K₂ − I)S₂ for [h, w, c]. */
function smoothness({ taps, inColumn, inRow }: Filters, how: MeanField): (x: Tensor) => Tensor {
  // As A + B·(I + A), of ones.
  const total = add(inRow, mul(inColumn, add(inRow, 1)))
  const scale = how.symmetric ? where(greater(total, 0), rsqrt(total), 0) : undefined
  return (x) => {
    const scaled = scale ? mul(x, scale) : x
    const along = sideSums(taps, scaled, 1)
    const all = add(along, sideSums(taps, add(scaled, along), 0))
    return mul(mul(all, how.smoothness), scale ?? 1)
  }
}

/** log p with classes added up to a multiple of four, which have no part in anything. Probabilities of 0 and below count as
 * the least that f32 has, so that no score is infinite. */
export function scoresOf(probabilities: Tensor): Tensor {
  const more = -probabilities.shape[2] & 3
  const scores = log(maximum(probabilities, 2 ** -126))
  return more ? pad(scores, [0, 0, 0], [0, 0, more], -1e30) : scores
}
