// The grid of a network whose scores are coarser than its images, and where its cells lie among the pixels. A network that was
// trained with the label of pixel (s·i + o, s·j + o) at cell (i, j) answers for that pixel, wherever its features are centred;
// so labels are taken there, and scores are enlarged from there (Wu, Shen and van den Hengel 2016b, and its released code).

import { holds } from '../engine/dtype.ts'
import type { TensorLike } from '../engine/op.ts'
import { padReplicate } from '../engine/ops/edge.ts'
import { checkCount, optionsOf, type Pair, pairOf, sizeOfMap } from '../engine/ops/options.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { resizeBilinear } from '../engine/ops/resize.ts'
import { pad, slice } from '../engine/ops/shape.ts'
import { toTensor } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'
import { partOf } from '../engine/trace.ts'

export interface GridOptions {
  /** Row and column o, in its s×s pixels, for which a cell stands; default the middle one, ⌊s/2⌋. From s on it lies in the
   * cells that follow. */
  readonly offset?: number | Pair
}

export interface LabelGridOptions extends GridOptions {
  /** The label of cells whose pixel is outside the image; default 255. */
  readonly ignore?: number
}

/** The labels of a grid of ⌈h/s⌉ × ⌈w/s⌉ cells: of [n, h, w], u8, i32 or u32, those at rows s·i + o and columns s·j + o, and
 * `ignore` where that is outside. With s = 1 and o = 0 they are all of them.
 * Throws ShapeError for what are no labels, OptionError for strides and options that say nothing. */
export function labelsOnGrid(
  labels: TensorLike,
  stride: number,
  options: LabelGridOptions = {},
): Tensor {
  const me = 'labelsOnGrid'
  const t = toTensor(labels, me)
  if (t.shape.length !== 3 || !['u8', 'i32', 'u32'].includes(t.dtype))
    refuse(me, 'labels [n, h, w] of u8, i32 or u32 are needed', [t], 'one number for each pixel')
  checkStride(me, stride)
  const { ignore, ...given } = optionsOf(me, options, { offset: middleOf(stride), ignore: 255 })
  const offset = pairOf(me, 'offset', given.offset, 0)
  if (!holds(t.dtype, ignore))
    refuseOption(me, `${t.dtype} cannot hold the label ${shown(ignore)}`, 'ignore another one')
  const [n, ...size] = t.shape
  const cells = size.map((pixels) => Math.ceil(pixels / stride))
  const stop = cells.map((c, i) => stride * (c - 1) + offset[i] + 1)
  const more = size.map((pixels, i) => Math.max(0, stop[i] - pixels))
  return partOf(me, () => {
    const wide = more.some((pixels) => pixels) ? pad(t, [0, 0, 0], [0, ...more], ignore) : t
    return slice(wide, [0, ...offset], [n, ...stop], [1, stride, stride])
  })
}

export interface ScoreOptions extends GridOptions {
  /** Instead of that, stretch the grid over the image as frameworks resize one map to the size of another, at
   * src = (dst + ½)·cells/pixels − ½. The same as the middle where s divides the image's size. Default false. */
  readonly stretch?: boolean
}

/** Scores of a grid, f32 [n, ⌈h/s⌉, ⌈w/s⌉, classes], at each pixel of an image of [h, w]: interpolated between the cells
 * around src = (dst − o)/s, and as in the outermost cells beyond them. For the middle of the cells it is the symmetric
 * src = (dst + ½)/s − ½, which for even s is half a pixel from that. With s = 1 and o = 0 they stay as they are.
 * Throws ShapeError where the grid is not that of the image, OptionError for strides and options that say nothing. */
export function scoresOnImage(
  scores: TensorLike,
  size: Pair,
  stride: number,
  options: ScoreOptions = {},
): Tensor {
  const me = 'scoresOnImage'
  const t = toTensor(scores, me)
  checkStride(me, stride)
  const { stretch, ...given } = optionsOf(me, options, {
    ...{ offset: middleOf(stride), stretch: false },
  })
  const offset = pairOf(me, 'offset', given.offset, 0)
  if (stretch && options.offset !== undefined)
    refuseOption(me, 'a grid that is stretched has no offset', 'give one of the two')
  const [h, w] = sizeOfMap(me, size, [t])
  const cells = [h, w].map((pixels) => Math.ceil(pixels / stride)) as unknown as Pair
  if (t.shape.length !== 4 || t.dtype !== 'f32' || cells.some((c, i) => t.shape[i + 1] !== c))
    refuse(
      me,
      `an image of ${h}×${w} has f32 scores [n, ${cells.join(', ')}, classes] at stride ${stride}`,
      [t],
      'the stride is that of the network: model.scoreStride',
    )
  return partOf(me, () => {
    if (stride === 1 && !offset.some((o) => o)) return t
    if (stretch) return resizeBilinear(t, [h, w])
    const whole: Pair = [cells[0] * stride, cells[1] * stride]
    if (offset.every((o) => o === middleOf(stride)))
      return slice(resizeBilinear(t, whole), [], [t.shape[0], h, w])
    // The first cells once more, so often that the image begins within the grid: that is at src = from/s of it.
    const more = offset.map((o) => Math.ceil(o / stride))
    const from = offset.map((o, i) => more[i] * stride - o)
    const size: Pair = [whole[0] + more[0] * stride, whole[1] + more[1] * stride]
    const wide = padReplicate(t, [0, ...more, 0], [0, 0, 0, 0])
    const fine = resizeBilinear(wide, size, 'asymmetric')
    return slice(fine, [0, ...from], [t.shape[0], from[0] + h, from[1] + w])
  })
}

/** The row or column in the middle of s. */
export const middleOf = (stride: number): number => Math.floor(stride / 2)

/** Throws OptionError for what is no stride. */
export const checkStride = (me: string, stride: number): void =>
  checkCount(me, 'stride', stride, 'it is the number of pixels from one cell to the next')
