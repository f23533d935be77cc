// Boxes as the localization net states them (Wu, Shen and van den Hengel 2016b, "Bridging Category-level and Instance-level
// Semantic Image Segmentation"): at each cell, how far off the middle of an instance is, and how large it is.

import type { TensorLike } from '../engine/op.ts'
import { add, div, maximum, minimum, mul, sub } from '../engine/ops/arithmetic.ts'
import { concat, split, stack } from '../engine/ops/concat.ts'
import { optionsOf, pairOf } from '../engine/ops/options.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { iota, reshape } from '../engine/ops/shape.ts'
import { toTensor } from '../engine/ops/source.ts'
import { squeeze } from '../engine/ops/views.ts'
import type { Tensor } from '../engine/tensor.ts'
import { partOf } from '../engine/trace.ts'
import { checkStride, type GridOptions, middleOf } from './grid.ts'

/** Pixels in a unit of what the net predicts, of which the paper says nothing: smooth L1 bends at an error of one unit. */
export const unitOfBoxes = 64

/** Throws OptionError for what is no unit. */
export function checkUnit(me: string, sigma: number): void {
  if (!(Number.isFinite(sigma) && sigma > 0))
    refuseOption(me, `sigma ${shown(sigma)} is no unit`, 'it is a number of pixels above 0')
}

/** From units to pixels, for [..., 4] of dy, dx, h and w; no height and no width is below 1 pixel. */
export function inPixels(boxes: Tensor, sigma: number): Tensor {
  const axis = boxes.shape.length - 1
  const [offset, size] = split(mul(boxes, sigma), 2, axis)
  return concat([offset, maximum(size, 1)], axis)
}

/** Rows and columns of the pixels that the cells of a grid of [h, w] stand for, f32 [h, w, 2]. */
export function pixelsOfCells(
  [h, w]: readonly number[],
  stride: number,
  [row, column]: readonly number[],
): Tensor {
  const rows = add(mul(iota([h, w], 0), stride), row)
  return stack([rows, add(mul(iota([h, w], 1), stride), column)], 2)
}

export interface DecodeOptions extends GridOptions {
  /** Pixels in a unit of the prediction; default 64. */
  readonly sigma?: number
}

/** The boxes that a localization net predicts, f32 [n, h', w', 4·classes] on a grid of stride s, in pixels of the image:
 * f32 [n, h', w', classes, 4] of centre row, centre column, height and width. With t the four numbers of a class in units of σ
 * pixels, that at cell (i, j), which stands for pixel (s·i + o, s·j + o), is
 *
 *     s·i + o + σ·t₀,  s·j + o + σ·t₁,  max(1, σ·t₂),  max(1, σ·t₃)
 *
 * Throws ShapeError for another prediction, OptionError for strides and options that say nothing. */
export function decodeBoxes(
  prediction: TensorLike,
  stride: number,
  options: DecodeOptions = {},
): Tensor {
  const me = 'decodeBoxes'
  const t = toTensor(prediction, me)
  checkPrediction(me, t)
  checkStride(me, stride)
  const { sigma, ...given } = optionsOf(me, options, {
    ...{ offset: middleOf(stride), sigma: unitOfBoxes },
  })
  const offset = pairOf(me, 'offset', given.offset, 0)
  checkUnit(me, sigma)
  return partOf(me, () => {
    const [n, h, w, channels] = t.shape
    const boxes = inPixels(reshape(t, [n, h, w, channels / 4, 4]), sigma)
    const [moved, size] = split(boxes, 2, 4)
    const pixels = reshape(pixelsOfCells([h, w], stride, offset), [h, w, 1, 2])
    return concat([add(moved, pixels), size], 4)
  })
}

/** Throws ShapeError for what no localization net predicts. */
export function checkPrediction(me: string, t: Tensor): void {
  if (t.dtype !== 'f32' || t.shape.length !== 4 || t.shape[3] % 4 || t.shape.includes(0))
    refuse(
      me,
      'a prediction f32 [n, h, w, 4·classes] is needed',
      [t],
      'four numbers for each class',
    )
}

/** Intersection over union of boxes f32 [..., 4] of centre row, centre column, height and width, which reach from centre −
 * size/2 to centre + size/2: f32 [...], 0 where they do not overlap. The leading axes broadcast, so that [n, 1, 4] and [m, 4]
 * give all pairs, [n, m]. Sizes must be above 0. Throws ShapeError for other shapes and dtypes. */
export function boxIou(a: TensorLike, b: TensorLike): Tensor {
  const me = 'boxIou'
  const both = [toTensor(a, me), toTensor(b, me)]
  for (const t of both)
    if (t.dtype !== 'f32' || t.shape[t.shape.length - 1] !== 4 || t.shape.includes(0))
      refuse(me, 'boxes f32 [..., 4] are needed', both, 'centre row and column, height, width')
  return partOf(me, () => {
    const [first, second] = both.map((t) => {
      const [centre, size] = split(t, 2, t.shape.length - 1)
      const half = div(size, 2)
      return { from: sub(centre, half), to: add(centre, half), area: product(size) }
    })
    const shared = sub(minimum(first.to, second.to), maximum(first.from, second.from))
    const intersection = product(maximum(shared, 0))
    return div(intersection, sub(add(first.area, second.area), intersection))
  })
}

/** Height times width of boxes [..., 4]. */
export const areaOf = (boxes: Tensor): Tensor => product(split(boxes, 2, boxes.shape.length - 1)[1])

/** Of the two numbers in the last axis. */
function product(t: Tensor): Tensor {
  const axis = t.shape.length - 1
  const [x, y] = split(t, 2, axis)
  return squeeze(mul(x, y), [axis])
}
