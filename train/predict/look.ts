// What a network gets to see, made on the device: the picture as numbers, at another size, and of that any window, mirrored,
// moved and padded. Which pixels these are comes as numbers, so that one plan serves all windows.

import {
  add,
  broadcastTo,
  cast,
  clamp,
  constant,
  div,
  greaterEqual,
  indexSelect,
  mul,
  reshape,
  resizeBicubic,
  sub,
  type Tensor,
} from '../../engine/index.ts'
import type { Pair } from '../../engine/ops/options.ts'
import type { ImagePadding } from '../../models/input.ts'

/** A picture u8 [1, h, w, 3] as f32 in [0, 1] of another size, by the cubic of Pillow (antialiased where it shrinks), but not
 * rounded to bytes. */
export function resizedPicture(bytes: Tensor, size: Pair): Tensor {
  const image = div(cast(bytes, 'f32'), 255)
  const [, h, w] = image.shape
  // The kernel overshoots at edges, and networks were trained on colours.
  return h === size[0] && w === size[1] ? image : clamp(resizeBicubic(image, size), 0, 1)
}

/** The pixels of given rows and columns, i32, of an image [1, h, w, 3]; a colour stands where either is −1. */
export function look(image: Tensor, rows: Tensor, columns: Tensor, padding: ImagePadding): Tensor {
  const seen = indexSelect(indexSelect(image, rows, 1), columns, 2)
  if (padding === 'reflection') return seen
  const inside = (at: Tensor, shape: number[]) => reshape(cast(greaterEqual(at, 0), 'f32'), shape)
  const both = mul(inside(rows, [1, -1, 1, 1]), inside(columns, [1, 1, -1, 1]))
  // What is outside is 0, so nothing inside is rounded.
  return add(seen, mul(sub(1, both), broadcastTo(constant([...padding]), seen.shape)))
}
