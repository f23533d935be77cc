// The loss curve and the legend of classes as SVG text, for run folders and web pages alike.

import type { ClassInfo } from '../dataset.ts'
import { INK, short, svg, text, ticks } from './svg.ts'

export interface Point {
  readonly step: number
  readonly value: number
}

export interface Curve {
  readonly title: string
  /** Loss of each step; drawn raw (pale) and smoothed. */
  readonly loss: readonly Point[]
  /** Scores in 0..1 measured now and then (mean IoU), on an axis of their own at the right. */
  readonly score?: readonly Point[]
  readonly scoreName?: string
}

const WIDTH = 760
const HEIGHT = 400
const LEFT = 64
const RIGHT = 60
const TOP = 44
const BOTTOM = 48
const PALE = '#b9cdea'
const LOSS = '#2f62b5'
const SCORE = '#c2571a'

/** Loss against step with axes, ticks, a raw and a smoothed line, and points for scores; values that are not finite are left out. */
export function lossCurveSvg(curve: Curve): string {
  const loss = curve.loss.filter(({ value }) => Number.isFinite(value))
  const score = (curve.score ?? []).filter(({ value }) => Number.isFinite(value))
  const lastStep = lastStepOf([loss, score])
  const highest = Math.max(1e-6, quantile(loss, 0.995) * 1.05)
  const x = (step: number) => LEFT + ((WIDTH - LEFT - RIGHT) * step) / lastStep
  const y = (share: number) =>
    HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * Math.max(0, Math.min(1, share))
  const line = (points: readonly Point[], top: number) =>
    points.map((p) => `${x(p.step).toFixed(1)},${y(p.value / top).toFixed(1)}`).join(' ')
  const parts = [
    text(WIDTH / 2, 24, curve.title, 'middle', INK, 15),
    ...ticks(highest).map(
      (tick) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick / highest).toFixed(1)}" y2="${y(tick / highest).toFixed(1)}" stroke="#e6e8ec"/>` +
        text(LEFT - 8, y(tick / highest) + 4, short(tick), 'end', LOSS),
    ),
    ...ticks(lastStep).map((tick) =>
      text(x(tick), HEIGHT - BOTTOM + 18, short(tick), 'middle', INK),
    ),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="${INK}"/>`,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'step', 'middle', INK),
    text(LEFT, TOP - 8, 'loss', 'middle', LOSS),
    `<polyline points="${line(thin(loss), highest)}" fill="none" stroke="${PALE}"/>`,
    `<polyline points="${line(thin(smooth(loss)), highest)}" fill="none" stroke="${LOSS}" stroke-width="2"/>`,
  ]
  if (score.length > 0) parts.push(...scoreParts(curve.scoreName ?? 'mean IoU', score, x, y))
  return svg(WIDTH, HEIGHT, parts)
}

function scoreParts(
  name: string,
  score: readonly Point[],
  x: (step: number) => number,
  y: (share: number) => number,
): string[] {
  const at = (p: Point) => `${x(p.step).toFixed(1)},${y(p.value).toFixed(1)}`
  return [
    ...[0, 0.25, 0.5, 0.75, 1].map((share) =>
      text(WIDTH - RIGHT + 8, y(share) + 4, `${100 * share} %`, 'start', SCORE),
    ),
    text(WIDTH - RIGHT, TOP - 8, name, 'middle', SCORE),
    `<polyline points="${score.map(at).join(' ')}" fill="none" stroke="${SCORE}" stroke-dasharray="3 3"/>`,
    ...score.map(
      (p) =>
        `<circle cx="${x(p.step).toFixed(1)}" cy="${y(p.value).toFixed(1)}" r="3.5" fill="${SCORE}"/>`,
    ),
  ]
}

/** A square of colour and the name for each class. */
export function legendSvg(classes: readonly ClassInfo[], columns = 4): string {
  const cell = 150
  const parts = classes.flatMap(({ name, colour }, i) => {
    const left = 10 + cell * (i % columns)
    const top = 10 + 26 * Math.floor(i / columns)
    return [
      `<rect x="${left}" y="${top}" width="18" height="18" rx="3" fill="rgb(${colour.join(',')})"/>`,
      text(left + 26, top + 14, name, 'start', INK),
    ]
  })
  const rows = Math.ceil(classes.length / columns)
  return svg(cell * Math.min(columns, classes.length) + 20, 26 * rows + 12, parts)
}

/** Mean over about a thirtieth of the curve, with weights that fall exponentially on both sides, so that it does not lag. */
export function smooth(points: readonly Point[]): Point[] {
  const values = points.map(({ value }) => value)
  const [before, after] = [decayed(values), decayed(values.toReversed()).reverse()]
  return points.map(({ step, value }, i) => {
    // Its own value is in both.
    const sum = before[i].sum + after[i].sum - value
    return { step, value: sum / (before[i].weight + after[i].weight - 1) }
  })
}

/** Of each value and those before it, the sum and the weights in it. */
function decayed(values: readonly number[]): { sum: number; weight: number }[] {
  const keep = 1 - 1 / Math.max(1, values.length / 60)
  let sum = 0
  let weight = 0
  return values.map((value) => {
    sum = keep * sum + value
    weight = keep * weight + 1
    return { sum, weight }
  })
}

/** At most about 1500 points: more cannot be seen, and the file stays small. Of each stretch the lowest and the highest stay, so
 * that no peak is lost. */
export function thin(points: readonly Point[]): readonly Point[] {
  const stretch = Math.ceil(points.length / 750)
  if (stretch < 3) return points
  const out: Point[] = []
  for (let from = 0; from < points.length; from += stretch) {
    const some = points.slice(from, from + stretch)
    const low = some.reduce((a, b) => (b.value < a.value ? b : a))
    const high = some.reduce((a, b) => (b.value > a.value ? b : a))
    if (low === high) out.push(low)
    else out.push(...(low.step < high.step ? [low, high] : [high, low]))
  }
  return out
}

/** The last step of some curves, 1 where there is none. Not by spreading them: a call has room for some 100,000 arguments. */
export const lastStepOf = (curves: readonly (readonly Point[])[]): number =>
  curves.flat().reduce((last, { step }) => Math.max(last, step), 1)

/** The first steps' losses may be huge: the axis ends where all but a few values lie. */
function quantile(points: readonly Point[], share: number): number {
  const values = points.map(({ value }) => value).sort((a, b) => a - b)
  return values[Math.floor(share * (values.length - 1))] ?? 1
}
