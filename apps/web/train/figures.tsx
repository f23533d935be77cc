// How a run goes, in words, figures and curves.

import { useMemo } from 'preact/hooks'
import { Figures, Progress } from '../ui/parts.tsx'
import { type Axis, type Line, Plot } from '../ui/plot.tsx'
import type { Curves as CurveValues } from './curves.ts'
import type { RunState } from './run.ts'

/** One sentence of where it stands. */
export function RunStatus({ state }: { state: RunState }) {
  const { status, at, step, of, last, minutes } = state
  if (status === 'idle') return null
  if (at) return <Progress text={`${at.text} …`} share={at.share} />
  const share = of ? step / of : last?.progress
  return <Progress text={sentence(state)} share={minutes || of ? (share ?? 0) : undefined} />
}

/** Milliseconds of a step, once there were enough to tell. */
const msOf = ({ pace }: RunState): number | undefined =>
  pace && pace.steps > 2 ? pace.ms / pace.steps : undefined

function sentence(state: RunState): string {
  const { status, step, of, validation, last, kept } = state
  const ms = msOf(state)
  const left = ms !== undefined && (of ? ((of - step) * ms) / 1000 : last?.eta)
  const all = of ? ` of ${whole(of)}` : ''
  const good = validation ? `, mean IoU ${percent(validation.score)}` : ''
  switch (status) {
    case 'running':
      return last
        ? `Step ${whole(step)}${all}${left ? `, ${span(left)} left` : ''}`
        : 'The first step …'
    case 'pausing':
      return `Coming to a halt after step ${whole(step)} …`
    case 'paused':
      return `Paused at step ${whole(step)}${all}`
    case 'stopped':
      return `Stopped at step ${whole(step)}${all}${kept === undefined ? '' : '; its snapshot is kept'}`
    case 'ended':
      return `Done: ${whole(step)} steps${good}`
    default:
      return ''
  }
}

/** What a lost device cost, and whether it goes on: another may be slow to open, or not there. */
export function afterLoss({ step, from, isReplaced }: NonNullable<RunState['lost']>): string {
  const count = Math.max(0, step - from)
  const lost = count
    ? `${whole(count)} step${count > 1 ? 's were' : ' was'} lost`
    : 'no step was lost'
  const since = from ? `the snapshot of step ${whole(from)}` : 'the beginning'
  return isReplaced
    ? `Another was opened, and training goes on from ${since}: ${lost}.`
    : `${capital(lost)} since ${since}.`
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

export function RunFigures({ state }: { state: RunState }) {
  const { last, start, validation } = state
  if (!last) return null
  const ms = msOf(state)
  const images = ms && (last.imagesPerSecond * last.ms) / ms
  return (
    <Figures
      figures={[
        ['Loss', last.loss.toFixed(3)],
        ['Mean IoU', validation ? percent(validation.score) : '–'],
        ['Learning rate', Number(last.lr.toPrecision(2)).toString()],
        ['A step', ms ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : '–'],
        ['Images a second', images ? rate(images) : '–'],
        ['Device memory', bytes(last.bytes)],
        ['Parameters', start ? whole(start.parameters) : '–'],
      ]}
    />
  )
}

const rate = (n: number): string => (n < 100 ? n.toPrecision(2) : whole(Math.round(n)))

const step: Axis = { name: 'step' }
const shares: Axis = { text: (v) => `${Math.round(100 * v)} %`, range: [0, 1] }

export function Curves({ state: { curves } }: { state: RunState }) {
  // Plots are drawn again when their lines are others, and at nothing else that is told.
  const { losses, scores } = useMemo(() => linesOf(curves), [curves])
  return (
    <div class="curves">
      <section>
        <h3>Loss</h3>
        <Plot label="Loss over steps" lines={losses} x={step} height={210} />
      </section>
      <section>
        <h3>Held-out images</h3>
        <Plot
          label="Scores of held-out images over steps"
          lines={scores}
          x={step}
          left={shares}
          height={210}
        />
      </section>
    </div>
  )
}

function linesOf(curves: CurveValues): Record<'losses' | 'scores', readonly Line[]> {
  const at = { x: curves.scoreSteps, look: 'both', text: percent } as const
  return {
    losses: [
      { name: 'each step', x: curves.steps, y: curves.losses, ink: 'soft', thin: true },
      { name: 'smoothed', x: curves.steps, y: curves.smooth, ink: 'accent' },
    ],
    scores: [
      { ...at, name: 'mean IoU', y: curves.meanIoU, ink: 'accent' },
      { ...at, name: 'pixels right', y: curves.accuracy, ink: 'second', dashed: true },
    ],
  }
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

export const whole = (n: number): string => n.toLocaleString('en')

export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const at = Math.min(3, Math.floor(Math.log2(Math.max(1, n)) / 10))
  return `${(n / 1024 ** at).toPrecision(3)} ${units[at]}`
}

function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = seconds / 60
  return minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`
}
