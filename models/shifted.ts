// A finer grid from the same net (Wu, Shen and van den Hengel 2016a, section 3.2): where the last strided stage takes every
// second row and column, other passes take those that it leaves out. The scores of the four passes, interleaved, are those of
// a net on the finer grid: the one whose stage has no stride, and in which all that comes after it, the classifier too, is
// dilated by twice as much. They are the same at the image's borders too, for any size, since a pass moves the sampling of
// that stage; moving its input by cropping would not do (the 3×3 convolution sees what was cropped).

import { sameShape, showType } from '../engine/dtype.ts'
import { OptionError, ShapeError } from '../engine/errors.ts'
import { add, mul } from '../engine/ops/arithmetic.ts'
import { stack } from '../engine/ops/concat.ts'
import { checkChoice, optionsOf, type Pair } from '../engine/ops/options.ts'
import { shown } from '../engine/ops/refuse.ts'
import { pad, reshape, slice } from '../engine/ops/shape.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type LabelGridOptions, labelsOnGrid } from '../nn/grid.ts'
import type { Loss } from '../nn/losses.ts'
import type { Mode } from '../nn/module.ts'
import type { Fcrn } from './fcrn.ts'

/** Row and column, 0 or 1, at which the four passes begin, in their order here. */
export const passOffsets: readonly Pair[] = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]

/** The scores of the four passes over an image f32 [n, h, w, 3]; what comes before the last strided stage is computed once.
 * With s the output stride, pass (a, b) has [n, ⌈h'/2⌉ or ⌊h'/2⌋, …, classes], rounded down where a = 1, of h' = ⌈h/(s/2)⌉.
 * Throws OptionError for a net whose output stride is 4, ShapeError for an image of which a pass would see nothing. */
export const shiftedPasses = (model: Fcrn, image: Tensor, mode: Mode): Tensor[] =>
  passes(model, image, passOffsets, mode)

/** One of these by itself, from the image on: where the memory holds one pass but not four, a program for each. */
export const shiftedPass = (model: Fcrn, image: Tensor, offset: Pair, mode: Mode): Tensor =>
  passes(model, image, [offset], mode)[0]

/** Scores [n, ⌈h/(s/2)⌉, ⌈w/(s/2)⌉, classes] on the grid of s/2, with s the output stride: score (2i + a, 2j + b) is
 * score (i, j) of pass (a, b). On an image, they are `scoresOnImage(…, s / 2, { offset })` with the label offset that the net was
 * trained with, by default s/2: moving a pass moves the pixels that it answers for. */
export function shiftedScores(model: Fcrn, image: Tensor, mode: Mode): Tensor {
  return interleavedPasses(shiftedPasses(model, image, mode))
}

/** The maps of four passes on one grid, that of pass (a, b) at (2i + a, 2j + b). */
export function interleavedPasses([p00, p01, p10, p11]: readonly Tensor[]): Tensor {
  return interleaved(interleaved(p00, p01, 2), interleaved(p10, p11, 2), 1)
}

/** even[0], odd[0], even[1], … along an axis; of `odd` there may be one less. */
function interleaved(even: Tensor, odd: Tensor, axis: number): Tensor {
  const zero = even.shape.map(() => 0)
  const missing = even.shape[axis] - odd.shape[axis]
  const both = stack([even, missing ? pad(odd, zero, zero.with(axis, missing)) : odd], axis + 1)
  const size = even.shape.with(axis, 2 * even.shape[axis])
  return slice(reshape(both, size), [], size.with(axis, size[axis] - missing))
}

export interface ShiftedLossOptions extends Pick<LabelGridOptions, 'ignore'> {
  /** Row and column of a cell of the net's own grid whose label a score gets; default s/2. Pass (a, b) is moved on from there
   * by (a, b) times s/2. */
  readonly offset?: number
  /** Whether the losses of the passes are averaged (default), so that a learning rate keeps its meaning, or summed. */
  readonly combine?: 'mean' | 'sum'
}

/** The loss of the four passes together, of labels u8, i32 or u32 [n, h, w]: one update from it is that of Wu et al. 2016b, which
 * accumulates the gradients of all passes. `lossOf` is taken of each pass by itself, so that bootstrapping chooses within it.
 * Throws as `shiftedPasses` and `lossOf` do, and ShapeError for labels that are not those of the image. */
export function shiftedLoss(
  model: Fcrn,
  image: Tensor,
  labels: Tensor,
  mode: Mode,
  lossOf: (scores: Tensor, labels: Tensor) => Loss,
  options: ShiftedLossOptions = {},
): Loss {
  const { combine = 'mean', ...rest } = options
  checkChoice('shiftedLoss', 'combine', combine, ['mean', 'sum'])
  checkLabels(model, image, labels)
  const losses = shiftedPasses(model, image, mode).map((scores, i) =>
    lossOf(scores, passLabels(model, scores, labels, passOffsets[i], rest)),
  )
  const total = losses.map((l) => l.loss).reduce(add)
  const outOfRange = losses.map((l) => l.outOfRange).reduce(add)
  return { loss: combine === 'mean' ? mul(total, 1 / passOffsets.length) : total, outOfRange }
}

/** The loss of one pass alone. Its gradients, added up over the four passes and divided by 4, are those of `shiftedLoss`:
 *
 *     const sums = parameters.map((p) => buffer(p.shape, zeros))
 *     const passes = passOffsets.map((offset) => device.compile((image, labels) => {
 *       const { loss } = shiftedPassLoss(model, image, labels, offset, mode, crossEntropy)
 *       grad(loss, parameters).forEach((g, i) => assign(sums[i], add(sums[i], g)))
 *     }))
 *     const update = device.compile((lr) => {
 *       optimizer.step(parameters, sums.map((s) => mul(s, 1 / 4)), lr)
 *       for (const s of sums) assign(s, mul(s, 0))
 *     })
 *
 * In this way batch norm that is not frozen updates the averages of what all passes share four times, and dropout draws the
 * same for all of them unless `mode.random` says otherwise. */
export function shiftedPassLoss(
  model: Fcrn,
  image: Tensor,
  labels: Tensor,
  offset: Pair,
  mode: Mode,
  lossOf: (scores: Tensor, labels: Tensor) => Loss,
  options: Omit<ShiftedLossOptions, 'combine'> = {},
): Loss {
  checkLabels(model, image, labels)
  const scores = shiftedPass(model, image, offset, mode)
  return lossOf(scores, passLabels(model, scores, labels, offset, options))
}

function checkLabels({ config }: Fcrn, image: Tensor, labels: Tensor): void {
  if (sameShape(labels.shape, image.shape.slice(0, 3))) return
  const given = [showType(image), showType(labels)]
  const hint = 'one number for each pixel of each image'
  throw new ShapeError(config.name, 'labels [n, h, w] of the images are needed', given, '', hint)
}

/** The labels of the pixels (s·i + (s/2)·a + o, s·j + (s/2)·b + o). */
function passLabels(
  { scoreStride: s }: Fcrn,
  scores: Tensor,
  labels: Tensor,
  shift: Pair,
  options: Omit<ShiftedLossOptions, 'combine'>,
): Tensor {
  const { offset, ignore } = optionsOf('shiftedLoss', options, { offset: s / 2, ignore: 255 })
  const [y, x] = shift.map((steps) => (s / 2) * steps + offset)
  const all = labelsOnGrid(labels, s, { offset: [y, x], ignore })
  return slice(all, [], scores.shape.slice(0, 3))
}

function passes(model: Fcrn, image: Tensor, offsets: readonly Pair[], mode: Mode): Tensor[] {
  const { name } = model.config
  if (!model.backbone.lastStrided)
    throw new OptionError(
      `${name}: at output stride ${model.scoreStride} no stage has a stride to shift`,
      'build it with outputStride 8, 16 or 32',
    )
  for (const offset of offsets)
    if (offset?.length !== 2 || !offset.every((n) => n === 0 || n === 1))
      throw new OptionError(`${name}: ${shown(offset)} is no pass`, 'take one of passOffsets')
  const least = model.scoreStride / 2 + 1
  if (image.shape.slice(1, 3).some((n) => n < least))
    throw new ShapeError(
      name,
      `shifted passes need an image of at least ${least}×${least}`,
      [showType(image)],
      '',
      'the second of them begins at the second feature of a row or column',
    )
  return model.passes(image, mode, offsets)
}
