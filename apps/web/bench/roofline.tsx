// The roofline as a picture as wide as there is room: logarithms both ways, a numbered point for each kernel.

import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Ceilings } from '../../../bench/suite/ceilings.ts'
import type { Measured } from '../../../bench/suite/measure.ts'
import { milliseconds, percent } from '../../../bench/suite/report.ts'
import { type Place, rooflineOf } from '../../../bench/suite/roofline.ts'
import { familyClass } from './families.ts'
import { rate } from './results.tsx'

const LEFT = 46
const RIGHT = 14
const TOP = 26
const BOTTOM = 40

interface Props {
  readonly ceilings: Ceilings
  readonly results: readonly Measured[]
  /** The name of the one that is looked at. */
  readonly marked: string | undefined
  readonly onMark: (name: string | undefined) => void
}

export function RooflinePlot({ ceilings, results, marked, onMark }: Props) {
  const [box, width] = useWidth()
  const height = Math.round(Math.min(520, Math.max(300, width * 0.58)))
  const { across, up, roof, points, acrossAt, upAt } = rooflineOf(ceilings, results)
  const x = (v: number) => LEFT + (width - LEFT - RIGHT) * v
  const y = (v: number) => height - BOTTOM - (height - TOP - BOTTOM) * v
  const at = ([a, b]: Place) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`
  const families = [...new Set(results.map(({ family }) => family))]
  const shown = results.find(({ name }) => name === marked)
  const flops = `${(ceilings.flopsPerSecond / 1e9).toFixed(1)} GFLOP/s`
  const bytes = `${(ceilings.bytesPerSecond / 1e9).toFixed(1)} GB/s`
  return (
    <figure class="roofline" ref={box}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={`Roofline: ${points.length} kernels beneath ${flops} of multiply-adds and ${bytes} copied; the table below has their figures`}
        >
          <g class="grid">
            {across.map((e) => (
              <g key={e}>
                <path d={`M${x(acrossAt(e)).toFixed(1)} ${TOP}V${height - BOTTOM}`} />
                <text x={x(acrossAt(e))} y={height - BOTTOM + 16} text-anchor="middle">
                  {power(e)}
                </text>
              </g>
            ))}
            {up.map((e) => (
              <g key={e}>
                <path d={`M${LEFT} ${y(upAt(e)).toFixed(1)}H${width - RIGHT}`} />
                <text x={LEFT - 6} y={y(upAt(e)) + 4} text-anchor="end">
                  {power(e - 9)}
                </text>
              </g>
            ))}
            <text x={LEFT - 38} y={TOP - 12} class="axis">
              GFLOP/s
            </text>
            <text x={width - RIGHT} y={height - 6} class="axis" text-anchor="end">
              operations per byte
            </text>
          </g>
          <path
            class="under"
            d={`M${at(roof[0])}L${at(roof[1])}L${at(roof[2])}V${height - BOTTOM}H${x(roof[0][0]).toFixed(1)}Z`}
          />
          <path class="roof" d={`M${roof.map(at).join('L')}`} />
          <text class="ceiling" x={width - RIGHT} y={y(roof[2][1]) - 7} text-anchor="end">
            {flops}
          </text>
          <Slope
            from={[x(roof[0][0]), y(roof[0][1])]}
            to={[x(roof[1][0]), y(roof[1][1])]}
            text={bytes}
          />
          {points.map(({ result, place }) => (
            <g
              key={result.name}
              class={`${familyClass(result.family)} point ${result.name === marked ? 'marked' : ''}`}
              transform={`translate(${at(place)})`}
              onPointerEnter={() => onMark(result.name)}
            >
              <circle r="9" />
              <text y="3.5" text-anchor="middle">
                {results.indexOf(result) + 1}
              </text>
              <title>{`${results.indexOf(result) + 1}: ${result.name}`}</title>
            </g>
          ))}
        </svg>
      )}
      <figcaption>
        <p class="shown" role="status">
          {shown
            ? `${results.indexOf(shown) + 1}: ${shown.name}, ${milliseconds(shown.ms)} ms, ${rate(shown.flops, shown.ms)} GFLOP/s, ${rate(shown.bytes, shown.ms)} GB/s, ${percent(shown.share)} of the ceiling`
            : 'Numbers are the table’s rows; point at one, or choose it there. Kernels without arithmetic are in the table alone.'}
        </p>
        <ul class="bench-legend">
          {families.map((family) => (
            <li key={family} class={familyClass(family)}>
              {family}
            </li>
          ))}
        </ul>
      </figcaption>
    </figure>
  )
}

/** Text along the bandwidth's slope, above it. */
function Slope({ from, to, text }: { from: Place; to: Place; text: string }) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]]
  const [cx, cy] = [from[0] + 0.45 * dx, from[1] + 0.45 * dy]
  const angle = (180 / Math.PI) * Math.atan2(dy, dx)
  return (
    <text
      class="ceiling"
      transform={`translate(${cx.toFixed(1)} ${cy.toFixed(1)}) rotate(${angle.toFixed(1)})`}
      y="-7"
      text-anchor="middle"
    >
      {text}
    </text>
  )
}

const power = (e: number): string =>
  e >= -2 && e <= 4 ? String(+(10 ** e).toPrecision(1)) : `1e${e}`

/** The width that an element has, kept up to date. */
function useWidth() {
  const box = useRef<HTMLElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    if (!box.current) return
    const measure = () => setWidth(Math.floor(box.current?.clientWidth ?? 0))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  return [box, width] as const
}
