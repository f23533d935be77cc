// Steps that only move pixels: whole runs of a row are copied, so they cost what memory costs.

import { DataError } from '../../engine/errors.ts'
import { VOID } from '../dataset.ts'
import { reflect } from '../pictures/pad.ts'
import { alike, type Frame, looked, type Region, type Rgb, shares } from './frame.ts'

/** Throws DataError for a shift by up to so many pixels that none of the frame's labels might stay. */
export function checkShift({ name, height, width }: Frame, pixels: number): void {
  const most = Math.min(height, width)
  if (pixels > most)
    throw new DataError(
      name,
      `is ${height}×${width}, and a shift by up to ${pixels} pixels may leave nothing of it`,
      `translate by at most ${most}; Pohlen et al. do by 120 at 1024×2048`,
    )
}

/** The frame moved down by dy and to the right by dx; what comes in is mirrored, its labels are void. */
export function translated(frame: Frame, dy: number, dx: number): Frame {
  const { height, width, image, labels, instances } = frame
  if (dy === 0 && dx === 0) return frame
  const region = { top: -dy, left: -dx, height, width }
  return {
    ...frame,
    image: mirrored(image, height, width, dy, dx),
    labels: labels && window(labels, frame, region, VOID),
    instances: instances && window(instances, frame, region, 0),
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

/** A region of a map of values; beyond the map `beyond` stands. */
export function window<T extends Uint8Array | Uint16Array>(
  values: T,
  { height, width }: Pick<Frame, 'height' | 'width'>,
  region: Region,
  beyond: number,
): T {
  const { top, left } = region
  const out = alike(values, region.height * region.width)
  const low = Math.max(0, left)
  const high = Math.min(width, left + region.width)
  if (beyond !== 0 && !isInside(region, height, width)) out.fill(beyond)
  if (high <= low) return out
  const end = Math.min(region.height, height - top)
  for (let y = Math.max(0, -top); y < end; y++) {
    const row = (top + y) * width
    out.set(values.subarray(row + low, row + high), y * region.width + low - left)
  }
  return out
}

/** A region of an image: as it is where it lies inside, else as numbers, beyond the image in one colour. */
export function imageWindow(
  { image, height, width }: Pick<Frame, 'image' | 'height' | 'width'>,
  region: Region,
  padding: Rgb,
): Uint8Array | Float32Array {
  const { top, left } = region
  if (isInside(region, height, width)) {
    const out = alike(image, 3 * region.height * region.width)
    for (let y = 0; y < region.height; y++) {
      const from = 3 * ((top + y) * width + left)
      out.set(image.subarray(from, from + 3 * region.width), 3 * y * region.width)
    }
    return out
  }
  const out = coloured(region.height * region.width, padding)
  const low = Math.max(0, left)
  const high = Math.min(width, left + region.width)
  if (high <= low) return out
  const end = Math.min(region.height, height - top)
  for (let y = Math.max(0, -top); y < end; y++) {
    const row = (top + y) * width
    const part = image.subarray(3 * (row + low), 3 * (row + high))
    out.set(
      part instanceof Uint8Array ? looked(part, shares) : part,
      3 * (y * region.width + low - left),
    )
  }
  return out
}

const isInside = ({ top, left, ...region }: Region, height: number, width: number): boolean =>
  top >= 0 && left >= 0 && top + region.height <= height && left + region.width <= width

function coloured(pixels: number, [r, g, b]: Rgb): Float32Array {
  const out = new Float32Array(3 * pixels)
  for (let i = 0; i < out.length; i += 3) {
    out[i] = r
    out[i + 1] = g
    out[i + 2] = b
  }
  return out
}

/** A region of a frame: beyond it the image has one colour, labels are void and objects none. */
export function windowed(frame: Frame, region: Region, padding: Rgb): Frame {
  const { name, labels, instances } = frame
  return {
    name,
    height: region.height,
    width: region.width,
    image: imageWindow(frame, region, padding),
    labels: labels && window(labels, frame, region, VOID),
    instances: instances && window(instances, frame, region, 0),
  }
}

/** Left and right exchanged. */
export function flipped(frame: Frame): Frame {
  const { height, width, image, labels, instances } = frame
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
    ...frame,
    image: picture,
    labels: labels && turn(labels),
    instances: instances && turn(instances),
  }
}
