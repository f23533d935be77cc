// An image comes to the device in parts: none is larger than a texture may be or than one binding holds, and the texture that they
// come through one after the other is small beside a large image.

import type { ImagePart } from '../../shaders/image.ts'
import type { Pair } from '../ops/options.ts'
import type { Crop } from './image-source.ts'

export interface PartLimits {
  /** Pixels of a texture on a side. */
  readonly side: number
  /** Bytes that are bound at once. */
  readonly bindingBytes: number
  /** Bytes of a pixel in the tensor. */
  readonly pixelBytes: number
}

export interface Part extends ImagePart {
  /** Where it lies in the image. */
  readonly crop: Crop
  /** The bytes of the tensor that are bound for it. */
  readonly offset: number
  readonly bytes: number
}

/** Pixels of a part: 64 MiB of texture, and a camera's frame at once. */
const MOST_PIXELS = 2 ** 24
/** Pixels whose bytes are a multiple of every alignment, 256, whatever an element takes. */
const STEP = 256

/** The parts of a crop of an image, of which the first is the largest, row by row; together they are all of it. */
export function imageParts([top, left, height, width]: Crop, limits: PartLimits): Part[] {
  const { side, bindingBytes, pixelBytes } = limits
  const columns = Math.min(width, side)
  // A binding begins up to a step before what it is for and ends up to three pixels after. A row is never divided.
  const bound = Math.floor((bindingBytes / pixelBytes - STEP - 4) / width)
  const rows = Math.max(1, Math.min(height, side, Math.floor(MOST_PIXELS / columns), bound))
  const parts: Part[] = []
  for (let y = 0; y < height; y += rows)
    for (let x = 0; x < width; x += columns) {
      const size: Pair = [Math.min(columns, width - x), Math.min(rows, height - y)]
      const end = (y + size[1]) * width
      const first = Math.floor((y * width) / STEP) * STEP
      parts.push({
        crop: [top + y, left + x, size[1], size[0]],
        ...{ width, pixels: height * width, first, end, corner: [x, y], size },
        offset: first * pixelBytes,
        bytes: (4 * Math.ceil(end / 4) - first) * pixelBytes,
      })
    }
  return parts
}
