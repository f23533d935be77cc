// One row: every engine computes it, each peer's results are compared with ours, and those that agree are timed in turns.

import type { Values } from './engine.ts'
import type { EngineProcess } from './process.ts'
import type { Row } from './rows.ts'
import type { Ready, Timing } from './worker.ts'

export interface Measured {
  readonly engine: string
  /** Medians over rounds, in milliseconds of one run. */
  readonly device: number
  readonly wall: number
  readonly rounds: readonly Timing[]
  readonly first: number
  readonly dispatches: number
  readonly pipelines: number
  /** Largest difference from our results, in parts of their largest value. */
  readonly error: number
}
export interface Failed {
  readonly engine: string
  readonly problem: string
}
export interface RowResult {
  readonly row: Row
  readonly engines: readonly (Measured | Failed)[]
  /** Our time in parts of that of the peer with the least device time: medians over rounds. */
  readonly ratio?: { readonly peer: string; readonly device: number; readonly wall: number }
}

/** Results may differ by rounding alone, whose sums run over a few thousand products of f32. */
const tolerance = 1e-4
/** Each round of an engine takes about so many milliseconds. */
const share = 150

export const isMeasured = (m: Measured | Failed): m is Measured => !('problem' in m)

export async function compareRow(
  row: Row,
  engines: readonly EngineProcess[],
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<RowResult> {
  // At once, since compiling takes longest and is not what is timed here.
  const answers = await Promise.all(
    engines.map((e) =>
      e
        .ask<Ready>({ do: 'prepare', spec: row.spec }, seconds)
        .catch((error: Error) => error.message),
    ),
  )
  const [expected] = answers
  if (typeof expected === 'string') throw new Error(`${row.name}: ours failed: ${expected}`)
  const failed: Failed[] = []
  const ready = new Map<EngineProcess, Ready & { error: number }>()
  for (const [i, e] of engines.entries()) {
    const { engine } = e.settings
    const got = answers[i]
    if (typeof got === 'string') {
      failed.push({ engine, problem: got })
      continue
    }
    const error = difference(got.results, expected.results)
    if (error <= tolerance) ready.set(e, { ...got, error })
    else failed.push({ engine, problem: `wrong: ${error.toPrecision(2)} off` })
  }
  const times = new Map<EngineProcess, Timing[]>([...ready.keys()].map((p) => [p, []]))
  for (let i = 0; i < rounds; i++)
    for (const [p, list] of times) {
      const runs = Math.max(1, Math.min(100, Math.round(share / ready.get(p)!.second)))
      try {
        list.push(await p.ask<Timing>({ do: 'time', runs }, seconds))
      } catch (error) {
        if (p === engines[0]) throw error
        times.delete(p)
        failed.push({ engine: p.settings.engine, problem: (error as Error).message })
      }
    }
  for (const p of engines) await p.ask({ do: 'free' }).catch(() => undefined)
  const measured = [...times].map(([p, list]): Measured => {
    const { first, dispatches, pipelines, error } = ready.get(p)!
    const of = (key: keyof Timing) => median(list.map((t) => t[key]))
    const { engine } = p.settings
    const counted = { first, dispatches, pipelines, error }
    return { engine, device: of('device'), wall: of('wall'), rounds: list, ...counted }
  })
  return { row, engines: [...measured, ...failed], ratio: ratioOf(measured) }
}

function ratioOf([ours, ...others]: readonly Measured[]): RowResult['ratio'] {
  if (!others.length) return undefined
  const best = others.reduce((a, b) => (b.device < a.device ? b : a))
  const of = (key: keyof Timing) => median(ours.rounds.map((t, i) => t[key] / best.rounds[i][key]))
  return { peer: best.engine, device: of('device'), wall: of('wall') }
}

function difference(got: readonly Values[], expected: readonly Values[]): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY
  return Math.max(...expected.map((e, i) => differenceOf(got[i], e)))
}

function differenceOf(got: Values, expected: Values): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY
  let worst = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(got[i] - expected[i])
    // A NaN on one side compares false with everything.
    if (!(off <= worst)) worst = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off
    largest = Math.max(largest, Math.abs(expected[i]))
  }
  return worst / (largest || 1)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
