// Where everything lies at test time, in whole pixels: the sizes at which a picture is looked at, the windows of each, and which
// pixel each pixel of a network's input is. Nothing here knows a device.

import { ShapeError } from '../../engine/errors.ts'
import type { Pair } from '../../engine/ops/options.ts'
import { reflect, roundUp } from '../pictures/pad.ts'
import type { TestSize, TestTime, TestWindow } from '../test-time.ts'

/** What a network gets to see at once: a part of the resized picture. */
export interface Place {
  /** Its first row and column. */
  readonly at: Pair
  readonly size: Pair
}

/** Windows in rows and columns; all of one size. */
export interface Windows {
  readonly rows: readonly number[]
  readonly columns: readonly number[]
  readonly size: Pair
}

/** Sizes of a picture of `size`, one for each scale, at least a pixel. */
export function sizesOf({ resize, scales = [1] }: TestTime, size: Pair): Pair[] {
  const [h, w] = resize ? resized(resize, size) : size
  return scales.map((s) => [atLeastOne(s * h), atLeastOne(s * w)])
}

const atLeastOne = (n: number): number => Math.max(1, Math.round(n))

function resized(to: TestSize, [h, w]: Pair): Pair {
  if ('height' in to) return [to.height, to.width ?? atLeastOne((w * to.height) / h)]
  // The given length exactly, not what rounding makes of its quotient.
  const [length, first] = 'longer' in to ? [to.longer, h >= w] : [to.shorter, h <= w]
  return first ? [length, atLeastOne((w * length) / h)] : [atLeastOne((h * length) / w), length]
}

/** The windows of a resized picture; without `window` it is one. Throws ShapeError where given ones do not cover it. */
export function windowsOf(window: TestWindow | undefined, [h, w]: Pair): Windows {
  if (!window) return { rows: [0], columns: [0], size: [h, w] }
  const size: Pair = [Math.min(window.height, h), Math.min(window.width, w)]
  return {
    rows: starts(h, size[0], window.stride ?? third(window.height), window.rows),
    columns: starts(w, size[1], window.stride ?? third(window.width), window.columns),
    size,
  }
}

const third = (size: number): number => Math.max(1, Math.ceil((2 * size) / 3))

/** Spread evenly over `total`, no further apart than `stride`, from edge to edge. */
function starts(
  total: number,
  size: number,
  stride: number,
  given: readonly number[] | undefined,
): readonly number[] {
  if (total === size) return [0]
  if (given) {
    const ends = [...given, total].every((n, i) => n <= (i ? given[i - 1] + size : 0))
    if (ends && given[given.length - 1] + size <= total) return given
    throw new ShapeError(
      'Predictor',
      `windows of ${size} that begin at ${given.join(', ')} do not cover ${total} pixels and end with them`,
      [],
      '',
      'give a stride instead, and they are spread over pictures of any size',
    )
  }
  const count = Math.ceil((total - size) / stride) + 1
  return Array.from({ length: count }, (_, i) => Math.round((i * (total - size)) / (count - 1)))
}

/** The size of a network's input for a window: padded at least to `pad`, and to multiples. */
export const paddedSize = (size: Pair, multiple: number, pad: Pair): Pair => [
  roundUp(Math.max(size[0], pad[0]), multiple),
  roundUp(Math.max(size[1], pad[1]), multiple),
]

/** Which pixel of the resized picture each of `padded` pixels of a network's input is, along one axis: those from `at` on, `size`
 * of them, the last one first where it is mirrored, looked at from `move` on. What lies outside of them is their reflection, or
 * −1 where the network is padded with a colour. */
export function pixelsAlong(
  at: number,
  size: number,
  padded: number,
  { mirrored = false, move = 0, coloured = false } = {},
): Int32Array {
  return Int32Array.from({ length: padded }, (_, i) => {
    const inside = i + move >= 0 && i + move < size
    if (!inside && coloured) return -1
    const j = reflect(i + move, size)
    return at + (mirrored ? size - 1 - j : j)
  })
}
