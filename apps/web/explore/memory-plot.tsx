// Live bytes over the kernels of a plan as a drawing: areas by what they are for, the line of the plan that keeps everything, and
// the moment that is chosen.

import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Account, Live } from '../../../engine/plan/account.ts'
import { showBytes } from '../../../engine/print.ts'
import { totalOf } from '../../../train/charts/memory.ts'

const uses = [
  ['activations', 'wait for the backward pass', (l: Live) => l.activationBytes],
  ['gradients', 'gradients of parameters', (l: Live) => l.gradientBytes],
  ['transient', 'soon gone', (l: Live) => l.transientBytes],
  ['workspace', 'scratch of kernels', (l: Live) => l.workspaceBytes],
] as const

const HEIGHT = 240
const LEFT = 58
const BOTTOM = 26
const TOP = 12

export function MemoryPlot(props: {
  readonly account: Account
  readonly kept: Account
  readonly at: number
  readonly onMoment: (moment: number) => void
}) {
  const { account, kept, at, onMoment } = props
  const { timeline } = account
  const [width, frame] = useWidth()
  const most = 1.08 * Math.max(1, account.lowerBound, kept.lowerBound)
  const x = (share: number) => LEFT + (width - LEFT - 8) * share
  const y = (bytes: number) => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * bytes) / most
  const areas = useMemo(() => {
    let below = timeline.map(() => 0)
    return uses.map(([use, , of]) => {
      const above = timeline.map((live, i) => below[i] + of(live))
      const d = area(above, below, x, y)
      below = above
      return { use, d }
    })
  }, [account, kept, width])
  const pick = (clientX: number, svg: SVGSVGElement) => {
    const share = (clientX - svg.getBoundingClientRect().left - LEFT) / (width - LEFT - 8)
    onMoment(Math.max(0, Math.min(timeline.length - 1, Math.floor(share * timeline.length))))
  }
  const keptLine = outline(kept.timeline.map(totalOf), x, y)
  const backward = timeline.findIndex(({ pass }) => pass === 'backward' || pass === 'again')
  const middle = x((at + 0.5) / timeline.length)
  return (
    <div class="memory" ref={frame}>
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`Live bytes over ${timeline.length} kernels; the peak is ${showBytes(account.lowerBound)} at kernel ${account.peak?.step}, and ${showBytes(kept.lowerBound)} with everything kept`}
        onPointerDown={(event) => pick(event.clientX, event.currentTarget)}
        onPointerMove={(event) => event.buttons && pick(event.clientX, event.currentTarget)}
      >
        {[0, 0.25, 0.5, 0.75, 1].map((share) => {
          const bytes = (share * most) / 1.08
          return (
            <g key={share} class="grid">
              <path d={`M${LEFT} ${y(bytes)}H${width - 8}`} />
              <text x={LEFT - 6} y={y(bytes) + 4} text-anchor="end">
                {showBytes(bytes)}
              </text>
            </g>
          )
        })}
        {areas.map(({ use, d }) => (
          <path key={use} class={`area ${use}`} d={d} />
        ))}
        {timeline.map(({ pass }, i) =>
          pass === 'again' ? (
            <rect
              key={i}
              class="again"
              x={x(i / timeline.length)}
              y={HEIGHT - BOTTOM + 1}
              width={Math.max(2, x((i + 1) / timeline.length) - x(i / timeline.length))}
              height={4}
            />
          ) : null,
        )}
        <path class="kept" d={keptLine} />
        {backward > 0 && (
          <g class="turn">
            <path d={`M${x(backward / timeline.length)} ${TOP}V${HEIGHT - BOTTOM}`} />
            <text x={x(backward / timeline.length) - 6} y={TOP + 10} text-anchor="end">
              forward
            </text>
            <text x={x(backward / timeline.length) + 6} y={TOP + 10}>
              backward
            </text>
          </g>
        )}
        <path class="now" d={`M${middle} ${TOP}V${HEIGHT - BOTTOM}`} />
        <circle class="now" cx={middle} cy={y(totalOf(timeline[at]))} r={4.5} />
        <text class="axis" x={LEFT} y={HEIGHT - 6}>
          kernel 0
        </text>
        <text class="axis" x={width - 8} y={HEIGHT - 6} text-anchor="end">
          {timeline.length - 1}
        </text>
      </svg>
      <ul class="legend">
        {uses.map(([use, text]) => (
          <li key={use} class={use}>
            {text}
          </li>
        ))}
        <li class="whole">all, with everything kept</li>
        {timeline.some(({ pass }) => pass === 'again') && <li class="again">runs again</li>}
      </ul>
    </div>
  )
}

type Scale = (value: number) => number

function area(above: readonly number[], below: readonly number[], x: Scale, y: Scale): string {
  const n = above.length
  const top = above.map(
    (v, i) => `${x(i / n).toFixed(1)} ${y(v).toFixed(1)}H${x((i + 1) / n).toFixed(1)}`,
  )
  const bottom = below.map(
    (v, i) => `${x((i + 1) / n).toFixed(1)} ${y(v).toFixed(1)}H${x(i / n).toFixed(1)}`,
  )
  return `M${top.join('L')}L${bottom.reverse().join('L')}Z`
}

const outline = (values: readonly number[], x: Scale, y: Scale): string =>
  values.length
    ? `M${values.map((v, i) => `${x(i / values.length).toFixed(1)} ${y(v).toFixed(1)}H${x((i + 1) / values.length).toFixed(1)}`).join('L')}`
    : ''

function useWidth() {
  const frame = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(640)
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() =>
      setWidth(Math.max(240, frame.current?.clientWidth ?? 640)),
    )
    if (frame.current) observer.observe(frame.current)
    return () => observer.disconnect()
  }, [])
  return [width, frame] as const
}
