// Every dispatch of the plan with its WGSL, and how long it takes here.

import { useEffect, useRef, useState } from 'preact/hooks'
import type { Device } from '../../../engine/index.ts'
import type { PlannedDispatch } from '../../../engine/plan/plan.ts'
import { titleOf } from '../../../engine/print.ts'
import type { Node } from '../../../engine/tensor.ts'
import { Button, Card, Progress } from '../ui/parts.tsx'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'
import { pageDevice } from './device.ts'
import type { Explored } from './explored.ts'
import { type Times, timesOf } from './look.ts'
import { SourceText } from './source-text.tsx'

interface Row {
  readonly step: number
  readonly node: Node
  readonly planned: PlannedDispatch
  /** Of several of one kernel. */
  readonly part: string
}

export function Kernels(props: {
  readonly explored: Explored
  readonly device: Device | undefined
  readonly selected: Node | undefined
  readonly onSelect: (node: Node) => void
}) {
  const { explored, device, selected, onSelect } = props
  const { plan } = explored.explanation.stages
  const rows = plan.steps.flatMap(({ node, dispatches }, step) =>
    dispatches.map((planned, i): Row => {
      const part = dispatches.length > 1 ? ` ${i + 1}/${dispatches.length}` : ''
      return { step, node, planned, part }
    }),
  )
  const [open, setOpen] = useState(0)
  const [measured, setMeasured] = useState<{ readonly of: Explored; readonly times: Times }>()
  const [problem, setProblem] = useState<Problem>()
  const [busy, setBusy] = useState('')
  // Times of a plan that was chosen before are not of these kernels.
  const times = measured?.of === explored ? measured.times : undefined
  useEffect(() => {
    const chosen = rows.findIndex((r) => r.node === selected)
    // Of several dispatches of one kernel the one that was opened stays open.
    if (chosen >= 0) setOpen((now) => (rows[now]?.node === selected ? now : chosen))
  }, [selected])
  const list = useRef<HTMLOListElement>(null)
  useEffect(() => {
    const at = list.current?.querySelector<HTMLElement>('[aria-pressed="true"]')
    if (list.current && at) {
      const top = at.offsetTop - list.current.offsetTop
      const { scrollTop, clientHeight } = list.current
      if (top < scrollTop || top + at.offsetHeight > scrollTop + clientHeight)
        list.current.scrollTop = top - clientHeight / 2
    }
  }, [open])
  const here = device?.caps.name === explored.caps.name
  const measure = async () => {
    setProblem(undefined)
    try {
      const now = await timesOf(await pageDevice(), explored, setBusy)
      setMeasured({ of: explored, times: now })
    } catch (error) {
      // Of a device that went away the page tells by itself.
      if ((error as Error).name !== 'DeviceLostError') setProblem(problemOf(error))
    }
    setBusy('')
  }
  const row = rows[Math.min(open, rows.length - 1)]
  if (!row) return null
  const total = times?.ms.reduce((a, b) => a + b, 0)
  return (
    <Card
      title="Kernels"
      aside={
        <Button onPress={measure} disabled={!here || Boolean(busy)}>
          Measure them here
        </Button>
      }
    >
      {busy && <Progress text={busy} />}
      {problem && <ProblemBox problem={problem} />}
      {times && (
        <p role="status">
          {total?.toFixed(2)} ms for {times.ms.length} dispatches. {times.how}
        </p>
      )}
      {device && !here && (
        <p class="soft">Planned for another device: choose ‘this adapter’ above to measure it.</p>
      )}
      <div class="kernels">
        <ol aria-label="Dispatches" ref={list}>
          {rows.map(({ node, step, planned, part }, i) => (
            <li key={i}>
              <button
                type="button"
                class={explored.account.timeline[step].pass}
                aria-pressed={row === rows[i]}
                onClick={() => {
                  setOpen(i)
                  onSelect(node)
                }}
              >
                <span>
                  {step} {titleOf(node)}
                  {part}
                </span>
                <small>
                  {planned.dispatch.grid.join('·')} workgroups
                  {times?.ms[i] !== undefined && ` · ${showMs(times.ms[i])}`}
                </small>
                {times && total ? (
                  <span
                    class="bar"
                    aria-hidden="true"
                    style={{ width: `${(100 * times.ms[i]) / Math.max(...times.ms)}%` }}
                  />
                ) : null}
              </button>
            </li>
          ))}
        </ol>
        <Wgsl row={row} ms={times?.ms[rows.indexOf(row)]} />
      </div>
    </Card>
  )
}

const showMs = (ms: number): string =>
  ms < 0.1 ? `${(1000 * ms).toFixed(1)} µs` : `${ms.toFixed(2)} ms`

function Wgsl({ row, ms }: { row: Row; ms: number | undefined }) {
  const { kernel, grid, params } = row.planned.dispatch
  return (
    <section class="wgsl" aria-label={`WGSL of ${titleOf(row.node)}${row.part}`}>
      <h3>
        {titleOf(row.node)}
        {row.part}
      </h3>
      <p class="soft">
        {grid.join(' × ')} workgroups · {row.planned.places.length} bindings:{' '}
        {row.planned.places.map((p) => p.kind).join(', ')} · {params.length} words
        {ms !== undefined && ` · ${showMs(ms)}`}
      </p>
      <p class="soft mono">{kernel.key}</p>
      <SourceText text={kernel.code.trim()} language="wgsl" />
    </section>
  )
}
