// The stages as steps: one after the other by buttons and arrow keys, or scrubbed through by a slider.

import { useEffect, useRef } from 'preact/hooks'
import { Button } from '../ui/parts.tsx'
import { type Step, summaryOf } from './explored.ts'

export function StagesBar(props: {
  readonly steps: readonly Step[]
  readonly at: number
  readonly onGo: (at: number) => void
}) {
  const { steps, at, onGo } = props
  const last = steps.length - 1
  const list = useRef<HTMLOListElement>(null)
  useEffect(() => {
    const now = list.current?.querySelector<HTMLElement>('[aria-current]')
    if (list.current && now)
      list.current.scrollLeft =
        now.offsetLeft - list.current.offsetLeft - (list.current.clientWidth - now.offsetWidth) / 2
  }, [at])
  return (
    <div class="stages">
      <div class="track">
        <Button onPress={() => onGo(at - 1)} disabled={at === 0} label="The stage before">
          ‹
        </Button>
        <ol ref={list}>
          {steps.map(({ name, graph }, i) => (
            <li key={name}>
              <button
                type="button"
                class={i < at ? 'past' : undefined}
                aria-current={i === at ? 'step' : undefined}
                onClick={() => onGo(i)}
              >
                <span>{name}</span>
                <small>{graph.nodes.length} nodes</small>
              </button>
            </li>
          ))}
        </ol>
        <Button onPress={() => onGo(at + 1)} disabled={at === last} label="The next stage">
          ›
        </Button>
      </div>
      <input
        type="range"
        aria-label="Stage"
        aria-valuetext={steps[at].name}
        min={0}
        max={last}
        step={1}
        value={at}
        onInput={({ currentTarget }) => onGo(currentTarget.valueAsNumber)}
      />
      <p role="status">
        {steps[at].text} <span class="soft">{summaryOf(steps[at])}</span>
      </p>
    </div>
  )
}
