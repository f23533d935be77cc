// Precision against recall as SVG text, a line for each class that has instances.

import { INK, svg, text } from '../charts/svg.ts'
import { type PrecisionRecall, precisionRecall } from '../scoring/average-precision.ts'
import type { InstanceScorer } from '../scoring/instance-scores.ts'
import { instanceColour } from './overlay.ts'

const SIZE = 420
const LEFT = 64
const TOP = 44
const BOTTOM = 48
const LEGEND = 220

export interface ClassCurve extends PrecisionRecall {
  readonly name: string
  readonly ap: number
}

/** The curves of the classes that have instances, at an IoU. */
export function classCurves(scorer: InstanceScorer, threshold: number): ClassCurve[] {
  const { perClass, thresholds } = scorer.scores()
  const at = thresholds.indexOf(threshold)
  const hits = scorer.hits(threshold)
  return perClass.flatMap(({ name, instances, ap }, k) =>
    instances ? [{ name, ap: ap[at] ?? 0, ...precisionRecall(hits[k], instances) }] : [],
  )
}

export function precisionRecallSvg(curves: readonly ClassCurve[], title: string): string {
  const [x, y] = [(r: number) => LEFT + SIZE * r, (p: number) => TOP + SIZE * (1 - p)]
  const height = Math.max(TOP + SIZE + BOTTOM, TOP + 20 * curves.length + BOTTOM)
  const shares = [0, 0.2, 0.4, 0.6, 0.8, 1]
  const line = ({ precision, recall }: PrecisionRecall, i: number) => {
    const points = Array.from(recall, (r, n) => `${x(r).toFixed(1)},${y(precision[n]).toFixed(1)}`)
    const first = precision.length ? [`${x(0)},${y(precision[0]).toFixed(1)}`] : []
    return `<polyline points="${[...first, ...points].join(' ')}" fill="none" stroke="rgb(${instanceColour(i).join(',')})" stroke-width="2"/>`
  }
  return svg(LEFT + SIZE + LEGEND, height, [
    text(LEFT + SIZE / 2, 24, title, 'middle', INK, 15),
    ...shares.map(
      (v) =>
        `<path d="M${LEFT} ${y(v)}h${SIZE}" stroke="#e6e8ec"/>` +
        text(LEFT - 8, y(v) + 4, `${Math.round(100 * v)} %`, 'end', INK) +
        text(x(v), TOP + SIZE + 18, `${Math.round(100 * v)} %`, 'middle', INK),
    ),
    `<path d="M${LEFT} ${TOP}v${SIZE}h${SIZE}" fill="none" stroke="${INK}"/>`,
    text(LEFT + SIZE / 2, TOP + SIZE + 38, 'recall', 'middle', INK),
    text(LEFT, TOP - 8, 'precision', 'middle', INK),
    ...curves.map(line),
    ...curves.map(({ name, ap }, i) =>
      text(
        LEFT + SIZE + 20,
        TOP + 14 + 20 * i,
        `${name} ${(100 * ap).toFixed(1)}`,
        'start',
        `rgb(${instanceColour(i).join(',')})`,
      ),
    ),
  ])
}
