// What was measured, as lines of text; and what has moved since an earlier run.

import type { Ceilings } from './ceilings.ts'
import type { HostTime } from './host.ts'
import { type Failed, isMeasured, type Measured } from './measure.ts'

/** All that a run leaves, as it is written to JSON. */
export interface Run {
  readonly adapter: string
  /** Part of the papers' sides that maps had. */
  readonly share: number
  readonly ceilings: Ceilings
  readonly results: readonly (Measured | Failed)[]
  readonly host: readonly HostTime[]
}

export const heading = (): string =>
  `${''.padEnd(66)} ${'ms'.padStart(9)} ${'± %'.padStart(5)} ${'GFLOP/s'.padStart(9)} ${'GB/s'.padStart(7)} ${'share'.padStart(6)} ${'error'.padStart(8)}`

export function line(r: Measured | Failed): string {
  if (!isMeasured(r)) return `${r.name.padEnd(66)} FAILED ${r.problem}`
  const cells = [
    milliseconds(r.ms).padStart(9),
    (100 * r.variation).toFixed(0).padStart(5),
    rate(r.flops, r.ms).padStart(9),
    rate(r.bytes, r.ms).padStart(7),
    percent(r.share).padStart(6),
    r.error.toExponential(0).padStart(8),
  ]
  return [r.name.padEnd(66), ...cells].join(' ')
}

export const hostLine = ({ name, ms, variation }: HostTime): string =>
  `${`host: ${name}`.padEnd(66)} ${milliseconds(ms).padStart(9)} ${(100 * variation).toFixed(0).padStart(5)}`

export const milliseconds = (ms: number): string => ms.toFixed(ms < 1 ? 4 : ms < 100 ? 2 : 0)
/** 10⁹ per second. */
export const rate = (count: number, ms: number): string => {
  const value = count / ms / 1e6
  return value.toFixed(value < 100 ? 1 : 0)
}
export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`

export const ceilingLine = ({ flopsPerSecond, bytesPerSecond }: Ceilings): string =>
  `measured ceilings: ${(flopsPerSecond / 1e9).toFixed(1)} GFLOP/s of multiply-adds, ${(bytesPerSecond / 1e9).toFixed(1)} GB/s copied`

/** One that moved, beyond what runs of one program differ by. */
export interface Moved {
  readonly name: string
  readonly before: number
  readonly after: number
}

/** Times that differ by more than three standard deviations of both runs, and by more than 5 %. */
export function moved(old: Run, now: Run): Moved[] {
  const timesOf = (run: Run) => [...run.results.filter(isMeasured), ...run.host]
  const before = new Map(timesOf(old).map((t) => [t.name, t]))
  return timesOf(now).flatMap((t) => {
    const was = before.get(t.name)
    if (!was) return []
    const noise = 3 * Math.hypot(was.variation, t.variation)
    const by = Math.abs(Math.log(t.ms / was.ms))
    return by > Math.max(noise, 0.05) ? [{ name: t.name, before: was.ms, after: t.ms }] : []
  })
}

export function movedLines(old: Run, now: Run): string[] {
  const list = moved(old, now)
  const common = new Set(old.results.map((r) => r.name))
  const count = now.results.filter((r) => common.has(r.name)).length
  const warning = old.adapter === now.adapter ? [] : [`another adapter then: ${old.adapter}`]
  if (!list.length) return [...warning, `of ${count} in both runs none moved beyond its noise`]
  return [
    ...warning,
    `${list.length} of ${count} moved beyond their noise:`,
    ...list
      .toSorted((a, b) => b.after / b.before - a.after / a.before)
      .map(
        ({ name, before, after }) =>
          `${name.padEnd(66)} ${milliseconds(before)} → ${milliseconds(after)} ms, ×${(after / before).toFixed(2)}`,
      ),
  ]
}
