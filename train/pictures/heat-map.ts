// A map of strengths as a picture, from black over red and yellow to white, and a frame in it.

import { rampColour } from '../../engine/pictures/ramp.ts'
import type { Colour } from '../dataset.ts'
import type { Picture } from './picture.ts'

/** Strengths from 0 up, [height, width], as colours by (strength / largest)^gamma, so that with a gamma below 1, default ½,
 * weak ones are seen too. Black where all are 0. `largest` is theirs unless it is given, and what is beyond is as bright. */
export function heatMap(
  strengths: Float32Array,
  height: number,
  width: number,
  gamma = 0.5,
  largest = strengths.reduce((a, b) => Math.max(a, b), 0),
): Picture {
  const data = new Uint8Array(3 * height * width)
  strengths.forEach((strength, i) => {
    if (strength > 0) data.set(rampColour(Math.min(1, strength / largest) ** gamma), 3 * i)
  })
  return { data, height, width }
}

/** The picture with a frame one pixel wide: rows and columns from `first` to `last`, both included, as far as they are in
 * the picture. */
export function framed(
  picture: Picture,
  first: readonly [y: number, x: number],
  last: readonly [y: number, x: number],
  colour: Colour = [96, 220, 255],
): Picture {
  const { height, width } = picture
  const data = picture.data.slice()
  const paint = (y: number, x: number) => {
    if (y >= 0 && y < height && x >= 0 && x < width) data.set(colour, 3 * (y * width + x))
  }
  for (let y = first[0]; y <= last[0]; y++) for (const x of [first[1], last[1]]) paint(y, x)
  for (let x = first[1]; x <= last[1]; x++) for (const y of [first[0], last[0]]) paint(y, x)
  return { data, height, width }
}
