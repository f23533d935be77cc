// A rotation about the centre of the image, in its own size.

import { VOID } from '../dataset.ts'
import { alike, type Frame, numbersOf } from './frame.ts'

/** The frame turned against the clock. Target pixel (y, x) is what the source is at the place that the turn brings there: the image
 * between the four pixels around it, those outside being 0; labels and objects at the nearest, void and none outside. */
export function rotated(frame: Frame, degrees: number): Frame {
  if (degrees === 0) return frame
  const { labels, instances } = frame
  return {
    ...frame,
    image: bilinear(frame, degrees),
    labels: labels && nearest(labels, frame, degrees, VOID),
    instances: instances && nearest(instances, frame, degrees, 0),
  }
}

/** Where target pixel (0, 0) comes from, and how far a column and a row lead from there. */
function turn({ height, width }: Frame, degrees: number) {
  const angle = (degrees * Math.PI) / 180
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)]
  const [cy, cx] = [(height - 1) / 2, (width - 1) / 2]
  // y points down, so that against the clock is (x, y) → (cos x + sin y, −sin x + cos y); its inverse has the other sine.
  return { sin, cos, x0: cx - cos * cx + sin * cy, y0: cy - sin * cx - cos * cy }
}

function bilinear(frame: Frame, degrees: number): Float32Array {
  const { height, width } = frame
  const image = numbersOf(frame)
  const { sin, cos, x0, y0 } = turn(frame, degrees)
  const out = new Float32Array(image.length)
  const across = 3 * width
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to += 3) {
      const sx = x0 + cos * x - sin * y
      const sy = y0 + sin * x + cos * y
      const left = Math.floor(sx)
      const top = Math.floor(sy)
      if (left < -1 || top < -1 || left >= width || top >= height) continue
      const right = sx - left
      const down = sy - top
      // Weights of what is outside are 0, and it is read from somewhere inside.
      const l = left < 0 ? 0 : 1 - right
      const r = left + 1 < width ? right : 0
      const t = top < 0 ? 0 : 1 - down
      const b = top + 1 < height ? down : 0
      const tl = 3 * ((top < 0 ? 0 : top) * width + (left < 0 ? 0 : left))
      const toRight = left < 0 || r === 0 ? 0 : 3
      const tr = tl + toRight
      const bl = top < 0 || b === 0 ? tl : tl + across
      const br = bl + toRight
      out[to] = t * (l * image[tl] + r * image[tr]) + b * (l * image[bl] + r * image[br])
      out[to + 1] =
        t * (l * image[tl + 1] + r * image[tr + 1]) + b * (l * image[bl + 1] + r * image[br + 1])
      out[to + 2] =
        t * (l * image[tl + 2] + r * image[tr + 2]) + b * (l * image[bl + 2] + r * image[br + 2])
    }
  return out
}

function nearest<T extends Uint8Array | Uint16Array>(
  values: T,
  frame: Frame,
  degrees: number,
  beyond: number,
): T {
  const { height, width } = frame
  const { sin, cos, x0, y0 } = turn(frame, degrees)
  const out = alike(values, values.length)
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to++) {
      const sx = Math.floor(x0 + cos * x - sin * y + 0.5)
      const sy = Math.floor(y0 + sin * x + cos * y + 0.5)
      const inside = sx >= 0 && sy >= 0 && sx < width && sy < height
      out[to] = inside ? values[sy * width + sx] : beyond
    }
  return out
}
