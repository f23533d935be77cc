// Some runs' losses, scores and gradient norms against the step as SVG text, a colour for each run, the charts under each other.

import { lastStepOf, type Point, smooth, thin } from './chart.ts'
import { INK, short, svg, text, ticks } from './svg.ts'

export interface ComparedRun {
  readonly name: string
  readonly loss: readonly Point[]
  /** What validations gave, shares of one. */
  readonly score: readonly Point[]
  /** Of all gradients before it was bounded, where it was. */
  readonly gradientNorm?: readonly Point[]
}

const WIDTH = 860
const PLOT = 260
const LEFT = 64
const RIGHT = 24
const TOP = 40
const BETWEEN = 64
const LINE = 20
/** Told apart by those who see few colours, too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']

/** The mean losses above, the scores below, gradient norms (mean) where a run has them, and the names of the runs. */
export function comparedSvg(runs: readonly ComparedRun[], scoreName: string): string {
  const finite = (points: readonly Point[]) => points.filter(({ value }) => Number.isFinite(value))
  const losses = runs.map(({ loss }) => smooth(finite(loss)))
  const scores = runs.map(({ score }) => finite(score))
  const norms = runs.map(({ gradientNorm = [] }) => smooth(finite(gradientNorm)))
  const plots = norms.some((points) => points.length) ? 3 : 2
  const last = lastStepOf([...losses, ...scores])
  const top = (i: number) => TOP + i * (PLOT + BETWEEN)
  const legend = top(plots) - 8
  const names = runs.map(({ name }, i) => {
    const y = legend + LINE * i
    return (
      `<rect x="${LEFT}" y="${y - 9}" width="18" height="4" fill="${colourOf(i)}"/>` +
      text(LEFT + 26, y - 2, name, 'start', INK)
    )
  })
  return svg(WIDTH, legend + LINE * runs.length, [
    ...plot(top(0), 'loss (mean)', losses, last, topOf(losses)),
    ...plot(top(1), scoreName, scores, last, 1, true),
    ...(plots > 2 ? plot(top(2), 'gradient norm (mean)', norms, last, topOf(norms)) : []),
    ...names,
  ])
}

const colourOf = (i: number): string => COLOURS[i % COLOURS.length]

/** Where all but the first steps' losses lie, which may be huge. */
function topOf(curves: readonly (readonly Point[])[]): number {
  const values = curves
    .flat()
    .map(({ value }) => value)
    .sort((a, b) => a - b)
  return Math.max(1e-6, (values[Math.floor(0.99 * (values.length - 1))] ?? 1) * 1.05)
}

function plot(
  top: number,
  title: string,
  curves: readonly (readonly Point[])[],
  last: number,
  highest: number,
  dots = false,
): string[] {
  const x = (step: number) => (LEFT + ((WIDTH - LEFT - RIGHT) * step) / last).toFixed(1)
  const y = (value: number) =>
    (top + PLOT * (1 - Math.min(1, Math.max(0, value / highest)))).toFixed(1)
  const label = (tick: number) => (dots ? `${Math.round(100 * tick)} %` : short(tick))
  return [
    text(LEFT - 40, top - 14, title, 'start', INK, 14),
    ...ticks(highest).flatMap((tick) => [
      `<path d="M${LEFT} ${y(tick)}H${WIDTH - RIGHT}" stroke="#e6e8ec"/>`,
      text(LEFT - 8, Number(y(tick)) + 4, label(tick), 'end', INK),
    ]),
    ...ticks(last)
      .filter(Number.isInteger)
      .map((tick) => text(Number(x(tick)), top + PLOT + 18, short(tick), 'middle', INK)),
    `<path d="M${LEFT} ${top}V${top + PLOT}H${WIDTH - RIGHT}" fill="none" stroke="${INK}"/>`,
    ...curves.map(
      (points, i) =>
        `<polyline points="${thin(points)
          .map((p) => `${x(p.step)},${y(p.value)}`)
          .join(' ')}" fill="none" stroke="${colourOf(i)}" stroke-width="2"/>`,
    ),
    ...(dots ? curves : []).flatMap((points, i) =>
      points.map(
        (p) => `<circle cx="${x(p.step)}" cy="${y(p.value)}" r="3" fill="${colourOf(i)}"/>`,
      ),
    ),
  ]
}
