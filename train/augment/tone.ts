// Steps that change each pixel's colour by itself: gamma, saturation and hue, as FRRN draws them.

import { type Frame, looked, numbersOf } from './frame.ts'

/** γ = log(1/2 + Z/√2) / log(1/2 − Z/√2): as likely to halve as to double, γ(−Z) = 1/γ(Z). */
export function gammaExponent(z: number): number {
  return Math.log(0.5 + z / Math.SQRT2) / Math.log(0.5 - z / Math.SQRT2)
}

/** Parts of 0 … 1 in the table for numbers; between them it is a straight line. From the 64th of 1 on that is within 2e-6 for all γ
 * that are drawn, and what is below there is 64 times as much by the 64^γ-th part. */
const PARTS = 4096

/** image^γ: of bytes by a table of their 256 values, of numbers by one that is many times as fast as the power. */
export function toned(frame: Frame, gamma: number): Frame {
  const { image } = frame
  if (gamma === 1) return frame
  if (image instanceof Uint8Array) {
    const table = Float32Array.from({ length: 256 }, (_, value) => (value / 255) ** gamma)
    return { ...frame, image: looked(image, table) }
  }
  const table = Float32Array.from({ length: PARTS + 2 }, (_, i) => (i / PARTS) ** gamma)
  const low = 64 ** -gamma
  for (let i = 0; i < image.length; i++) {
    const dark = image[i] < 1 / 64
    const part = image[i] * (dark ? 64 * PARTS : PARTS)
    if (part < PARTS / 64) image[i] **= gamma
    else {
      const below = table[part | 0]
      image[i] = (dark ? low : 1) * (below + (part - (part | 0)) * (table[(part | 0) + 1] - below))
    }
  }
  return frame
}

/** HSV saturation times a factor, at most 1. S = (V − min) / V, so V stays, and each channel's distance from it grows by
 * min(factor, 1 / S). */
export function saturated(frame: Frame, factor: number): Frame {
  const image = numbersOf(frame)
  for (let i = 0; i < image.length; i += 3) {
    const r = image[i]
    const g = image[i + 1]
    const b = image[i + 2]
    const value = r > g ? (r > b ? r : b) : g > b ? g : b
    const least = r < g ? (r < b ? r : b) : g < b ? g : b
    const range = value - least
    const by = factor * range > value ? value / range : factor
    // Rounding may miss 0 from below, which no power is taken of.
    image[i] = Math.max(0, value - (value - r) * by)
    image[i + 1] = Math.max(0, value - (value - g) * by)
    image[i + 2] = Math.max(0, value - (value - b) * by)
  }
  return { ...frame, image }
}

/** HSV hue turned by degrees, red → yellow → green; V and S stay. */
export function hueTurned(frame: Frame, degrees: number): Frame {
  const image = numbersOf(frame)
  // In sixths of the circle, 0 … 6.
  const by = (((degrees / 60) % 6) + 6) % 6
  for (let i = 0; i < image.length; i += 3) {
    const r = image[i]
    const g = image[i + 1]
    const b = image[i + 2]
    const value = r > g ? (r > b ? r : b) : g > b ? g : b
    const least = r < g ? (r < b ? r : b) : g < b ? g : b
    const range = value - least
    if (range === 0) continue
    const hue =
      value === r ? (g - b) / range : value === g ? 2 + (b - r) / range : 4 + (r - g) / range
    const turned = hue + by
    image[i] = value - range * away(turned + 5)
    image[i + 1] = value - range * away(turned + 3)
    image[i + 2] = value - range * away(turned + 1)
  }
  return { ...frame, image }
}

/** How much of a colour's range a channel lacks, of k sixths of the circle: 0 near it, 1 opposite, a straight line between. */
function away(k: number): number {
  const at = k >= 12 ? k - 12 : k >= 6 ? k - 6 : k < 0 ? k + 6 : k
  const up = at < 4 - at ? at : 4 - at
  return up < 0 ? 0 : up > 1 ? 1 : up
}
