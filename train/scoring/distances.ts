// Distances from the boundaries of label images, on the device: the op, and its twin in train/scoring/boundaries.ts.

import { sizeOf } from '../../engine/dtype.ts'
import { OptionError } from '../../engine/errors.ts'
import { apply, none, type StructuredOp } from '../../engine/op.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { distances as distancesRecipe } from '../../shaders/distances.ts'
import { type DistanceNorm, labelBoundaries, squaredDistances } from './boundaries.ts'

type DistanceAttrs = {
  readonly limit: number
  readonly withVoid: boolean
  readonly norm: DistanceNorm
}

/** Squares of larger distances, and sums of two, would not be u32 any more; and nobody asks for them. */
const FARTHEST = 4096

export const distancesOp: StructuredOp<DistanceAttrs> = {
  name: 'labelDistances',
  error: 'exact',
  source: 'train/scoring/boundaries.ts, up to a limit',
  kind: 'structured',
  tail: false,
  prologue: false,
  infer: ([labels], { limit }, refuse) => {
    if (labels.dtype !== 'u8' || labels.shape.length !== 3)
      refuse('labels u8 [n, h, w] are needed', 'one number for each pixel')
    if (!Number.isInteger(limit) || limit < 0 || limit > FARTHEST)
      refuse(`the limit ${limit} is none`, `give a whole number of pixels up to ${FARTHEST}`)
    return [{ dtype: 'u32', shape: labels.shape }]
  },
  vjp: none('labels have no gradient'),
  cost: ([labels]) => ({ macs: 0, flops: 40 * sizeOf(labels.shape) }),
  windows: [{ cut: 'output', axes: () => 1, part: (box, attrs) => ({ inputs: [box], attrs }) }],
  lower: ({ inputs: [labels], attrs: { limit, withVoid, norm } }) => {
    const [n, h, w] = labels.shape
    const { access } = labels
    return distancesRecipe({ n, h, w, limit, withVoid, chessboard: norm === 'chessboard', access })
  },
  reference: ([{ shape, data }], { limit, withVoid, norm }) => {
    const [n, h, w] = shape
    const plane = h * w
    const out = new Float64Array(data.length)
    for (let i = 0; i < n && plane; i++) {
      const labels = Uint8Array.from(data.subarray(i * plane, (i + 1) * plane))
      const squared = squaredDistances(labelBoundaries(labels, h, w, { withVoid }), h, w, norm)
      out.set(
        squared.map((d) => Math.min(d, limit ** 2 + 1)),
        i * plane,
      )
    }
    return [out]
  },
  samples: [
    [[1, 1, 1], 3, false, 'euclidean'],
    [[2, 9, 13], 4, true, 'euclidean'],
    [[1, 17, 6], 0, false, 'chessboard'],
    [[3, 5, 7], 80, false, 'chessboard'],
  ].map(([shape, limit, withVoid, norm]) => ({
    inputs: [{ dtype: 'u8', shape: shape as number[], range: [253, 255], steps: 2 }],
    attrs: { limit, withVoid, norm } as DistanceAttrs,
  })),
}

/** The squared distance in pixels, centre to centre, from each pixel of labels u8 [n, h, w] to the nearest pixel of its image where
 * labels meet, as `squaredDistances(labelBoundaries(…))` gives it: u32 [n, h, w], limit² + 1 where it is more than limit² or there
 * is none. Throws ShapeError for other labels and limits. */
export const labelDistances = (labels: Tensor, attrs: DistanceAttrs): Tensor =>
  apply(distancesOp, [labels], attrs)[0]

/** Radii as rings: ring k is what is farther than the radius before and at most radii[k], and one more ring of all that is
 * beyond. `of[d]` is the ring of the squared distance d, up to limit² + 1 which is beyond. */
export interface Rings {
  readonly radii: readonly number[]
  readonly limit: number
  readonly of: Uint16Array
}

/** Throws OptionError for radii that are not numbers from 0 upwards in ascending order. */
export function ringsOf(radii: readonly number[]): Rings {
  const ascending = radii.every((r, i) => r >= 0 && (i === 0 || r > radii[i - 1]))
  const last = radii[radii.length - 1]
  if (!radii.length || !ascending || last > FARTHEST)
    throw new OptionError(
      `radii ${radii.join(', ') || '(none)'} are not distances in ascending order`,
      `give numbers of pixels from 0 to ${FARTHEST}`,
    )
  const limit = Math.ceil(last)
  const of = Uint16Array.from({ length: limit ** 2 + 2 }, (_, d) => {
    const ring = radii.findIndex((r) => d <= r * r)
    return ring < 0 ? radii.length : ring
  })
  return { radii, limit, of }
}
