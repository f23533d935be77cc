// Curves for every page: uPlot with the page's own colours, light and dark, as wide as the room that it gets, and a
// sentence in its place for whoever does not see it.

import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'

/** Names of colours in app.css. */
export type Ink = 'accent' | 'second' | 'bad' | 'soft' | 'text'

export interface Line {
  readonly name: string
  /** Where it has values, rising; lines of one plot may have different places. */
  readonly x: readonly number[]
  readonly y: readonly (number | null)[]
  /** Default: `accent` for the first line, `second` for the next. */
  readonly ink?: Ink
  /** Which of the two vertical axes it is read on; default `left`. */
  readonly axis?: 'left' | 'right'
  /** `line` (default), `dots` alone, `both`, `steps` that hold each value until the next, or `area` of such steps, filled. */
  readonly look?: 'line' | 'dots' | 'both' | 'steps' | 'area'
  readonly dashed?: boolean
  /** Of lines that only guide the eye. */
  readonly thin?: boolean
  /** A value as a person reads it. */
  readonly text?: (value: number) => string
}

export interface Axis {
  readonly name?: string
  readonly log?: boolean
  /** A value at a tick as a person reads it. */
  readonly text?: (value: number) => string
  /** Fixed ends, instead of those of the values. */
  readonly range?: readonly [least: number, most: number]
}

export interface PlotProps {
  /** What the whole shows, for whoever does not see it; the lines' last values follow. */
  readonly label: string
  readonly lines: readonly Line[]
  readonly x?: Axis
  readonly left?: Axis
  readonly right?: Axis
  /** In CSS pixels, without the legend; default 220. */
  readonly height?: number
  /** Default true: names, and values under the pointer. */
  readonly legend?: boolean
  /** Called with a place on x that was clicked. */
  readonly onPick?: (x: number) => void
}

/** Curves over one axis. What changes from one rendering to the next may be values alone, which costs a millisecond, or
 * anything else, for which the plot is made anew. */
export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const latest = useRef(props)
  latest.current = props
  // The legend is no part of the canvas, and would keep the colours that it was made with.
  const [colours, setColours] = useState(0)
  const form = formOf(props)
  useEffect(() => {
    const element = host.current!
    const made = make(element, latest)
    plot.current = made
    const resized = new ResizeObserver(() => {
      const width = element.clientWidth
      if (width && width !== made.width) made.setSize({ width, height: made.height })
    })
    resized.observe(element)
    const stop = whenColoursChange(() => setColours((times) => times + 1))
    return () => {
      stop()
      resized.disconnect()
      made.destroy()
    }
  }, [form, colours])
  useEffect(() => {
    plot.current?.setData(tableOf(props.lines))
  }, [props.lines])
  return <div class="plot" ref={host} role="img" aria-label={`${props.label}. ${said(props)}`} />
}

/** All but the values. */
const formOf = ({ lines, x, left, right, height, legend }: PlotProps): string =>
  JSON.stringify([
    lines.map(({ x: _, y: __, ...rest }) => rest),
    ...[x, left, right, height, legend],
  ])

const said = ({ lines, x }: PlotProps): string =>
  lines
    .flatMap(({ name, x: at, y, text }) => {
      const last = y.findLastIndex((value) => value !== null)
      if (last < 0) return [`${name}: nothing yet`]
      const value = y[last]!
      return [`${name}: ${(text ?? short)(value)} at ${x?.name ?? 'x'} ${short(at[last])}`]
    })
    .join('; ')

/** Three digits that count. */
export const short = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e6 ? `${value}` : `${Number(value.toPrecision(3))}`

function tableOf(lines: readonly Line[]): uPlot.AlignedData {
  if (!lines.length) return [[]]
  const tables = lines.map(({ x, y }) => [x, y] as unknown as uPlot.AlignedData)
  return tables.length === 1 ? tables[0] : uPlot.join(tables)
}

function make(element: HTMLDivElement, latest: { readonly current: PlotProps }): uPlot {
  const { lines, x, left, right, height = 220, legend = true, onPick } = latest.current
  const onRight = lines.some(({ axis }) => axis === 'right')
  const ruler = (name: Ink | 'line') => () => inkOf(element, name)
  const axis = (
    scale: string,
    given: Axis | undefined,
    side: number,
    room?: number,
  ): uPlot.Axis => ({
    scale,
    side,
    label: given?.name,
    labelSize: 20,
    ...(room !== undefined && { size: room }),
    stroke: ruler('soft'),
    font: FONT,
    labelFont: FONT,
    grid: side === 1 ? { show: false } : { stroke: ruler('line'), width: 1 },
    ticks: { show: false },
    values: (_, ticks) => ticks.map((v) => (v === null ? '' : (given?.text ?? short)(v))),
  })
  const scaleOf = (given: Axis | undefined): uPlot.Scale => ({
    time: false,
    distr: given?.log ? 3 : 1,
    ...(given?.range && { range: () => [...given.range!] as [number, number] }),
  })
  const options: uPlot.Options = {
    width: element.clientWidth || 300,
    height,
    legend: {
      show: legend,
      markers: { width: 0, fill: (plot, i) => (plot.series[i].stroke as () => string)() },
    },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: scaleOf(x), left: scaleOf(left), right: scaleOf(right) },
    axes: [
      axis('x', x, 2, x?.name ? 34 : 30),
      axis('left', left, 3, left?.name ? 46 : 52),
      ...(onRight ? [axis('right', right, 1, right?.name ? 46 : 52)] : []),
    ],
    series: [
      { label: x?.name ?? 'x', value: (_, v) => (v == null ? '–' : (x?.text ?? short)(v)) },
      ...lines.map((line, i) => seriesOf(line, i, ruler)),
    ],
  }
  const made = new uPlot(options, tableOf(lines), element)
  if (onPick)
    made.over.addEventListener('click', ({ offsetX }) =>
      latest.current.onPick?.(made.posToVal(offsetX, 'x')),
    )
  return made
}

const FONT = '12px system-ui, sans-serif'

function seriesOf(
  { name, ink, axis = 'left', look = 'line', dashed, thin, text }: Line,
  i: number,
  ruler: (name: Ink) => () => string,
): uPlot.Series {
  const colour = ruler(ink ?? (i === 0 ? 'accent' : 'second'))
  const stepped = look === 'steps' || look === 'area'
  return {
    label: name,
    scale: axis,
    stroke: colour,
    width: look === 'dots' ? 0 : thin ? 1 : 2,
    spanGaps: true,
    value: (_, v) => (v == null ? '–' : (text ?? short)(v)),
    points: {
      show: look === 'dots' || look === 'both' ? true : undefined,
      size: 6,
      fill: colour,
      stroke: colour,
    },
    ...(look === 'dots' && { paths: () => null }),
    ...(stepped && { paths: uPlot.paths.stepped!({ align: 1 }) }),
    ...(look === 'area' && { fill: () => `color-mix(in srgb, ${colour()} 25%, transparent)` }),
    ...(dashed && { dash: [6, 5] }),
  }
}

/** What a name of app.css means at an element now; a canvas does not know of `light-dark()`. */
function inkOf(element: HTMLElement, name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(--${name})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function whenColoursChange(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const own = new MutationObserver(changed)
  own.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  system.addEventListener('change', changed)
  return () => {
    own.disconnect()
    system.removeEventListener('change', changed)
  }
}
