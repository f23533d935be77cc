// The guided tour: ten steps from a product of two numbers to a residual block. `#explore/tour/7` is its seventh.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Node } from '../../../engine/tensor.ts'
import { Button } from '../ui/parts.tsx'
import { ProblemBox } from '../ui/problem.tsx'
import { store, stored } from '../ui/stored.ts'
import { forgetLoss } from './device.ts'
import { GraphView } from './graph-view.tsx'
import { Code, Sliders } from './tour/code.tsx'
import { type ExampleName, examples } from './tour/examples.ts'
import { MachineContext, useMachine, useOpenedMachine, useScene } from './tour/live.ts'
import { Claims, NodeLine, ResultList, wordsOf } from './tour/parts.tsx'
import { firstSettings, type Settings } from './tour/program.ts'
import { ChosenContext } from './tour/rules.tsx'
import type { Step } from './tour/step.ts'
import { steps } from './tour/steps.ts'

export default function Tour() {
  const machine = useOpenedMachine()
  const [number, go] = useNumber()
  const [solved, solve] = useSolved()
  const [settings, setSettings] = useState<Partial<Record<ExampleName, Settings>>>({})
  const step = steps[number - 1]
  const { example } = step
  const heading = useRef<HTMLHeadingElement>(null)
  const move = (to: number) => {
    go(to)
    heading.current?.focus({ preventScroll: true })
    scrollTo({ top: 0 })
  }
  useArrowKeys((by) => move(number + by))
  return (
    <MachineContext value={machine}>
      <div class="tour">
        <header class="tour-head">
          <Progress number={number} solved={solved} />
          <h1 ref={heading} tabIndex={-1}>
            <small>
              Step {number} of {steps.length}
            </small>
            {step.title}
          </h1>
        </header>
        {machine.problem && <ProblemBox problem={machine.problem} />}
        {machine.lost && <ProblemBox problem={machine.lost} onClose={forgetLoss} />}
        <StepView
          key={number}
          step={step}
          settings={settings[example] ?? firstSettings(examples[example])}
          onChange={(next) => setSettings({ ...settings, [example]: next })}
          solved={solved.has(number)}
          onSolved={() => solve(number)}
        />
        <nav class="tour-foot" aria-label="Steps before and after">
          <Button disabled={number === 1} onPress={() => move(number - 1)} label="Step before">
            ← {steps[number - 2]?.title ?? 'Back'}
          </Button>
          {number < steps.length ? (
            <Button main onPress={() => move(number + 1)} label="Next step">
              {steps[number].title} →
            </Button>
          ) : (
            <a class="button" href="#explore">
              To a function of your own →
            </a>
          )}
        </nav>
      </div>
    </MachineContext>
  )
}

/** Every step as a link, with those marked whose task is done. */
function Progress({ number, solved }: { number: number; solved: ReadonlySet<number> }) {
  return (
    <nav aria-label="Steps of the tour">
      <ol class="tour-steps">
        {steps.map(({ title }, i) => (
          <li key={title}>
            <a
              href={`#explore/tour/${i + 1}`}
              aria-current={i + 1 === number ? 'step' : undefined}
              aria-label={`${i + 1}. ${title}${solved.has(i + 1) ? ', done' : ''}`}
              title={title}
              class={solved.has(i + 1) ? 'solved' : undefined}
            >
              {i + 1}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  )
}

interface StepViewProps {
  readonly step: Step
  readonly settings: Settings
  readonly onChange: (settings: Settings) => void
  readonly solved: boolean
  readonly onSolved: () => void
}

function StepView({ step, settings, onChange, solved, onSolved }: StepViewProps) {
  const { Text, Task, Show } = step
  const example = examples[step.example]
  const { problem } = useMachine()
  const scene = useScene(step.example, settings, (gap, value) =>
    onChange({ ...settings, [gap]: value }),
  )
  const [chosen, choose] = useState<Node>()
  const pick = useMemo(() => ({ chosen, choose }), [chosen])
  const words = useMemo(() => wordsOf(scene), [scene.stages, scene.values])
  const code = { example, settings, onChange: scene.change }
  return (
    <ChosenContext value={pick}>
      <div class="tour-left">
        <section class="card tour-text" aria-label="What there is to understand">
          <Text />
          <small>
            The walk in the repository says more:{' '}
            {step.pages.map((page) => `docs/${page}.md`).join(', ')}
          </small>
        </section>
        <section class="card tour-task" aria-label="Task">
          <header>
            <h3>Your turn</h3>
            {solved && <span class="right">done</span>}
          </header>
          <Task scene={scene} onSolved={onSolved} />
        </section>
        <Claims scene={scene} />
      </div>
      <div class="tour-right">
        <section class="card tour-code" aria-label="The program">
          <Code {...code} />
          <Sliders {...code} />
          {!scene.program.resultsOnly && <ResultList scene={scene} />}
          {scene.values.problem && !problem && <ProblemBox problem={scene.values.problem} />}
        </section>
        {Show && (
          <section class="card tour-show" aria-label="Shown">
            <Show scene={scene} onSolved={onSolved} />
          </section>
        )}
        {step.graph && (
          <section class="card tour-graph" aria-label="The graph">
            <GraphView
              graph={scene.stages.traced}
              selected={chosen}
              onSelect={choose}
              words={words}
              label="The program, as it is written down"
            />
            <NodeLine scene={scene} node={chosen} words={words} />
          </section>
        )}
      </div>
    </ChosenContext>
  )
}

/** The step that the address names, and what goes to another. */
function useNumber(): [number: number, go: (to: number) => void] {
  const read = () => {
    const number = Number(/^#explore\/tour\/(\d+)/.exec(location.hash)?.[1] ?? 1)
    return Math.min(steps.length, Math.max(1, number))
  }
  const [number, setNumber] = useState(read)
  useEffect(() => {
    const changed = () => setNumber(read())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  const go = (to: number) => {
    if (to < 1 || to > steps.length) return
    setNumber(to)
    location.hash = `explore/tour/${to}`
  }
  return [number, go]
}

/** The tasks that are done; kept for the next visit. */
function useSolved(): [solved: ReadonlySet<number>, solve: (number: number) => void] {
  const [solved, setSolved] = useState(
    () => new Set((stored('tour') ?? '').split(' ').filter(Boolean).map(Number)),
  )
  const solve = (number: number) =>
    setSolved((before) => {
      if (before.has(number)) return before
      const after = new Set([...before, number])
      store('tour', [...after].join(' '))
      return after
    })
  return [solved, solve]
}

/** Left and right, where they mean nothing else. */
function useArrowKeys(move: (by: number) => void) {
  const newest = useRef(move)
  newest.current = move
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const { key, target, altKey, ctrlKey, metaKey, shiftKey, defaultPrevented } = event
      if (defaultPrevented || altKey || ctrlKey || metaKey || shiftKey) return
      if ((target as Element).closest?.('input, select, textarea, svg, .drawing, pre')) return
      if (key === 'ArrowRight') newest.current(1)
      if (key === 'ArrowLeft') newest.current(-1)
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
}
