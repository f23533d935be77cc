// The bytes alive at each kernel of the plan, stacked by what they are for, over the line of the plan that keeps everything. A
// moment that is chosen is told apart: what is alive there, and since when.

import { showType } from '../../../engine/dtype.ts'
import type { Account } from '../../../engine/plan/account.ts'
import type { Plan } from '../../../engine/plan/plan.ts'
import { showBytes, titleOf } from '../../../engine/print.ts'
import type { Node } from '../../../engine/tensor.ts'
import { Button, Card, Slider, Table } from '../ui/parts.tsx'
import type { Explored } from './explored.ts'
import { MemoryPlot } from './memory-plot.tsx'

export interface TimelineProps {
  readonly explored: Explored
  /** The same function with everything kept. */
  readonly kept: Explored
  readonly moment: number | undefined
  /** `show`: in the graph of the plan. */
  readonly onMoment: (moment: number, show?: boolean) => void
  readonly onSelect: (node: Node) => void
}

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
      {account.lowerBound > 0 || kept.account.lowerBound > 0 ? (
        <MemoryPlot account={account} kept={kept.account} at={at} onMoment={onMoment} />
      ) : (
        <p>
          No value needs memory of its own here: each is an argument, a variable, a result, or
          inside of a kernel.
        </p>
      )}
      {account.lowerBound > 0 && (
        <Slider
          name="Moment"
          value={at}
          min={0}
          max={timeline.length - 1}
          step={1}
          text={`kernel ${at} of ${timeline.length}: ${timeline[at].kernel}, ${timeline[at].pass}`}
          onChange={onMoment}
        />
      )}
      {same && account.lowerBound > 0 && (
        <p class="soft">
          Nothing of this function is worth running again: with everything kept the most that is
          alive at once is the same.
        </p>
      )}
      {account.lowerBound > 0 && (
        <>
          <div class="row">
            <Button onPress={() => onMoment(at, true)}>Show this moment in the graph</Button>
          </div>
          <Alive plan={plan} at={at} onSelect={onSelect} />
        </>
      )}
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

/** The values that share the activation memory at a moment, the largest first. */
function Alive(props: {
  readonly plan: Plan
  readonly at: number
  readonly onSelect: (node: Node) => void
}) {
  const { plan, at, onSelect } = props
  const alive = plan.values
    .filter(({ from, to }) => from <= at && at <= to)
    .sort((a, b) => b.bytes - a.bytes)
  const { steps } = plan
  const number = (node: Node) => steps.findIndex((s) => s.node === node)
  return (
    <>
      <p>
        Alive while kernel {at}, {titleOf(steps[at].node)}, runs: {alive.length}{' '}
        {alive.length === 1 ? 'value' : 'values'},{' '}
        {showBytes(alive.reduce((n, v) => n + v.bytes, 0))}
      </p>
      <div class="scroll alive">
        <table aria-label="What is alive">
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
    </>
  )
}
