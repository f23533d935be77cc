// Steps that only move pixels: whole runs of a row are copied, so they cost what memory costs.

import { reflect } from '../pad.ts'
import { alike, type Frame, NOWHERE } from './frame.ts'

/** The frame moved down by dy and to the right by dx; what comes in is mirrored, its labels are void. */
export function translated(frame: Frame, dy: number, dx: number): Frame {
  const { height, width, image, labels, instances } = frame
  if (dy === 0 && dx === 0) return frame
  return {
    height,
    width,
    image: mirrored(image, height, width, dy, dx),
    labels: labels && window(labels, frame, -dy, -dx, height, width, NOWHERE.labels),
    instances: instances && window(instances, frame, -dy, -dx, height, width, NOWHERE.instances),
  }
}

/** [height, width, 3] of the same size, where pixel (y, x) is that of (y − dy, x − dx), mirrored into the image. */
function mirrored<T extends Uint8Array | Float32Array>(
  image: T,
  height: number,
  width: number,
  dy: number,
  dx: number,
): T {
  const out = alike(image, image.length)
  // Columns from `low` up to `high` have a source in the row itself; where there is none, both are at one end.
  const low = Math.min(width, Math.max(0, dx))
  const high = Math.max(low, Math.min(width, width + dx))
  const columns = Int32Array.from({ length: width }, (_, x) => reflect(x - dx, width))
  for (let y = 0; y < height; y++) {
    const from = reflect(y - dy, height) * width
    const to = y * width
    if (high > low)
      out.set(image.subarray(3 * (from + low - dx), 3 * (from + high - dx)), 3 * (to + low))
    for (let x = 0; x < width; x++) {
      if (x === low) x = high
      if (x >= width) break
      const source = 3 * (from + columns[x])
      const target = 3 * (to + x)
      out[target] = image[source]
      out[target + 1] = image[source + 1]
      out[target + 2] = image[source + 2]
    }
  }
  return out
}

/** The values [toHeight, toWidth] from (top, left) on, which may lie outside: there `beyond` stands. */
export function window<T extends Uint8Array | Uint16Array>(
  values: T,
  { height, width }: { readonly height: number; readonly width: number },
  top: number,
  left: number,
  toHeight: number,
  toWidth: number,
  beyond: number,
): T {
  const out = alike(values, toHeight * toWidth)
  const low = Math.max(0, left)
  const high = Math.min(width, left + toWidth)
  const inside = top >= 0 && left >= 0 && top + toHeight <= height && left + toWidth <= width
  if (!inside && beyond !== 0) out.fill(beyond)
  if (high <= low) return out
  for (let y = Math.max(0, -top); y < toHeight && top + y < height; y++) {
    const row = (top + y) * width
    out.set(values.subarray(row + low, row + high), y * toWidth + low - left)
  }
  return out
}

/** Left and right exchanged. */
export function flipped({ height, width, image, labels, instances }: Frame): Frame {
  const turn = <T extends Uint8Array | Uint16Array>(values: T): T => {
    const out = alike(values, values.length)
    for (let y = 0; y < height; y++)
      for (let a = y * width, b = a + width - 1; b >= y * width; a++, b--) out[a] = values[b]
    return out
  }
  const picture = alike(image, image.length)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = 3 * (y * width + x)
      const to = 3 * (y * width + width - 1 - x)
      picture[to] = image[from]
      picture[to + 1] = image[from + 1]
      picture[to + 2] = image[from + 2]
    }
  return {
    height,
    width,
    image: picture,
    labels: labels && turn(labels),
    instances: instances && turn(instances),
  }
}
