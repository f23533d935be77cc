// Gradient norm against path length as SVG text, the norm on a logarithmic axis: what decays exponentially is a straight line.

import type { PathLength, PathLengths } from '../analysis/path-lengths.ts'
import { INK, svg, text, ticks } from './svg.ts'

const WIDTH = 760
const HEIGHT = 400
const LEFT = 72
const RIGHT = 24
const TOP = 44
const BOTTOM = 48
const NORM = '#2f62b5'
const FULL = '#c2571a'

/** Powers of ten, as exponents, around all numbers above 0; [-1, 0] where there are none. */
export function decades(values: readonly number[]): readonly [low: number, high: number] {
  const logs = values.filter((v) => v > 0).map(Math.log10)
  if (!logs.length) return [-1, 0]
  const low = Math.floor(Math.min(...logs))
  return [low, Math.max(low + 1, Math.ceil(Math.max(...logs)))]
}

/** The means of the norms with their deviations, and the norm of the whole gradient as a dashed line. A norm of 0 has no place
 * on the axis and is left out. */
export function pathLengthsSvg({ units, full, lengths }: PathLengths, title: string): string {
  const [low, high] = decades([full, ...lengths.map((l) => l.mean)])
  const x = (k: number) => LEFT + ((WIDTH - LEFT - RIGHT) * k) / units
  const y = (norm: number) => {
    const share = (Math.log10(Math.max(norm, Number.MIN_VALUE)) - low) / (high - low)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * Math.min(1, Math.max(0, share))
  }
  const at = (k: number, norm: number) => `${x(k).toFixed(1)} ${y(norm).toFixed(1)}`
  const every = Math.ceil((high - low) / 8)
  const powers = Array.from({ length: high - low + 1 }, (_, i) => low + i)
  const shown = lengths.filter((l) => l.mean > 0).sort((a, b) => a.k - b.k)
  const point = ({ k, mean, deviation }: PathLength) =>
    `<path d="M${at(k, mean - deviation)}L${at(k, mean + deviation)}" stroke="${NORM}"/>` +
    `<circle cx="${x(k).toFixed(1)}" cy="${y(mean).toFixed(1)}" r="3" fill="${NORM}"/>`
  return svg(WIDTH, HEIGHT, [
    text(WIDTH / 2, 24, title, 'middle', INK, 15),
    ...powers
      .filter((power) => (power - low) % every === 0)
      .map(
        (power) =>
          `<path d="M${at(0, 10 ** power)}L${at(units, 10 ** power)}" stroke="#e6e8ec"/>` +
          text(LEFT - 8, y(10 ** power) + 4, `1e${power}`, 'end', INK),
      ),
    ...ticks(units)
      .filter(Number.isInteger)
      .map((k) => text(x(k), HEIGHT - BOTTOM + 18, `${k}`, 'middle', INK)),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="${INK}"/>`,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'branches on the path', 'middle', INK),
    text(LEFT, TOP - 8, 'gradient norm', 'middle', NORM),
    ...(full > 0
      ? [
          `<path d="M${at(0, full)}L${at(units, full)}" stroke="${FULL}" stroke-dasharray="6 4"/>`,
          text(WIDTH - RIGHT, y(full) - 6, 'whole gradient', 'end', FULL),
        ]
      : []),
    `<path d="${shown.map((l, i) => `${i ? 'L' : 'M'}${at(l.k, l.mean)}`).join('')}" fill="none" stroke="${NORM}" stroke-width="2"/>`,
    ...shown.map(point),
  ])
}
