// Padding to what a network's strides divide: below and to the right the image mirrored, or in one colour, the labels void.

/** Mirrors an index into 0..count-1 without repeating the edge (…2 1 0 1 2…), as often as it takes. */
export function reflect(index: number, count: number): number {
  if (count === 1) return 0
  const period = 2 * (count - 1)
  const at = ((index % period) + period) % period
  return at < count ? at : period - at
}

/** `size` rounded up to a multiple of `multiple`. */
export function roundUp(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple
}

/** Gives all that is beyond the first height × width pixels of an image [toHeight, toWidth, 3] one colour. */
export function fillBeyond(
  image: Float32Array,
  height: number,
  width: number,
  toWidth: number,
  colour: readonly number[],
): void {
  const [r, g, b] = colour
  const rows = image.length / 3 / toWidth
  for (let y = 0; y < rows; y++)
    for (let i = 3 * (y * toWidth + (y < height ? width : 0)); i < 3 * (y + 1) * toWidth; i += 3) {
      image[i] = r
      image[i + 1] = g
      image[i + 2] = b
    }
}

/** The top left [height, width, channels] of padded data. */
export function crop(
  data: Uint8Array,
  fromWidth: number,
  channels: number,
  height: number,
  width: number,
): Uint8Array {
  const out = new Uint8Array(height * width * channels)
  for (let y = 0; y < height; y++) {
    const start = y * fromWidth * channels
    out.set(data.subarray(start, start + width * channels), y * width * channels)
  }
  return out
}
