// A network as the test-time procedure runs it: what it looks at, on which grid its scores lie, and in how many passes.

import type { CompileOptions, Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import { OptionError } from '../../engine/errors.ts'
import type { Pair } from '../../engine/ops/options.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { Fcrn } from '../../models/fcrn.ts'
import { type Network, needPixelScores } from '../../models/network.ts'
import { passOffsets, shiftedScores } from '../../models/shifted.ts'
import type { TestTime } from '../test-time.ts'
import type { View } from './fuse.ts'
import { paddedSize, windowsOf } from './geometry.ts'
import { look } from './look.ts'

export interface Scorer {
  readonly model: Network
  /** From what is looked at, f32 [1, h, w, 3], to its scores. */
  readonly scores: Program<Tensor>
  /** From a resized picture and the rows and columns that are wanted of it to what is looked at. */
  readonly look: Program<Tensor>
  /** Pixels from one score to the next. */
  readonly stride: number
  /** Row and column, in so many pixels, for which a score stands; the middle one where undefined. */
  readonly offset: number | undefined
  /** Rows and columns, in pixels, by which each pass looks further down and to the right. */
  readonly moves: readonly Pair[]
}

/** Throws OptionError for models that a procedure cannot be applied to: those that do not score the classes of pixels, that differ
 * in their number of classes, or that cannot be shifted as asked. */
export function checkModels(models: readonly Network[], { shifted }: TestTime): void {
  if (!models.length) throw new OptionError('there is no model to predict with', 'give one or more')
  const [first] = models
  for (const model of models) {
    const { config, classes, scoreStride } = model
    needPixelScores(model, 'a class mask')
    if (classes !== first.classes)
      throw new OptionError(
        `${first.config.name} tells ${first.classes} classes apart and ${config.name} ${classes}`,
        'probabilities are averaged of models with the same classes',
      )
    if (shifted === 'features' && !isShiftable(model))
      throw new OptionError(
        `${config.name} has no stage whose stride can be shifted`,
        "take an FCRN of output stride 8, 16 or 32, or shift the 'input'",
      )
    if (shifted === 'input' && scoreStride % 4)
      throw new OptionError(
        `${config.name} has a score every ${scoreStride} pixels, of which a quarter is no number of pixels`,
        'shifted passes are for networks whose scores are coarser than their images',
      )
  }
}

const isShiftable = (model: Network): model is Fcrn =>
  model instanceof Fcrn && Boolean(model.backbone.lastStrided)

/** The programs of a network that `checkModels` accepts; `offset` is the row and column, in its cell's s×s pixels, of the pixel
 * whose label a score learned, by default the middle one. */
export function scorerOf(
  device: Device,
  model: Network,
  { shifted }: TestTime,
  {
    offset,
    ...options
  }: Pick<CompileOptions, 'cache' | 'onProgress'> & { offset?: number | undefined },
): Scorer {
  const { scoreStride: s, padding } = model
  const features = shifted === 'features' && isShiftable(model)
  const moveOf = (pass: number) => (s / 2) * pass + s / 4 - (offset ?? s / 2)
  const mode = { train: false }
  return {
    model,
    look: device.compile(
      (bytes: Tensor, rows: Tensor, columns: Tensor) => look(bytes, rows, columns, padding),
      options,
    ),
    scores: device.compile(
      (image: Tensor) => (features ? shiftedScores(model, image, mode) : model.apply(image, mode)),
      options,
    ),
    stride: features ? s / 2 : s,
    // Cell i of pass a stands for pixel (s/2)·(2i + a) + o, which is beyond the middle of cell 2i + a where o is that of cell i.
    offset: features ? (offset ?? s / 2) : shifted === 'input' ? undefined : offset,
    // Cell i of pass a answers for pixel s·i + o of what it looks at, which is (s/2)·(2i + a) + s/4 of the picture.
    moves:
      shifted === 'input'
        ? passOffsets.map((pass): Pair => [moveOf(pass[0]), moveOf(pass[1])])
        : [[0, 0]],
  }
}

/** A look by this network at a picture of a size. */
export function viewOf(
  { model, stride, offset, moves }: Scorer,
  test: TestTime,
  size: Pair,
  mirrored: boolean,
): View {
  const { pad, window } = test
  // Shifted passes need two features each way.
  const least = test.shifted === 'features' ? model.scoreStride / 2 + 1 : 1
  const padTo: Pair = [Math.max(least, pad?.height ?? 1), Math.max(least, pad?.width ?? 1)]
  const padded = paddedSize(windowsOf(window, size).size, model.sizeMultiple, padTo)
  const own = offset === undefined ? {} : { offset }
  return { size, mirrored, padded, stride, ...own, passes: moves.length === 4 ? 4 : 1 }
}
