// Sizes, turns and colours as the programs have them that the papers' codes are written with.

import type { Frame } from '../../train/augment/frame.ts'
import { scaled } from '../../train/augment/resize.ts'
import { rotated } from '../../train/augment/rotate.ts'
import { subsampled } from '../../train/augment/subsample.ts'
import { hueTurned, saturated } from '../../train/augment/tone.ts'
import { test } from '../harness.ts'
import { nearly } from './augment.ts'
import { recorded } from './augment-reference.ts'

const [height, width] = [8, 12]
const picture: Frame = {
  ...{ name: 'recorded', height, width, labels: undefined, instances: undefined },
  image: Uint8Array.from({ length: 3 * height * width }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)]
    return (37 * y + 101 * x + 59 * c + 13 * x * y + 5 * c * x * y) % 256
  }),
}

/** Recorded to six places; sums of other orders differ by less than that. */
function same(frame: Frame, name: keyof typeof recorded, within = 1e-6): void {
  const cut = recorded[name].image.map((v) => Math.min(1, Math.max(0, v)))
  nearly(frame.image, cut, within)
}

test('augment: a resize is Pillow’s, Lanczos and bicubic, smaller and larger', () => {
  const small = { height: 5, width: 7 }
  same(scaled(picture, { ...small, filter: 'antialias' }), 'lanczos')
  same(scaled(picture, { ...small, filter: 'bicubic' }), 'bicubicSmaller')
  const large = { height: 10, width: 15 }
  same(scaled(picture, { ...large, filter: 'bicubic' }), 'bicubicLarger')
  same(scaled(picture, { ...large, filter: 'antialias' }), 'bicubicLarger')
})

test('augment: subsampling is OpenCV’s Lanczos-4', () => {
  same(subsampled(picture, 2), 'lanczos4By2')
  same(subsampled(picture, 4), 'lanczos4By4')
})

test('augment: hue, saturation and turns are OpenCV’s', () => {
  same(hueTurned(picture, 25), 'hueBy25')
  same(saturated(picture, 1.4), 'saturationBy1_4')
  // OpenCV has places of source pixels in single precision.
  same(rotated(picture, 17), 'turnBy17', 1e-5)
})
