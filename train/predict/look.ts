// What a network gets to see, made on the device: the picture at another size, and of that any window, mirrored, moved and
// padded, as numbers. Which pixels these are comes as numbers, so that one plan serves all windows.

import {
  add,
  broadcastTo,
  cast,
  constant,
  div,
  greaterEqual,
  indexSelect,
  mul,
  reshape,
  sub,
  type Tensor,
} from '../../engine/index.ts'
import type { ImagePadding } from '../../models/input.ts'

export { resizedPicture } from '../../engine/pictures/resized-picture.ts'

/** The pixels of given rows and columns, i32, of a picture u8 [1, h, w, 3], as f32 in [0, 1]; a colour stands where either is −1. */
export function look(bytes: Tensor, rows: Tensor, columns: Tensor, padding: ImagePadding): Tensor {
  const taken = indexSelect(indexSelect(bytes, rows, 1), columns, 2)
  const seen = div(cast(taken, 'f32'), 255)
  if (padding === 'reflection') return seen
  const inside = (at: Tensor, shape: number[]) => reshape(cast(greaterEqual(at, 0), 'f32'), shape)
  const both = mul(inside(rows, [1, -1, 1, 1]), inside(columns, [1, 1, -1, 1]))
  // What is outside is 0, so nothing inside is rounded.
  return add(seen, mul(sub(1, both), broadcastTo(constant([...padding]), seen.shape)))
}
