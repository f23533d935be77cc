// A table of an experiment: what is printed and what came out, over seeds.

import { type Experiment, isRun } from './row.ts'

/** Figures of one run in percent, by the names that the papers' tables have. */
export type RowFigures = Readonly<Record<string, number>>

/** Our names for what the papers print. Errors are what is missing of a share. */
const ours: Readonly<Record<string, { readonly name: string; readonly error?: true }>> = {
  pixelAcc: { name: 'pixelAccuracy' },
  meanAcc: { name: 'meanAccuracy' },
  meanIoU: { name: 'meanIoU' },
  categoryIoU: { name: 'categoryIoU' },
  adeScore: { name: 'adeScore' },
  boundaryAcc: { name: 'boundaryAccuracy' },
  internalAcc: { name: 'internalAccuracy' },
  top1Err: { name: 'top1', error: true },
  top5Err: { name: 'top5', error: true },
}

/** Shares by our names as percents by the papers'. */
export function figuresInPercent(shares: Readonly<Record<string, unknown>>): RowFigures {
  const found = Object.entries(ours).flatMap(([key, { name, error }]) => {
    const share = shares[name]
    return typeof share === 'number' ? [[key, 100 * (error ? 1 - share : share)]] : []
  })
  return Object.fromEntries(found)
}

/** The mean over seeds and how far they are from it: the standard deviation of a sample, undefined of one. */
export interface Spread {
  readonly mean: number
  readonly deviation: number | undefined
  readonly count: number
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  const count = values.length
  if (!count) return undefined
  const mean = values.reduce((a, b) => a + b) / count
  const square = values.reduce((sum, v) => sum + (v - mean) ** 2, 0)
  return { mean, deviation: count > 1 ? Math.sqrt(square / (count - 1)) : undefined, count }
}

/** What each row has so far: figures by seed, and what keeps those that have none. */
export interface RowResult {
  readonly figures: readonly RowFigures[]
  readonly state: string
}

/** The columns in which anything stands, in the papers' order. */
export function columnsOf({ rows }: Experiment, results: ReadonlyMap<string, RowResult>): string[] {
  const some = new Set(
    rows.flatMap((row) => [
      ...Object.keys(row.published ?? {}),
      ...(isRun(row) ? (results.get(row.key)?.figures ?? []).flatMap(Object.keys) : []),
    ]),
  )
  return Object.keys(ours).filter((key) => some.has(key))
}

export const showSpread = (spread: Spread | undefined): string => {
  if (!spread) return ''
  const { mean, deviation } = spread
  return mean.toFixed(2) + (deviation === undefined ? '' : ` ± ${deviation.toFixed(2)}`)
}
