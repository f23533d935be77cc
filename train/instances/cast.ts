// Steps 3 and 4 of the pipeline of Wu, Shen and van den Hengel (2016b) as a graph: each cell casts, for each of its likeliest
// classes, the box that the localization net predicts there; the boxes of a class and mask are sorted by the probability of the
// class and suppress each other.
//
// Mask j holds the cells where a class is among the j likeliest, so a class of rank r is in the masks r … n of its cell: an entry
// for each. n(n + 1)/2 entries a cell are sorted, stably, by probability and then by segment, which is a class and a mask; equal
// ones keep the order of their cells, row by row. Entries of background and below the least score fall behind the last segment.

import {
  add,
  broadcastTo,
  cast,
  concat,
  cumsum,
  gather,
  greater,
  histogram,
  indexSelect,
  logicalAnd,
  mul,
  reshape,
  scalar,
  slice,
  sub,
  type Tensor,
  topK,
  where,
} from '../../engine/index.ts'
import { sortOrder } from '../../engine/ops/sort.ts'
import { decodeBoxes } from '../../nn/boxes.ts'
import { boxesAt, descendingKeys, suppress } from './ops.ts'
import type { InstanceSettings } from './options.ts'

/** How the localization net looked at the picture. */
export interface BoxGrid {
  /** Pixels from one of its cells to the next, and which of a cell's pixels it stands for. */
  readonly stride: number
  readonly offset: number
  /** Pixels in a unit of what it predicts. */
  readonly sigma: number
  /** Height and width of what it saw; the picture's own if left out. */
  readonly size?: readonly [height: number, width: number] | undefined
}

export interface CastSpec {
  readonly settings: InstanceSettings
  readonly grid: BoxGrid
  /** Height and width of the picture. */
  readonly picture: readonly [height: number, width: number]
}

/** What the host traces back; sorted by segment, class after class and mask after mask, and by score. */
export interface Cast {
  /** u32 [e]: cell · entries + entry, of which a cell has n(n + 1)/2. */
  readonly order: Tensor
  /** f32 [e]: probabilities. */
  readonly scores: Tensor
  /** u32 [e]: the place, in this order, of what suppressed it, or its own. */
  readonly by: Tensor
  /** u32 [classes · n + 1]: where segments begin; what is behind the last is nothing. */
  readonly firsts: Tensor
}

/** The pixel of each cell along an axis of so many pixels. */
export const pixelsOf = (pixels: number, step: number): Int32Array =>
  Int32Array.from({ length: Math.ceil(pixels / step) }, (_, i) =>
    Math.min(i * step + Math.floor(step / 2), pixels - 1),
  )

/** The pixel of a picture that each of so many predictions stands for, along an axis of so many pixels of which the net saw `seen`. */
export const pixelsSeen = (
  predictions: number,
  { stride, offset }: BoxGrid,
  { pixels, seen }: { readonly pixels: number; readonly seen: number },
): Int32Array =>
  Int32Array.from({ length: predictions }, (_, i) =>
    Math.min(Math.floor(((i * stride + offset + 0.5) * pixels) / seen), pixels - 1),
  )

/** Entries of a cell. */
export const entriesOf = (masks: number): number => (masks * (masks + 1)) / 2

/** Of probabilities f32 [1, h, w, classes + 1], a prediction f32 [1, h', w', 4 · classes], the rows and columns of cells, as
 * `pixelsOf` gives them, and those of predictions, as `pixelsSeen` does. */
export function castBoxes(
  probabilities: Tensor,
  prediction: Tensor,
  [rows, columns]: readonly Tensor[],
  [seenRows, seenColumns]: readonly Tensor[],
  { settings, grid, picture }: CastSpec,
): Cast {
  const { threshold, leastScore, step } = settings
  const classes = prediction.shape[3] / 4
  const ranks = Math.min(settings.masks, classes + 1)
  const cells = rows.shape[0] * columns.shape[0]
  const at = indexSelect(indexSelect(probabilities, rows, 1), columns, 2)
  const own = indexSelect(indexSelect(probabilities, seenRows, 1), seenColumns, 2)
  const best = topK(reshape(at, [cells, classes + 1]), ranks)
  const [, h, w] = prediction.shape
  const decoded = decodeBoxes(prediction, grid.stride, { offset: grid.offset, sigma: grid.sigma })
  const boxes = boxesAt(
    reshape(decoded, [h, w, classes, 4]),
    best.indices,
    reshape(own, [h, w, classes + 1]),
    {
      ...{ stride: grid.stride, offset: grid.offset, step, threshold },
      ...{ columns: columns.shape[0], picture, size: grid.size ?? picture },
    },
  )

  const masks = Array.from({ length: ranks }, (_, j) => j + 1)
  const nested = (x: Tensor) =>
    concat(
      masks.map((j) => slice(x, [], [cells, j, ...x.shape.slice(2)])),
      1,
    )
  const entries = cells * entriesOf(ranks)
  const row = (x: Tensor) => reshape(x, [1, entries])
  const score = row(nested(best.values))
  const label = nested(best.indices)
  const mask = concat(
    masks.map((j) => broadcastTo(scalar(j - 1), [cells, j])),
    1,
  )
  const segments = classes * ranks
  const place = add(mul(sub(cast(label, 'f32'), 1), ranks), mask)
  const counts = logicalAnd(greater(row(label), 0), greater(score, leastScore))
  const segment = where(counts, row(place), segments)

  const byScore = sortOrder(descendingKeys(score))
  const keys = cast(gather(segment, byScore, 1), 'u32')
  const bySegment = sortOrder(keys, { bits: Math.ceil(Math.log2(segments + 1)) })
  const order = reshape(gather(byScore, bySegment, 1), [entries])
  const lengths = histogram(segment, segments + 1, { min: 0, max: segments + 1 })
  const firsts = cumsum(lengths, 0, { exclusive: true })
  const sorted = indexSelect(reshape(nested(boxes), [entries, 4]), order, 0)
  return {
    order,
    scores: indexSelect(reshape(score, [entries]), order, 0),
    by: suppress(sorted, firsts, threshold, cells),
    firsts,
  }
}
