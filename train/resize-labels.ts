// Label maps at another size. Labels cannot be averaged: a cell takes what most of it is, or nothing.

import { VOID } from './dataset.ts'

/**
 * Labels [height, width] at [toHeight, toWidth]. Where both factors are whole, FRRN's rule: the label that holds more
 * than half of a cell, else void. Otherwise the label at the centre of each target pixel. The same size gives the same array.
 */
export function resizeLabels(
  labels: Uint8Array,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): Uint8Array {
  if (height === toHeight && width === toWidth) return labels
  const whole = height % toHeight === 0 && width % toWidth === 0
  return whole
    ? majority(labels, width, height / toHeight, width / toWidth, toHeight, toWidth)
    : resizeNearest(labels, height, width, toHeight, toWidth)
}

function majority(
  labels: Uint8Array,
  width: number,
  fy: number,
  fx: number,
  toHeight: number,
  toWidth: number,
): Uint8Array {
  const out = new Uint8Array(toHeight * toWidth)
  for (let y = 0; y < toHeight; y++)
    for (let x = 0; x < toWidth; x++) {
      // Boyer and Moore: only what is left standing can hold more than half; a second look counts it.
      const start = y * fy * width + x * fx
      let winner = VOID
      let lead = 0
      for (let j = 0; j < fy; j++)
        for (let i = 0; i < fx; i++) {
          const label = labels[start + j * width + i]
          if (lead === 0) winner = label
          lead += label === winner ? 1 : -1
        }
      let votes = 0
      for (let j = 0; j < fy; j++)
        for (let i = 0; i < fx; i++) votes += +(labels[start + j * width + i] === winner)
      out[y * toWidth + x] = 2 * votes > fy * fx ? winner : VOID
    }
  return out
}

/** The values [height, width] at the centre of each pixel of [toHeight, toWidth]. */
export function resizeNearest<T extends Uint8Array | Uint16Array>(
  values: T,
  height: number,
  width: number,
  toHeight: number,
  toWidth: number,
): T {
  const out =
    values instanceof Uint16Array
      ? new Uint16Array(toHeight * toWidth)
      : new Uint8Array(toHeight * toWidth)
  for (let y = 0; y < toHeight; y++) {
    const row = Math.min(height - 1, Math.floor(((y + 0.5) * height) / toHeight)) * width
    for (let x = 0; x < toWidth; x++)
      out[y * toWidth + x] =
        values[row + Math.min(width - 1, Math.floor(((x + 0.5) * width) / toWidth))]
  }
  return out as T
}
