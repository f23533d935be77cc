// Live bytes over a training step, and what less memory costs in time, as SVG text.

import type { Account, Live } from '../../engine/plan/account.ts'
import { INK, svg, text, ticks } from './svg.ts'

const WIDTH = 860
const HEIGHT = 420
const LEFT = 76
const RIGHT = 24
const TOP = 64
const BOTTOM = 48
const PALE = '#e6e8ec'
const MARK = '#c2571a'
/** More columns cannot be seen, and the file stays small. */
const COLUMNS = 1000

/** What is stacked, from the bottom up. */
const layers: readonly { readonly name: string; readonly colour: string; readonly of: Of }[] = [
  { name: 'variables, arguments, results', colour: '#8d97a8', of: (_, rest) => rest },
  { name: 'activations that wait', colour: '#2f62b5', of: (live) => live.activationBytes },
  { name: 'gradients of parameters', colour: '#4a9b6e', of: (live) => live.gradientBytes },
  { name: 'short-lived values', colour: '#e0a33a', of: (live) => live.transientBytes },
  { name: 'scratch of kernels', colour: '#9a6bb0', of: (live) => live.workspaceBytes },
]

/** Bytes of a layer at a kernel; `rest` is what is alive all the time. */
type Of = (live: Live, rest: number) => number

const gigabytes = (bytes: number): string => `${+(bytes / 1e9).toPrecision(3)}`

interface Frame {
  x(share: number): number
  y(bytes: number): number
  readonly parts: readonly string[]
}

/** Axes for bytes up to `highest`, with a title. */
function frame(title: string, highest: number, across: string): Frame {
  const x = (share: number) => LEFT + (WIDTH - LEFT - RIGHT) * share
  const y = (bytes: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * bytes) / highest
  const parts = [
    text(WIDTH / 2, 24, title, 'middle', INK, 15),
    ...ticks(highest / 1e9).map(
      (tick) =>
        `<path d="M${LEFT} ${y(tick * 1e9).toFixed(1)}H${WIDTH - RIGHT}" stroke="${PALE}"/>` +
        text(LEFT - 8, y(tick * 1e9) + 4, `${+tick.toPrecision(3)}`, 'end', INK),
    ),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="${INK}"/>`,
    text(LEFT - 8, TOP - 10, 'GB', 'end', INK),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, across, 'middle', INK),
  ]
  return { x, y, parts }
}

/** The bytes alive at each kernel of a step, stacked by what they are for, beneath the line of all that is allocated. Of kernels
 * too many to be seen, those with the most are drawn. */
export function memorySvg(account: Account, title: string): string {
  const { timeline, peak, peakBytes, arenaBytes } = account
  const rest = peakBytes - arenaBytes
  const { x, y, parts } = frame(title, 1.14 * peakBytes, 'kernel')
  const count = Math.max(1, timeline.length)
  const at = (step: number) => x(step / count).toFixed(1)
  const columns = tallest(timeline, COLUMNS)
  let below = columns.map(() => 0)
  const stacked = layers.map(({ colour, of }) => {
    const above = columns.map(({ live }, i) => below[i] + of(live, rest))
    const top = columns.map(({ from, to }, i) => `${at(from)} ${y(above[i]).toFixed(1)}H${at(to)}`)
    const bottom = columns.map(
      ({ from, to }, i) => `${at(to)} ${y(below[i]).toFixed(1)}H${at(from)}`,
    )
    below = above
    return `<path d="M${top.join('L')}L${bottom.reverse().join('L')}Z" fill="${colour}"/>`
  })
  const backward = timeline.findIndex(({ pass }) => pass !== 'forward')
  return svg(WIDTH, HEIGHT, [
    ...parts,
    ...(timeline.length ? stacked : []),
    ...legend(),
    `<path d="M${LEFT} ${y(peakBytes).toFixed(1)}H${WIDTH - RIGHT}" stroke="${MARK}" stroke-dasharray="6 4"/>`,
    text(LEFT + 8, y(peakBytes) - 6, `allocated: ${gigabytes(peakBytes)} GB`, 'start', MARK),
    ...(peak
      ? [
          `<path d="M${at(peak.step + 0.5)} ${TOP}V${HEIGHT - BOTTOM}" stroke="${MARK}"/>`,
          ...ends(timeline.length).map((step) =>
            text(Number(at(step)), HEIGHT - BOTTOM + 18, `${step}`, 'middle', INK),
          ),
        ]
      : []),
    ...(backward > 0
      ? [
          `<path d="M${at(backward)} ${TOP}V${HEIGHT - BOTTOM}" stroke="${INK}" stroke-dasharray="2 3"/>`,
          text(Number(at(backward)) - 6, TOP + 14, 'forward', 'end', INK),
          text(Number(at(backward)) + 6, TOP + 14, 'backward', 'start', INK),
        ]
      : []),
  ])
}

const ends = (count: number): number[] => ticks(count).filter(Number.isInteger)

function legend(): string[] {
  let left = LEFT
  return layers.map(({ name, colour }) => {
    const at = left
    left += 30 + 5.6 * name.length
    return (
      `<rect x="${at}" y="${TOP - 28}" width="12" height="12" fill="${colour}"/>` +
      text(at + 17, TOP - 18, name, 'start', INK, 11)
    )
  })
}

/** A stretch of kernels, and what is alive at the fullest of them. */
export interface Column {
  readonly from: number
  readonly to: number
  readonly live: Live
}

/** The timeline in at most `most` columns. */
export function tallest(timeline: readonly Live[], most: number): Column[] {
  const count = Math.min(most, timeline.length)
  const edge = (i: number) => Math.floor((i * timeline.length) / count)
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [edge(i), edge(i + 1)]
    const live = timeline.slice(from, to).reduce((a, b) => (totalOf(b) > totalOf(a) ? b : a))
    return { from, to, live }
  })
}

export const totalOf = (live: Live): number =>
  live.activationBytes + live.gradientBytes + live.transientBytes + live.workspaceBytes

/** What less memory costs: bytes against time, which is a part of the time without recomputation, one point for each way to run
 * a step. */
export function tradeSvg(
  trades: readonly { readonly peakBytes: number; readonly extraTime: number }[],
  title: string,
): string {
  const most = Math.max(...trades.map((t) => t.peakBytes))
  const slowest = Math.max(0.01, ...trades.map((t) => t.extraTime))
  const { x, y, parts } = frame(
    title,
    1.05 * most,
    'predicted time beside a step that keeps everything',
  )
  const at = ({ extraTime, peakBytes }: (typeof trades)[number]) =>
    [x((0.95 * extraTime) / slowest), y(peakBytes)].map((v) => v.toFixed(1))
  return svg(WIDTH, HEIGHT, [
    ...parts,
    `<path d="M${trades.map((t) => at(t).join(' ')).join('L')}" fill="none" stroke="${MARK}" stroke-width="2"/>`,
    ...trades.map((t) => {
      const [cx, cy] = at(t)
      return `<circle cx="${cx}" cy="${cy}" r="4" fill="${MARK}"/>`
    }),
    ...ticks(100 * slowest).map((tick) =>
      text(
        x((0.0095 * tick) / slowest),
        HEIGHT - BOTTOM + 18,
        `+${+tick.toPrecision(3)} %`,
        'middle',
        INK,
      ),
    ),
  ])
}

/** Charts of this file, one below the other. */
export function stackedSvg(charts: readonly string[]): string {
  const placed = charts.map((chart, i) => chart.replace('<svg ', `<svg y="${i * HEIGHT}" `))
  return svg(WIDTH, charts.length * HEIGHT, placed)
}
