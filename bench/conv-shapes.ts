// Shapes and data for the convolution checks and timings.

import type { Conv } from '../shaders/conv/geometry.ts'

let seed = 1
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return (seed >>> 8) / 2 ** 23 - 1
}
/** Deterministic numbers in [−1, 1). */
export const noise = (length: number) => Float32Array.from({ length }, random)

/** Shorthand for a convolution; oh and ow follow from same padding where no padding is given. */
export function conv(
  [n, h, w]: readonly number[],
  [cin, cout]: readonly number[],
  [kh, kw]: readonly number[],
  more: { stride?: number[]; dilation?: number[]; pad?: number[] } = {},
): Conv {
  const [strideY, strideX] = more.stride ?? [1, 1]
  const [dilationY, dilationX] = more.dilation ?? [1, 1]
  const spanY = (kh - 1) * dilationY
  const spanX = (kw - 1) * dilationX
  const [top, bottom, left, right] = more.pad ?? [
    spanY >> 1,
    spanY - (spanY >> 1),
    spanX >> 1,
    spanX - (spanX >> 1),
  ]
  const oh = Math.floor((h + top + bottom - spanY - 1) / strideY) + 1
  const ow = Math.floor((w + left + right - spanX - 1) / strideX) + 1
  const sizes = { n, h, w, cin, oh, ow, cout, kh, kw }
  return {
    ...sizes,
    strideY,
    strideX,
    dilationY,
    dilationX,
    padTop: top,
    padLeft: left,
  }
}
