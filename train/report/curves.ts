// Curves of a report: lines that stretch with the page, and labels that do not, so that both are legible on a phone. What a
// pointer shows comes from the points that the figure carries.

import { type Point, smooth, thin } from '../charts/chart.ts'
import { ticks } from '../charts/svg.ts'
import { escaped, figureText, percentText, wholeText } from './markup.ts'

export interface CurveChart {
  readonly title: string
  /** What the values are, for whoever does not see them. */
  readonly summary: string
  readonly points: readonly Point[]
  /** Draws the points pale and their mean over them; else the points as they are. */
  readonly smoothed?: boolean
  /** Draws each point as a dot. */
  readonly dots?: boolean
  /** The values are shares of one. */
  readonly share?: boolean
  /** One of the page's colours: a number of the style's series. */
  readonly series: 1 | 2 | 3 | 4
  /** The last step of all charts of the page, so that they can be compared. */
  readonly lastStep: number
  /** A dot to stand out, with what it is. */
  readonly mark?: { readonly step: number; readonly label: string } | undefined
}

/** One chart as HTML; nothing where there are no finite points. */
export function curveHtml(chart: CurveChart): string {
  const points = chart.points.filter(({ value }) => Number.isFinite(value))
  if (points.length === 0) return ''
  const { lastStep, series, share } = chart
  const drawn = chart.smoothed ? smooth(points) : points
  const top = axisTop(points, share)
  const show = (value: number) => (share ? percentText(value, 0) : figureText(value))
  const x = (step: number) => +((100 * step) / Math.max(1, lastStep)).toFixed(2)
  const y = (value: number) => +(100 * (1 - Math.min(1, Math.max(0, value / top)))).toFixed(2)
  const line = (of: readonly Point[], kind: string) =>
    `<polyline class="${kind}" points="${thin(of)
      .map((p) => `${x(p.step)},${y(p.value)}`)
      .join(' ')}"/>`
  const rows = ticks(top).filter((tick) => tick <= top)
  const columns = stepTicks(lastStep)
  const dots = chart.dots
    ? thin(points)
        .map((p) => `<i class="dot" style="left:${x(p.step)}%;top:${y(p.value)}%"></i>`)
        .join('')
    : ''
  return `<figure class="chart series-${series}" data-points="${carried(points, drawn, chart)}" data-last="${lastStep}" data-top="${top}"${share ? ' data-share' : ''}>
<figcaption>${escaped(chart.title)}</figcaption>
<div class="plot" role="img" aria-label="${escaped(`${chart.title}: ${chart.summary}`)}">
${rows.map((tick) => `<span class="y" style="top:${y(tick)}%">${show(tick)}</span>`).join('')}
<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
${rows.map((tick) => `<line class="rule" x1="0" x2="100" y1="${y(tick)}" y2="${y(tick)}"/>`).join('')}
${chart.smoothed ? line(points, 'raw') : ''}${line(drawn, 'line')}
</svg>${dots}${marked(chart, points, x, y)}
${columns.map((tick) => `<span class="x${place(x(tick))}" style="left:${x(tick)}%">${wholeText(tick)}</span>`).join('')}
</div>
</figure>`
}

/** The highest value, or where all but a few lie: the first steps' losses may be huge. */
function axisTop(points: readonly Point[], share = false): number {
  const values = points.map(({ value }) => value).sort((a, b) => a - b)
  const most = values[Math.floor(0.995 * (values.length - 1))]
  const top = Math.max(most, points.length < 20 ? values[values.length - 1] : 0) * 1.06
  if (!(top > 0)) return 1
  return share ? Math.min(1, Math.ceil(top * 10) / 10) : top
}

/** Labels at the ends stay within the chart. */
const place = (left: number): string => (left === 0 ? ' first' : left > 94 ? ' last' : '')

/** Five or fewer, so that their labels do not touch on a phone. */
function stepTicks(last: number): number[] {
  const all = ticks(Math.max(1, last)).filter(Number.isInteger)
  return all.length > 5 ? all.filter((_, i) => i % 2 === 0) : all
}

function marked(
  { mark }: CurveChart,
  points: readonly Point[],
  x: (step: number) => number,
  y: (value: number) => number,
): string {
  const at = mark && points.find(({ step }) => step === mark.step)
  if (!at) return ''
  const side = x(at.step) > 60 ? ' left' : ''
  return `<b class="mark${side}" style="left:${x(at.step)}%;top:${y(at.value)}%"><span>${escaped(mark.label)}</span></b>`
}

/** At most this many points can be pointed at. */
const CARRIED = 400

/** `step value`, or `step mean` of a smoothed curve, as the page's script reads them. */
function carried(points: readonly Point[], drawn: readonly Point[], chart: CurveChart): string {
  const every = Math.ceil(points.length / CARRIED)
  const shown = chart.smoothed ? drawn : points
  return shown
    .filter((_, i) => i % every === 0 || i === points.length - 1)
    .map(({ step, value }) => `${step} ${+value.toPrecision(4)}`)
    .join(',')
}
