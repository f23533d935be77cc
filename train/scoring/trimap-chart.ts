// Mean IoU against the distance from boundaries as SVG text, as in figure 5 of Pohlen et al. 2017: classes solid, categories dashed.

import { INK, svg, text, ticks } from '../charts/svg.ts'
import type { Trimap } from './figures.ts'

const WIDTH = 760
const HEIGHT = 400
const LEFT = 64
const RIGHT = 24
const TOP = 44
const BOTTOM = 48
const LINE = '#2f62b5'

/** The curves of a trimap, in percent from 0 to 100. */
export function trimapSvg({ radii, classes, categories }: Trimap, title: string): string {
  const last = radii[radii.length - 1]
  const x = (r: number) => LEFT + ((WIDTH - LEFT - RIGHT) * r) / last
  const y = (share: number) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
  const curve = (values: readonly number[], dash = '') => {
    const points = values.map((v, i) => `${x(radii[i]).toFixed(1)},${y(v).toFixed(1)}`).join(' ')
    return `<polyline points="${points}" fill="none" stroke="${LINE}" stroke-width="2"${dash}/>`
  }
  const name = (values: readonly number[], what: string) =>
    text(WIDTH - RIGHT, y(values[values.length - 1]) - 8, what, 'end', LINE)
  return svg(WIDTH, HEIGHT, [
    text(WIDTH / 2, 24, title, 'middle', INK, 15),
    ...[0, 0.2, 0.4, 0.6, 0.8, 1].map(
      (share) =>
        `<path d="M${LEFT} ${y(share).toFixed(1)}H${WIDTH - RIGHT}" stroke="#e6e8ec"/>` +
        text(LEFT - 8, y(share) + 4, `${Math.round(100 * share)} %`, 'end', INK),
    ),
    ...ticks(last).map((r) => text(x(r), HEIGHT - BOTTOM + 18, `${r}`, 'middle', INK)),
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="${INK}"/>`,
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, 'pixels from a boundary', 'middle', INK),
    curve(classes),
    name(classes, 'mean IoU of classes'),
    ...(categories
      ? [curve(categories, ' stroke-dasharray="6 4"'), name(categories, 'of categories')]
      : []),
  ])
}
