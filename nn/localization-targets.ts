// What the localization net is to predict (Wu, Shen and van den Hengel 2016b): at each cell of its grid the box of
// the instance there. All on the device, as a part of a step, after whatever cropping and flipping there was.
//
// Boxes of instances without atomics and without a limit on their number: a stable sort of an image's pixels by instance puts
// those of each one beside each other, in the order that they had. Sorted by rows, the first of them is in the instance's
// first row and the last in its last; sorted by columns, in its first and last column.

import { sameShape } from '../engine/dtype.ts'
import type { TensorLike } from '../engine/op.ts'
import {
  add,
  cast,
  div,
  equal,
  greater,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  notEqual,
  sub,
  where,
} from '../engine/ops/arithmetic.ts'
import { concat, stack } from '../engine/ops/concat.ts'
import { gather } from '../engine/ops/index-select.ts'
import { checkCount, optionsOf, type Pair, pairOf } from '../engine/ops/options.ts'
import { sum } from '../engine/ops/reduce.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { cumsum } from '../engine/ops/scan.ts'
import { iota, permute, reshape, roll } from '../engine/ops/shape.ts'
import { sortOrder } from '../engine/ops/sort.ts'
import { toTensor } from '../engine/ops/source.ts'
import { expandDims } from '../engine/ops/views.ts'
import type { Tensor } from '../engine/tensor.ts'
import { partOf } from '../engine/trace.ts'
import { checkUnit, pixelsOfCells, unitOfBoxes } from './boxes.ts'
import { checkStride, type GridOptions, labelsOnGrid, middleOf } from './grid.ts'
import type { LossOptions } from './losses.ts'

export interface LocalizationTargetOptions extends GridOptions, LossOptions {
  /** Object classes: labels 1 … classes; 0 is background. Default 20, those of PASCAL VOC. */
  readonly classes?: number
  /** Pixels in a unit of the targets; default 64. */
  readonly sigma?: number
}

export interface LocalizationTargets {
  /** f32 [n, h', w', 4], in units of `sigma` pixels: from the cell's pixel down and to the right to the middle of the box of its
   * instance; height and width of the box. 0 where there is nothing to learn. */
  readonly boxes: Tensor
  /** i32 [n, h', w']: the object class, from 1; 0 where there is nothing to learn. */
  readonly classes: Tensor
  /** f32 scalar: how many cells have a label that is neither a class, nor background, nor `ignore`. */
  readonly outOfRange: Tensor
  readonly sigma: number
}

/** All of the options. Throws OptionError for some that say nothing. */
export function targetOptions(
  me: string,
  stride: number,
  options: LocalizationTargetOptions,
): Required<LocalizationTargetOptions> & { readonly offset: Pair } {
  checkStride(me, stride)
  const defaults = { offset: middleOf(stride), ignore: 255, classes: 20, sigma: unitOfBoxes }
  const given = optionsOf(me, options, defaults)
  checkCount(me, 'classes', given.classes, 'it is the number of object classes')
  checkUnit(me, given.sigma)
  if (!Number.isInteger(given.ignore))
    refuseOption(me, `ignore ${shown(given.ignore)} is no label`, 'use a whole number')
  return { ...given, offset: pairOf(me, 'offset', given.offset, 0) }
}

/** The targets of images on their grid of ⌈h/s⌉ × ⌈w/s⌉ cells, of labels and instances [n, h, w], both u8, i32 or u32. Cell
 * (i, j) stands for pixel (s·i + o, s·j + o). An instance is all the pixels of an image that have its number, whichever it
 * is from 1 on, and the label of an object; its box is the least that holds their centres and half a pixel more, so one pixel
 * has a box of 1×1. There is nothing to learn where that pixel is background, void, of no instance (0 or less) or outside
 * the image.
 * Throws ShapeError where labels and instances do not belong together or are of no image, OptionError for strides and options
 * that say nothing. */
export function localizationTargets(
  labels: TensorLike,
  instances: TensorLike,
  stride: number,
  options: LocalizationTargetOptions = {},
): LocalizationTargets {
  const me = 'localizationTargets'
  const [l, instance] = [toTensor(labels, me), toTensor(instances, me)]
  const isLabels = (t: Tensor) => t.shape.length === 3 && ['u8', 'i32', 'u32'].includes(t.dtype)
  if (!isLabels(l) || !isLabels(instance) || !sameShape(l.shape, instance.shape))
    refuse(
      me,
      'labels and instances of one shape [n, h, w] are needed, u8, i32 or u32',
      [l, instance],
      'one number for each pixel',
    )
  if (l.shape.includes(0)) {
    const none = l.shape[0] === 0 ? 'there are no images' : 'images have no pixels'
    refuse(me, none, [l, instance], 'leave such a batch out')
  }
  const { offset, ignore, classes, sigma } = targetOptions(me, stride, options)
  return partOf(me, () => {
    const onGrid = (x: Tensor) => labelsOnGrid(x, stride, { offset, ignore: 0 })
    const label = cast(l, 'i32')
    const isClass = logicalAnd(greater(label, 0), lessEqual(label, classes))
    const counts = notEqual(label, ignore | 0)
    const isObject = [isClass, counts, greater(instance, 0)].reduce(logicalAnd)
    const ids = where(isObject, cast(instance, 'u32'), 0)

    const found = onGrid(where(isObject, label, 0))
    const { from, to } = edgesAt(ids, instance.dtype === 'u8' ? 8 : 32, onGrid)
    const [, h, w] = found.shape
    const pixels = pixelsOfCells([h, w], stride, offset)
    const offsets = sub(div(add(from, to), 2), pixels)
    const boxes = div(concat([offsets, add(sub(to, from), 1)], 3), sigma)
    const isStrange = logicalOr(less(label, 0), greater(label, classes))
    return {
      boxes: where(expandDims(greater(found, 0), 3), boxes, 0),
      classes: found,
      outOfRange: sum(cast(onGrid(logicalAnd(isStrange, counts)), 'f32')),
      sigma,
    }
  })
}

/** First and last row and column of the number that stands at each cell, both f32 [n, h', w', 2], for numbers u32 [n, h, w]
 * below 2^bits. */
function edgesAt(ids: Tensor, bits: number, onGrid: (x: Tensor) => Tensor) {
  const [n, h, w] = ids.shape
  const flat = (x: Tensor) => reshape(x, [x.shape[0], -1])
  const [byRow, byColumn] = [ids, permute(ids, [0, 2, 1])].map((x) => sortOrder(flat(x), { bits }))
  const sorted = gather(flat(ids), byRow, 1)
  const begins = logicalOr(notEqual(sorted, roll(sorted, [1], [1])), equal(iota([1, h * w], 1), 0))
  const ends = roll(begins, [-1], [1])
  // Where the runs of equal numbers begin and end, one after the other; the places that do neither follow.
  const [firsts, lasts] = [begins, ends].map((at) =>
    sortOrder(cast(logicalNot(at), 'u32'), { bits: 1 }),
  )
  // The inverse of an order is the order of itself.
  const placeOf = sortOrder(byRow, { bits: Math.ceil(Math.log2(h * w)) || 1 })
  const cells = onGrid(reshape(placeOf, [n, h, w]))
  const run = sub(gather(cumsum(begins, 1), flat(cells), 1), 1)
  const edges = (places: Tensor) => {
    const at = gather(places, run, 1)
    const both = [div(gather(byRow, at, 1), w), div(gather(byColumn, at, 1), h)]
    return reshape(cast(stack(both, 2), 'f32'), [...cells.shape, 2])
  }
  return { from: edges(firsts), to: edges(lasts) }
}
