// The plan's memory as a picture: time from left to right, bytes from the bottom up, each value a bar at its place.

import type { TargetedPointerEvent } from 'preact'
import { showType } from '../../../../engine/dtype.ts'
import type { Plan, PlannedValue } from '../../../../engine/plan/plan.ts'
import { showBytes, titleOf } from '../../../../engine/print.ts'
import type { Node } from '../../../../engine/tensor.ts'

const [WIDE, HIGH] = [640, 240]

interface MemoryMapProps {
  readonly plan: Plan
  readonly at: number
  readonly onMove: (step: number) => void
  /** Short names, written onto the bars. */
  readonly nameOf?: (node: Node) => string
}

export function MemoryMap({ plan, at, onMove, nameOf }: MemoryMapProps) {
  const count = plan.steps.length
  const across = (step: number) => (step / count) * WIDE
  const up = (bytes: number) => HIGH - (bytes / plan.activationBytes) * HIGH
  const turn = plan.steps.findIndex((s) => s.node.source)
  const alive = plan.values.filter((v) => v.from <= at && at <= v.to)
  const move = (event: TargetedPointerEvent<SVGSVGElement>) => {
    if (event.type === 'pointermove' && !event.buttons) return
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const step = Math.floor(((event.clientX - left) / width) * count)
    onMove(Math.max(0, Math.min(count - 1, step)))
  }
  return (
    <figure class={`memory-map ${nameOf ? 'named' : ''}`}>
      <div class="places">
        <svg
          viewBox={`0 0 ${WIDE} ${HIGH}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${plan.values.length} values in ${showBytes(plan.activationBytes)} over ${count} kernels; ${alive.length} are alive at kernel ${at}`}
          onPointerDown={move}
          onPointerMove={move}
        >
          {plan.values.map((v) => (
            <rect
              key={`${v.from} ${v.offset}`}
              class={`${kindOf(v, turn)} ${alive.includes(v) ? 'now' : ''}`}
              x={across(v.from)}
              y={up(v.offset + v.bytes)}
              width={across(v.to + 1) - across(v.from)}
              height={(v.bytes / plan.activationBytes) * HIGH}
            >
              <title>{titleFor(v)}</title>
            </rect>
          ))}
          <line class="turn" x1={across(turn)} x2={across(turn)} y1={0} y2={HIGH} />
          <rect class="cursor" x={across(at)} y={0} width={across(1)} height={HIGH} />
        </svg>
        {nameOf &&
          plan.values.map((v) => (
            <span
              key={`${v.from} ${v.offset}`}
              aria-hidden="true"
              style={{
                left: `${(100 * across((v.from + v.to + 1) / 2)) / WIDE}%`,
                top: `${(100 * up(v.offset + v.bytes / 2)) / HIGH}%`,
              }}
            >
              {v.tensor && nameOf(v.tensor.node)}
            </span>
          ))}
      </div>
      <figcaption>
        <span class="axes">bytes ↑ time →, dashed: the backward part begins</span>
        <span class="of-kept">made forward</span>
        {plan.values.some((v) => kindOf(v, turn) === 'of-again') && (
          <span class="of-again">made again</span>
        )}
        <span class="of-gradient">gradient</span>
        {plan.values.some((v) => !v.tensor) && <span class="of-scratch">scratch</span>}
      </figcaption>
    </figure>
  )
}

function kindOf({ tensor, from }: PlannedValue, turn: number): string {
  if (!tensor) return 'of-scratch'
  if (tensor.node.source) return 'of-gradient'
  return from < turn ? 'of-kept' : 'of-again'
}

const titleFor = ({ tensor, bytes, from, to }: PlannedValue): string =>
  `${tensor ? `${titleOf(tensor.node)} ${showType(tensor)}` : 'scratch memory'}, ${showBytes(bytes)}, kernels ${from} to ${to}`
