// Padding to what a network's strides divide: below and to the right the image mirrored, or in one colour, the labels void.

import { VOID } from './dataset.ts'

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

/** An image or a label map, [height, width, channels], grown to [toHeight, toWidth, channels] by mirroring. */
export function padReflect<T extends Uint8Array | Float32Array>(
  data: T,
  height: number,
  width: number,
  channels: number,
  toHeight: number,
  toWidth: number,
): T {
  const out = alike(data, toHeight * toWidth * channels)
  for (let y = 0; y < toHeight; y++) {
    const row = reflect(y, height) * width
    for (let x = 0; x < toWidth; x++) {
      const from = (row + reflect(x, width)) * channels
      const to = (y * toWidth + x) * channels
      for (let c = 0; c < channels; c++) out[to + c] = data[from + c]
    }
  }
  return out
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

/** Labels [height, width] grown to [toHeight, toWidth] with void. */
export function padVoid(
  labels: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Uint8Array {
  const out = new Uint8Array(toHeight * toWidth).fill(VOID)
  for (let y = 0; y < height; y++) out.set(labels.subarray(y * width, (y + 1) * width), y * toWidth)
  return out
}

/** The top left [height, width, channels] of padded data: undoes `padReflect` and `padVoid`. */
export function crop<T extends Uint8Array | Float32Array>(
  data: T,
  fromWidth: number,
  channels: number,
  height: number,
  width: number,
): T {
  const out = alike(data, height * width * channels)
  for (let y = 0; y < height; y++) {
    const start = y * fromWidth * channels
    out.set(data.subarray(start, start + width * channels), y * width * channels)
  }
  return out
}

function alike<T extends Uint8Array | Float32Array>(data: T, length: number): T {
  return (data instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length)) as T
}
