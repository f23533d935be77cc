// A run as one page that needs nothing else: the roofline with a point for each case, and the table.

import { INK, svg, text } from '../../train/charts/svg.ts'
import { isMeasured, type Measured } from './measure.ts'
import { ceilingLine, milliseconds, percent, type Run, rate } from './report.ts'
import { type Place, rooflineOf } from './roofline.ts'

const WIDTH = 960
const HEIGHT = 520
const LEFT = 70
const RIGHT = 200
const TOP = 40
const BOTTOM = 50
const PALE = '#e6e8ec'
const COLOURS = [
  ...['#2f62b5', '#c2571a', '#4a9b6e', '#9a6bb0', '#e0a33a', '#3f9fb5', '#b53f6b', '#6b7280'],
  ...['#7a9a2f', '#8a5a44', '#224488', '#d07070', '#5f8f8f'],
]

export function pageOf(run: Run): string {
  const results = run.results.filter(isMeasured)
  const failed = run.results.flatMap((r) => (isMeasured(r) ? [] : [r]))
  const rows = results.map((r) => [
    r.name,
    milliseconds(r.ms),
    `${(100 * r.variation).toFixed(0)} %`,
    rate(r.flops, r.ms),
    rate(r.bytes, r.ms),
    percent(r.share),
    r.error.toExponential(0),
  ])
  const host = run.host.map((t) => [
    `host: ${t.name}`,
    milliseconds(t.ms),
    `${(100 * t.variation).toFixed(0)} %`,
    ...['', '', '', ''],
  ])
  const cells = (row: readonly string[], tag: string) =>
    `<tr>${row.map((c) => `<${tag}>${escaped(c)}</${tag}>`).join('')}</tr>`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>atrous bench</title>
<style>
body { font: 14px system-ui, sans-serif; color: ${INK}; margin: 2em auto; max-width: ${WIDTH}px }
table { border-collapse: collapse; width: 100% }
td, th { padding: 2px 8px; text-align: right; border-bottom: 1px solid ${PALE} }
td:first-child, th:first-child { text-align: left }
</style></head><body>
<h1>atrous bench</h1>
<p>${escaped(run.adapter)}<br>${escaped(ceilingLine(run.ceilings))}; maps have ${run.share} of the papers' sides</p>
${rooflineSvg(run, results)}
<table>
${cells(['', 'ms', 'variation', 'GFLOP/s', 'GB/s', 'of the ceiling', 'error'], 'th')}
${[...rows, ...host].map((row) => cells(row, 'td')).join('\n')}
</table>
${failed.map(({ name, problem }) => `<p>FAILED ${escaped(`${name}: ${problem}`)}</p>`).join('\n')}
</body></html>
`
}

const escaped = (s: string): string =>
  s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

/** Arithmetic rate over arithmetic per byte, both in powers of ten, beneath the two ceilings. */
export function rooflineSvg({ ceilings }: Run, results: readonly Measured[]): string {
  const { across, up, roof, points, acrossAt, upAt } = rooflineOf(ceilings, results)
  const x = (v: number) => LEFT + (WIDTH - LEFT - RIGHT) * v
  const y = (v: number) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * v
  const at = ([a, b]: Place) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`
  const families = [...new Set(points.map(({ result }) => result.family))]
  const colour = (family: string) => COLOURS[families.indexOf(family) % COLOURS.length]
  return svg(WIDTH, HEIGHT, [
    ...across.flatMap((e) => [
      `<path d="M${x(acrossAt(e)).toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}" stroke="${PALE}"/>`,
      text(x(acrossAt(e)), HEIGHT - BOTTOM + 18, `${+(10 ** e).toPrecision(1)}`, 'middle', INK),
    ]),
    ...up.flatMap((e) => [
      `<path d="M${LEFT} ${y(upAt(e)).toFixed(1)}H${WIDTH - RIGHT}" stroke="${PALE}"/>`,
      text(LEFT - 8, y(upAt(e)) + 4, `${+(10 ** (e - 9)).toPrecision(1)}`, 'end', INK),
    ]),
    `<path d="M${roof.map(at).join('L')}" fill="none" stroke="${INK}" stroke-width="2"/>`,
    ...points.map(({ result, place }) => {
      const [cx, cy] = at(place).split(' ')
      const title = `${escaped(result.name)}: ${rate(result.flops, result.ms)} GFLOP/s`
      return `<circle cx="${cx}" cy="${cy}" r="4" fill="${colour(result.family)}"><title>${title}</title></circle>`
    }),
    ...families.flatMap((family, i) => [
      `<circle cx="${WIDTH - RIGHT + 20}" cy="${TOP + 20 * i}" r="4" fill="${colour(family)}"/>`,
      text(WIDTH - RIGHT + 32, TOP + 20 * i + 4, family, 'start', INK),
    ]),
    text(LEFT, TOP - 16, 'GFLOP/s', 'middle', INK),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'operations per byte', 'middle', INK),
  ])
}
