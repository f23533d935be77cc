// The bytes alive at each kernel of the plan, stacked by what they are for, over the line of the plan that keeps everything. A
// moment that is chosen is told apart: what is alive there, and since when.

import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Account, Live } from '../../../engine/account.ts'
import { showType } from '../../../engine/dtype.ts'
import type { Plan } from '../../../engine/plan.ts'
import { showBytes, titleOf } from '../../../engine/print.ts'
import type { Node } from '../../../engine/tensor.ts'
import { totalOf } from '../../../train/memory-chart.ts'
import { Card, Slider, Table } from '../ui/parts.tsx'
import type { Explored } from './explored.ts'

export interface TimelineProps {
  readonly explored: Explored
  /** The same function with everything kept. */
  readonly kept: Explored
  readonly moment: number | undefined
  readonly onMoment: (moment: number) => void
  readonly onSelect: (node: Node) => void
}

const uses = [
  ['activations', 'wait for the backward pass', (l: Live) => l.activationBytes],
  ['gradients', 'gradients of parameters', (l: Live) => l.gradientBytes],
  ['transient', 'soon gone', (l: Live) => l.transientBytes],
  ['workspace', 'scratch of kernels', (l: Live) => l.workspaceBytes],
] as const

export function Timeline({ explored, kept, moment, onMoment, onSelect }: TimelineProps) {
  const { account, explanation } = explored
  const { plan } = explanation.stages
  const { timeline } = account
  const at = Math.min(moment ?? account.peak?.step ?? 0, timeline.length - 1)
  if (!timeline.length)
    return (
      <Card title="Memory">
        <p>The plan has no kernels: everything is known before it runs.</p>
      </Card>
    )
  const same = kept.account.lowerBound === account.lowerBound
  return (
    <Card title="Memory, kernel by kernel">
      <Table
        head={[
          '',
          'most alive at once',
          'placed in',
          'allocated in all',
          'kernels',
          'multiply-adds',
        ]}
        rows={[
          figuresOf('as chosen', account),
          ...(same ? [] : [figuresOf('with everything kept', kept.account)]),
        ]}
      />
      <Chart account={account} kept={kept.account} at={at} onMoment={onMoment} />
      <Slider
        name="Moment"
        value={at}
        min={0}
        max={timeline.length - 1}
        step={1}
        text={`kernel ${at} of ${timeline.length}: ${timeline[at].kernel}, ${timeline[at].pass}`}
        onChange={onMoment}
      />
      {same && (
        <p class="soft">
          Nothing of this function is worth running again: with everything kept the most that is
          alive at once is the same.
        </p>
      )}
      <Alive plan={plan} at={at} onSelect={onSelect} />
    </Card>
  )
}

const figuresOf = (
  name: string,
  { lowerBound, arenaBytes, peakBytes, timeline, macs }: Account,
) => [
  name,
  ...[lowerBound, arenaBytes, peakBytes].map((bytes) => <Bytes key={bytes} bytes={bytes} />),
  `${timeline.length}`,
  macs.toLocaleString('en'),
]

/** Short, and exact where it is pointed at. */
const Bytes = ({ bytes }: { bytes: number }) => (
  <span title={`${bytes.toLocaleString('en')} bytes`}>{showBytes(bytes)}</span>
)

const HEIGHT = 240
const LEFT = 58
const BOTTOM = 26
const TOP = 12

function Chart(props: {
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

/** The values that share the activation memory at a moment, the largest first. */
function Alive({ plan, at, onSelect }: { plan: Plan; at: number; onSelect: (node: Node) => void }) {
  const alive = plan.values
    .filter(({ from, to }) => from <= at && at <= to)
    .sort((a, b) => b.bytes - a.bytes)
  const { steps } = plan
  const number = (node: Node) => steps.findIndex((s) => s.node === node)
  return (
    <div class="scroll alive">
      <table>
        <caption>
          Alive while kernel {at}, {titleOf(steps[at].node)}, runs: {alive.length} values,{' '}
          {showBytes(alive.reduce((n, v) => n + v.bytes, 0))}
        </caption>
        <thead>
          <tr>
            {['made by', 'type', 'bytes', 'from kernel', 'to'].map((text) => (
              <th key={text} scope="col">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {alive.map(({ tensor, bytes, from, to, offset }) => (
            <tr key={`${offset} ${from}`}>
              <td>
                {tensor ? (
                  <button type="button" onClick={() => onSelect(tensor.node)}>
                    {titleOf(tensor.node)}
                  </button>
                ) : (
                  `scratch of ${titleOf(steps[from].node)}`
                )}
              </td>
              <td>{tensor ? showType(tensor) : ''}</td>
              <td>{showBytes(bytes)}</td>
              <td>{tensor ? number(tensor.node) : from}</td>
              <td>{to}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
