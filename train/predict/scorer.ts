// A network as the test-time procedure runs it: what it looks at, on which grid its scores lie, and in how many passes.

import type { Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import { OptionError } from '../../engine/errors.ts'
import type { Pair } from '../../engine/ops/options.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { Fcrn } from '../../models/fcrn.ts'
import type { Network } from '../../models/network.ts'
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
  /** Rows and columns, in pixels, by which each pass looks further down and to the right. */
  readonly moves: readonly Pair[]
}

/** Throws OptionError where the network cannot be shifted as the procedure wants it. */
export function scorerOf(
  device: Device,
  model: Network,
  { shifted }: TestTime,
  cache: number,
): Scorer {
  const { config, scoreStride: s, padding } = model
  const moved = device.compile(
    (image: Tensor, rows: Tensor, columns: Tensor) => look(image, rows, columns, padding),
    { cache },
  )
  const plain = { model, look: moved, moves: [[0, 0]] as const, stride: s }
  if (shifted === 'features') {
    if (!(model instanceof Fcrn) || !model.backbone.lastStrided)
      throw new OptionError(
        `${config.name} has no stage whose stride can be shifted`,
        "take an FCRN of output stride 8, 16 or 32, or shift the 'input'",
      )
    const scores = device.compile(
      (image: Tensor) => shiftedScores(model, image, { train: false }),
      { cache },
    )
    return { ...plain, scores, stride: s / 2 }
  }
  const scores = device.compile((image: Tensor) => model.apply(image, { train: false }), { cache })
  if (!shifted) return { ...plain, scores }
  if (s % 4)
    throw new OptionError(
      `${config.name} has a score every ${s} pixels, of which a quarter is no number of pixels`,
      'shifted passes are for networks whose scores are coarser than their images',
    )
  // Cell i of pass a answers for pixel s·i + s/2 of what it looks at, which is (s/2)·(2i + a) + s/4 of the picture.
  const moves = passOffsets.map((pass) => pass.map((a) => (a ? s / 4 : -s / 4)) as unknown as Pair)
  return { ...plain, scores, moves }
}

/** A look by this network at a picture of a size. */
export function viewOf(
  { model, stride, moves }: Scorer,
  test: TestTime,
  size: Pair,
  mirrored: boolean,
): View {
  const { pad, window } = test
  // Shifted passes need two features each way.
  const least = test.shifted === 'features' ? model.scoreStride / 2 + 1 : 1
  const padTo: Pair = [Math.max(least, pad?.height ?? 1), Math.max(least, pad?.width ?? 1)]
  const padded = paddedSize(windowsOf(window, size).size, model.sizeMultiple, padTo)
  return { size, mirrored, padded, stride, passes: moves.length === 4 ? 4 : 1 }
}
