// Another size. Labels are never averaged: they are those under the centres of the target's pixels. A crop that follows says which
// part of the image is needed, and only that is computed: of a street of 2048 columns the quarter that is trained on.

import { nearestWindow } from '../pictures/resize-labels.ts'
import type { Frame, Region } from './frame.ts'
import { windowed } from './place.ts'
import { cubic, lanczos3, resampled } from './resample.ts'

/** `antialias`: Lanczos-3 along an axis that shrinks, cubic along one that grows. `bicubic`: cubic along both. */
export type Interpolation = 'antialias' | 'bicubic'

/** A size that a frame is to have, and how. */
export interface Scaling {
  readonly height: number
  readonly width: number
  readonly filter: Interpolation
}

const filterOf = (filter: Interpolation, from: number, to: number) =>
  filter === 'antialias' && to < from ? lanczos3 : cubic

/** A region, which must lie inside, of the frame at another size. */
export function scaledRegion(frame: Frame, scaling: Scaling, region: Region): Frame {
  const { height, width, filter } = scaling
  const { name, labels, instances } = frame
  if (height === frame.height && width === frame.width)
    return region.height === height && region.width === width
      ? frame
      : windowed(frame, region, [0, 0, 0])
  const values = <T extends Uint8Array | Uint16Array>(map: T): T =>
    nearestWindow(map, frame.height, frame.width, height, width, region)
  const across = filterOf(filter, frame.width, width)
  const down = filterOf(filter, frame.height, height)
  return {
    name,
    height: region.height,
    width: region.width,
    image: resampled(frame, height, width, across, down, region),
    labels: labels && values(labels),
    instances: instances && values(instances),
  }
}

/** All of it. */
export const scaled = (frame: Frame, scaling: Scaling): Frame =>
  scaledRegion(frame, scaling, { ...scaling, top: 0, left: 0 })

/** The size whose longer or shorter side is `target`, the other in proportion. */
export function proportional(
  { height, width }: Pick<Frame, 'height' | 'width'>,
  side: 'longer' | 'shorter',
  target: number,
): { readonly height: number; readonly width: number } {
  const upright = height > width
  const own = upright === (side === 'longer') ? height : width
  const other = (length: number) => Math.max(1, Math.round((length * target) / own))
  return own === height
    ? { height: target, width: other(width) }
    : { height: other(height), width: target }
}
