// A picture at another size, by the one rule that networks are tested with.

import { cast, clamp, round } from '../ops/arithmetic.ts'
import { resizeBicubic } from '../ops/bicubic.ts'
import type { Pair } from '../ops/options.ts'
import type { Tensor } from '../tensor.ts'

/** A picture u8 [1, h, w, 3] at another size, by Pillow's bicubic rule: antialiased where it shrinks, and rounded to bytes. As
 * bytes it takes a quarter of the memory, and a photo of 40 million pixels one binding of 128 MiB. */
export function resizedPicture(bytes: Tensor, size: Pair): Tensor {
  const [, h, w] = bytes.shape
  if (h === size[0] && w === size[1]) return bytes
  // The kernel overshoots at edges.
  return cast(clamp(round(resizeBicubic(cast(bytes, 'f32'), size)), 0, 255), 'u8')
}
