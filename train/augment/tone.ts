// Steps that change a pixel's colour by itself alone.

import { type Frame, looked } from './frame.ts'

/** γ = log(1/2 + Z/√2) / log(1/2 − Z/√2): as likely to halve as to double, γ(−Z) = 1/γ(Z). */
export function gammaExponent(z: number): number {
  return Math.log(0.5 + z / Math.SQRT2) / Math.log(0.5 - z / Math.SQRT2)
}

/** image^γ: of bytes by a table of their 256 values. */
export function toned(frame: Frame, gamma: number): Frame {
  const { image } = frame
  if (gamma === 1) return frame
  if (image instanceof Uint8Array) {
    const table = Float32Array.from({ length: 256 }, (_, value) => (value / 255) ** gamma)
    return { ...frame, image: looked(image, table) }
  }
  for (let i = 0; i < image.length; i++) image[i] **= gamma
  return frame
}
