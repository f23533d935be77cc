// Step 8 at work: a network of 48 weights is fitted to a curve, one run of the program a press.

import { useEffect, useRef, useState } from 'preact/hooks'
import type { HostTensor } from '../../../../engine/index.ts'
import { Button, Figures } from '../../ui/parts.tsx'
import { type Problem, problemOf } from '../../ui/problem.tsx'
import { type Descent, descend } from './claims-tensors.ts'
import { show } from './measure.ts'
import { NoValues } from './parts.tsx'
import type { StepProps } from './step.ts'

interface Path {
  /** The loss at the beginning, and after each step. */
  readonly losses: readonly number[]
  readonly last: Descent
  readonly promised: number
}

const isDone = ({ losses, last }: Path): boolean => last.after < losses[0] / 20

export function DescentTask({ scene, onSolved }: StepProps) {
  const { runner, program, settings } = scene
  const [path, setPath] = useState<Path>()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const alive = useRef(true)
  useEffect(
    () => () => {
      alive.current = false
    },
    [],
  )

  const steps = async (count: number, from: Path | undefined) => {
    setBusy(true)
    setProblem(undefined)
    try {
      let path = from
      if (!path) {
        const start = await descend(runner!, program, 0)
        path = { losses: [start.before], last: start, promised: 0 }
      }
      for (let i = 0; i < count && alive.current; i++) {
        const rate = Number(settings.rate)
        const last = await descend(runner!, program, rate)
        path = { losses: [...path.losses, last.after], last, promised: rate * last.length }
        if (alive.current) setPath(path)
      }
      if (!alive.current) return
      setPath(path)
      if (isDone(path)) onSolved()
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      if (alive.current) setBusy(false)
    }
  }
  // Other text is another network.
  useEffect(() => {
    if (!runner) return
    runner.reset(program)
    setPath(undefined)
    steps(0, undefined)
  }, [runner, program.text])

  if (!runner) return <NoValues />
  const again = () => {
    runner.reset(program)
    steps(0, undefined)
  }
  const done = path && isDone(path)
  return (
    <div class="descent predict">
      <p>
        Press Step until the loss is less than a twentieth of what it was. Then try a rate of 0.3:
        what will a step do?
      </p>
      <Fit
        x={scene.program.args[0] as HostTensor}
        t={scene.program.args[1] as HostTensor}
        path={path}
      />
      <div class="row">
        <Button main disabled={busy || !path} onPress={() => steps(1, path)}>
          Step
        </Button>
        <Button disabled={busy || !path} onPress={() => steps(10, path)}>
          10 steps
        </Button>
        <Button disabled={busy || !path} onPress={again}>
          Begin again
        </Button>
      </div>
      {path && (
        <Figures
          figures={[
            ['Steps', String(path.losses.length - 1)],
            ['Loss at first', show(path.losses[0])],
            ['Loss now', show(path.last.after)],
          ]}
        />
      )}
      {path && path.losses.length > 1 && (
        <p class="soft">
          The last step moved the loss by {show(path.last.after - path.last.before)}; by the
          gradient alone it would have been {show(-path.promised)}.
        </p>
      )}
      <p role="status" class={done ? 'right' : undefined}>
        {done && '✓ Less than a twentieth.'}
        {problem?.what}
      </p>
    </div>
  )
}

const [WIDE, HIGH] = [320, 150]

/** The points, the network's curve through them, and below it the loss of every step. */
function Fit({ x, t, path }: { x: HostTensor; t: HostTensor; path: Path | undefined }) {
  const across = (v: number) => 10 + ((v + 2) / 4) * (WIDE - 20)
  const up = (v: number) => HIGH / 2 - Math.max(-1.4, Math.min(1.4, v)) * 50
  const curve = path && Array.from(path.last.y, (v, i) => `${across(x.data[i])},${up(v)}`)
  return (
    <svg
      class="fit"
      viewBox={`0 0 ${WIDE} ${HIGH}`}
      role="img"
      aria-label={`24 points of a wave, and the network's curve${path ? `, at a loss of ${show(path.last.after)}` : ''}`}
    >
      <line class="axis" x1={10} x2={WIDE - 10} y1={HIGH / 2} y2={HIGH / 2} />
      {Array.from(t.data, (v, i) => (
        <circle key={i} cx={across(x.data[i])} cy={up(v)} r={3} />
      ))}
      {curve && <polyline class="curve" points={curve.join(' ')} />}
      {path && path.losses.length > 1 && (
        <>
          <text x={10} y={HIGH - 44}>
            loss
          </text>
          <polyline class="losses" points={trail(path.losses)} />
        </>
      )}
    </svg>
  )
}

const trail = (losses: readonly number[]): string => {
  const most = Math.max(...losses)
  return losses
    .map(
      (l, i) =>
        `${10 + (i / Math.max(20, losses.length - 1)) * (WIDE - 20)},${HIGH - 4 - (l / most) * 34}`,
    )
    .join(' ')
}
