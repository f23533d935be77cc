// Steps that cut a part out of an image, or set it into a larger one.

import { DataError } from '../../engine/errors.ts'
import { VOID } from '../dataset.ts'
import type { Random } from '../random.ts'
import type { Frame, Region, Rgb } from './frame.ts'
import { window, windowed } from './place.ts'
import { type Scaling, scaled, scaledRegion } from './resize.ts'

/** A region of a frame, which is first brought to another size where that is asked; only what lies inside is computed. */
export function cropped(
  frame: Frame,
  scaling: Scaling | undefined,
  region: Region,
  padding: Rgb,
): Frame {
  if (!scaling) return windowed(frame, region, padding)
  const top = Math.max(0, region.top)
  const left = Math.max(0, region.left)
  const height = Math.min(scaling.height, region.top + region.height) - top
  const width = Math.min(scaling.width, region.left + region.width) - left
  const inside = scaledRegion(frame, scaling, { top, left, height, width })
  if (height === region.height && width === region.width) return inside
  return windowed(inside, { ...region, top: region.top - top, left: region.left - left }, padding)
}

/** A place, each as likely as the others, among those where the crop lies in the image, or the image in the crop, along each axis. */
export const anywhere = (
  size: Pick<Frame, 'height' | 'width'>,
  [height, width]: readonly [number, number],
  random: Random,
): Region => {
  const place = (whole: number, part: number) =>
    random.int(Math.min(0, whole - part), Math.max(0, whole - part))
  return { top: place(size.height, height), left: place(size.width, width), height, width }
}

/** The place in the middle, half a pixel up and to the left of it where it must be. */
export const centred = (
  size: Pick<Frame, 'height' | 'width'>,
  [height, width]: readonly [number, number],
): Region => ({
  top: Math.floor((size.height - height) / 2),
  left: Math.floor((size.width - width) / 2),
  height,
  width,
})

/** Places that are looked at before one of them is taken that would else have been refused. */
const TRIES = 64

/** FRRN: a place with a probability in proportion to the entropy of the classes in it. Each place drawn is taken with probability
 * entropy / log(classes in the image), which gives just that; after 64 in vain one of those, in proportion to their entropies. */
export function whereEntropy(
  frame: Frame,
  size: readonly [number, number],
  random: Random,
): Region {
  const { labels } = frame
  if (!labels) return anywhere(frame, size, random)
  const most = Math.log(countsOf(labels).filter((n) => n > 0).length)
  const seen: { readonly region: Region; readonly entropy: number }[] = []
  for (let i = 0; i < TRIES && most > 0; i++) {
    const region = anywhere(frame, size, random)
    const entropy = entropyOf(window(labels, frame, region, VOID))
    if (random.chance(entropy / most)) return region
    seen.push({ region, entropy })
  }
  const all = seen.reduce((sum, { entropy }) => sum + entropy, 0)
  let left = random.uniform() * all
  for (const { region, entropy } of seen) {
    left -= entropy
    if (left < 0) return region
  }
  return anywhere(frame, size, random)
}

/** How often each class is there; void is no class. */
function countsOf(labels: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256)
  for (let i = 0; i < labels.length; i++) counts[labels[i]]++
  return counts.subarray(0, VOID)
}

/** −Σ p log p over the classes of pixels that have one; 0 where none has. */
export function entropyOf(labels: Uint8Array): number {
  const counts = countsOf(labels)
  const all = counts.reduce((sum, n) => sum + n, 0)
  return counts.reduce((sum, n) => (n ? sum - (n / all) * Math.log(n / all) : sum), 0)
}

/** The frame at the top left of a larger one. Throws DataError where it is the larger one. */
export function padded(
  frame: Frame,
  [height, width]: readonly [number, number],
  padding: Rgb,
): Frame {
  if (frame.height > height || frame.width > width)
    throw new DataError(
      frame.name,
      `is ${frame.height}×${frame.width} and cannot be padded to ${height}×${width}`,
      'crop it or resize it in a step before, or pad to a larger size',
    )
  if (frame.height === height && frame.width === width) return frame
  return windowed(frame, { top: 0, left: 0, height, width }, padding)
}

export interface SizedCropOptions {
  readonly size: readonly [height: number, width: number]
  /** Share of the image's pixels. */
  readonly area: readonly [low: number, high: number]
  /** Width to height. */
  readonly aspect: readonly [low: number, high: number]
}

const SIZED_TRIES = 10

/** ImageNet: a region of drawn area and aspect, height and width exchanged with probability ½. After ten that do not fit the largest
 * one in the middle that has the target's aspect: the shorter side resized, and the centre cropped. */
export function sizedRegion(
  { height, width }: Pick<Frame, 'height' | 'width'>,
  { size, area, aspect }: SizedCropOptions,
  random: Random,
): Region {
  for (let i = 0; i < SIZED_TRIES; i++) {
    const pixels = random.uniform(area[0], area[1]) * height * width
    const ratio = random.uniform(aspect[0], aspect[1])
    const sides = [Math.round(Math.sqrt(pixels / ratio)), Math.round(Math.sqrt(pixels * ratio))]
    if (random.chance(0.5)) sides.reverse()
    const [h, w] = sides
    if (h >= 1 && w >= 1 && h <= height && w <= width)
      return anywhere({ height, width }, [h, w], random)
  }
  const shrink = Math.min(height / size[0], width / size[1])
  const side = (target: number, most: number) =>
    Math.min(most, Math.max(1, Math.round(target * shrink)))
  return centred({ height, width }, [side(size[0], height), side(size[1], width)])
}

/** A region at another size, bicubic. */
export const regionScaled = (
  frame: Frame,
  region: Region,
  [height, width]: readonly [number, number],
): Frame => scaled(windowed(frame, region, [0, 0, 0]), { height, width, filter: 'bicubic' })
