// The roofline model (Williams, Waterman and Patterson 2009): how many operations a second are possible at so many operations per
// byte, and where what was measured lies below that. Logarithms both ways, as places in the unit square, for whoever draws it.

import type { Ceilings } from './ceilings.ts'
import type { Measured } from './measure.ts'

/** From the lower left corner, 0 to 1 both ways. */
export type Place = readonly [x: number, y: number]

export interface Roofline {
  /** Powers of ten that each axis has: operations per byte, operations per second. */
  readonly across: readonly number[]
  readonly up: readonly number[]
  /** The bandwidth's slope from where it enters, the knee, and the arithmetic's end. */
  readonly roof: readonly [Place, Place, Place]
  /** Of each result that has arithmetic. */
  readonly points: readonly { readonly result: Measured; readonly place: Place }[]
  /** Where a power of ten lies on its axis. */
  acrossAt(exponent: number): number
  upAt(exponent: number): number
}

export function rooflineOf(ceilings: Ceilings, results: readonly Measured[]): Roofline {
  const { flopsPerSecond, bytesPerSecond } = ceilings
  const logs = results
    .filter(({ flops }) => flops > 0)
    .map((result) => ({
      result,
      intensity: Math.log10(result.flops / result.bytes),
      rate: Math.log10((1000 * result.flops) / result.ms),
    }))
  const [top, slope] = [Math.log10(flopsPerSecond), Math.log10(bytesPerSecond)]
  const knee = top - slope
  const across = range([knee, ...logs.map((p) => p.intensity)])
  const up = range([top, ...logs.map((p) => p.rate)])
  const along =
    ([low, high]: Range) =>
    (v: number) =>
      (v - low) / (high - low)
  const [acrossAt, upAt] = [along(across), along(up)]
  const from = Math.max(across[0], up[0] - slope)
  return {
    across: powers(across),
    up: powers(up),
    roof: [
      [acrossAt(from), upAt(from + slope)],
      [acrossAt(knee), upAt(top)],
      [1, upAt(top)],
    ],
    points: logs.map(({ result, intensity, rate }) => ({
      result,
      place: [acrossAt(intensity), upAt(rate)],
    })),
    acrossAt,
    upAt,
  }
}

type Range = readonly [low: number, high: number]

/** Around some logarithms, with room at both ends, and wide enough for a power of ten or two. */
function range(logs: readonly number[]): Range {
  const [low, high] = [Math.min(...logs) - 0.3, Math.max(...logs) + 0.3]
  const lacking = Math.max(0, 2 - (high - low)) / 2
  return [low - lacking, high + lacking]
}

const powers = ([low, high]: Range): number[] =>
  Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, i) => Math.ceil(low) + i)
