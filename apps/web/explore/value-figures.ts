// Figures of values: their spread, their histogram, some of them as a table, and channels as pictures.

import type { HostArray } from '../../../engine/dtype.ts'
import type { Looked } from './look.ts'

export interface Figures {
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly deviation: number
  /** Elements that are not finite; the others are left out of them. */
  readonly strange: number
  readonly counts: readonly number[]
}

const BINS = 40

export function figuresOf(data: HostArray): Figures {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let sum = 0
  let count = 0
  for (const x of data) {
    if (!Number.isFinite(x)) continue
    min = Math.min(min, x)
    max = Math.max(max, x)
    sum += x
    count++
  }
  const mean = sum / count
  let squares = 0
  const counts = new Array<number>(BINS).fill(0)
  for (const x of data) {
    if (!Number.isFinite(x)) continue
    squares += (x - mean) ** 2
    const bin = max > min ? ((x - min) / (max - min)) * BINS : BINS / 2
    counts[Math.min(BINS - 1, Math.floor(bin))]++
  }
  const deviation = Math.sqrt(squares / count)
  return { min, max, mean, deviation, strange: data.length - count, counts }
}

const ROWS = 6
const COLUMNS = 4

/** The first elements along the last two axes, and how many are left. */
export function tableOf({ type, data }: Pick<Looked, 'type' | 'data'>) {
  const { shape } = type
  const columns = shape.at(-1) ?? 1
  const rows = shape.at(-2) ?? 1
  const shown: number[][] = []
  for (let r = 0; r < Math.min(ROWS, rows); r++)
    shown.push(Array.from(data.subarray(r * columns, r * columns + Math.min(COLUMNS, columns))))
  return { rows: shown, left: data.length - shown.reduce((n, row) => n + row.length, 0) }
}

const PLANES = 8

/** Channels of the first entry of [n, h, w, c]: 0 is grey, the largest magnitude white or black. */
export function planesOf({ type, data }: Pick<Looked, 'type' | 'data'>): ImageData[] {
  const { shape } = type
  if (shape.length !== 4 || shape[1] < 4 || shape[2] < 4) return []
  const [, h, w, c] = shape
  const first = data.subarray(0, h * w * c)
  let most = 0
  for (const x of first) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x))
  return Array.from({ length: Math.min(PLANES, c) }, (_, k) => {
    const image = new ImageData(w, h)
    for (let i = 0; i < h * w; i++) {
      const x = first[i * c + k]
      const grey = Number.isFinite(x) ? 128 + (127 * x) / (most || 1) : 0
      image.data.set(Number.isFinite(x) ? [grey, grey, grey, 255] : [220, 40, 40, 255], 4 * i)
    }
    return image
  })
}
