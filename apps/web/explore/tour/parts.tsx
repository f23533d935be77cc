// What the steps are made of: code with gaps, values, claims with their checks, and a question that is answered by computing.

import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import { showType } from '../../../../engine/dtype.ts'
import type { HostArray } from '../../../../engine/index.ts'
import { Names, titleOf } from '../../../../engine/print.ts'
import type { Node } from '../../../../engine/tensor.ts'
import { Button, Slider } from '../../ui/parts.tsx'
import { type LiveScene, useMachine } from './live.ts'
import { show } from './measure.ts'
import { type Example, type Gap, piecesOf, type Settings } from './program.ts'
import { vocabulary } from './vocabulary.ts'

interface CodeProps {
  readonly example: Example
  readonly settings: Settings
  readonly onChange: (gap: string, value: string) => void
}

/** An example's text with controls in its gaps, and the line that runs it. A gap that occurs twice is a control once. */
export function Code({ example, settings, onChange }: CodeProps) {
  const seen = new Set<string>()
  const line = (text: string) =>
    piecesOf(text).map(({ text, gap }, i) => {
      if (!gap) return <Words key={i} text={text!} />
      if (seen.has(gap)) return <b key={i}>{settings[gap]}</b>
      seen.add(gap)
      return (
        <GapControl
          key={gap}
          gap={example.gaps[gap]}
          value={settings[gap]}
          onChange={(value) => onChange(gap, value)}
        />
      )
    })
  return (
    <pre class="code">
      <code>{line(example.code)}</code>
      <code class="call">{line(`\n\n${example.call}`)}</code>
    </pre>
  )
}

const known = new RegExp(
  `(\\/\\/.*|\\b(?:const|let|return|for|of|true)\\b|\\b(?:${Object.keys(vocabulary).join('|')})(?=\\())`,
)

/** The library's functions and JavaScript's words in colours of their own. */
function Words({ text }: { text: string }) {
  return (
    <>
      {text.split(known).map((part, i) => {
        if (i % 2 === 0) return part
        const kind = part.startsWith('//') ? 'remark' : part in vocabulary ? 'op' : 'word'
        return (
          <span key={i} class={kind}>
            {part}
          </span>
        )
      })}
    </>
  )
}

function GapControl(props: { gap: Gap; value: string; onChange: (value: string) => void }) {
  const { gap, value, onChange } = props
  const { label, options, min, max, step } = gap
  if (options)
    return (
      <select
        class="gap"
        aria-label={label}
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      >
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    )
  return (
    <input
      class="gap"
      type="number"
      aria-label={label}
      style={{ width: `${Math.max(2, value.length) + 3}ch` }}
      {...{ min, max, step, value }}
      onChange={({ currentTarget }) => {
        const given = currentTarget.valueAsNumber
        if (!Number.isFinite(given)) return
        const inside = Math.min(max!, Math.max(min!, given))
        currentTarget.value = String(inside)
        onChange(String(inside))
      }}
    />
  )
}

/** A slider for each number of an example. */
export function Sliders({ example, settings, onChange }: CodeProps) {
  const numbers = Object.entries(example.gaps).filter(([, gap]) => !gap.options)
  if (!numbers.length) return null
  return (
    <div class="sliders">
      {numbers.map(([name, { label, min, max, step }]) => (
        <Slider
          key={name}
          name={label}
          value={Number(settings[name])}
          min={min!}
          max={max!}
          step={step!}
          onChange={(value) => onChange(name, String(Number(value.toFixed(4))))}
        />
      ))}
    </div>
  )
}

/** Up to eight numbers, and how many more. */
export function showArray(data: HostArray): string {
  const some = Array.from(data.subarray(0, 8), show)
  if (data.length === 1) return some[0]
  return `[${some.join(', ')}${data.length > 8 ? `, … ${data.length} in all` : ''}]`
}

/** The results of the last run, or why there are none. */
export function ResultList({ scene }: { scene: LiveScene }) {
  const { problem: none } = useMachine()
  const { value, problem, busy } = scene.values
  if (none || problem) return <NoValues />
  return (
    <dl class={`results ${busy ? 'busy' : ''}`} aria-busy={busy}>
      {Object.entries(scene.stages.result).map(([name]) => {
        const data = value?.results[name] as HostArray | undefined
        return (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-result={name}>{data ? showArray(data) : '…'}</dd>
          </div>
        )
      })}
    </dl>
  )
}

/** Why values are missing. */
export function NoValues() {
  const { problem } = useMachine()
  return (
    <p class="soft" role="status">
      {problem
        ? `No values: ${problem.what}. The text and the graphs need no device.`
        : 'No values: the run failed.'}
    </p>
  )
}

/** A node of the traced graph in words: its line, its value, and what it is the derivative of. */
export function NodeLine({ scene, node }: { scene: LiveScene; node: Node | undefined }) {
  const { nodes } = scene.stages.traced
  const i = node ? nodes.indexOf(node) : -1
  if (!node || i < 0)
    return <p class="node-line soft">Choose a node to see its type and its value.</p>
  const names = new Names(nodes)
  const data = scene.values.value?.nodes[i]?.[0]
  return (
    <p class="node-line" role="status">
      <code>
        {names.node(node)} {titleOf(node)} {node.types.map(showType).join(' ')}
      </code>
      {node.inputs.length > 0 && ` of ${node.inputs.map((t) => names.tensor(t)).join(' and ')}`}
      {data && (
        <>
          {' '}
          is <strong>{showArray(data)}</strong>
        </>
      )}
      {node.source &&
        `; it is part of the derivative of ${names.node(node.source)} ${titleOf(node.source)}`}
    </p>
  )
}

/** What a step claims, each with its check. */
export function Claims({ scene }: { scene: LiveScene }) {
  const { value, problem, busy } = scene.claims
  return (
    <section class="card claims" aria-busy={busy}>
      <h3>Checked just now</h3>
      <ul>
        {value?.map(({ text, holds }) => (
          <li key={text.split(':')[0]} data-holds={String(holds)}>
            <span class="mark" role="img" aria-label={wordFor(holds)}>
              {holds === undefined ? '○' : holds ? '✓' : '✗'}
            </span>
            <span>
              {text}
              {holds === undefined && <em class="soft"> (takes a device)</em>}
            </span>
          </li>
        ))}
        {!value && !problem && <li class="soft">…</li>}
        {problem && <li>{problem.what}</li>}
      </ul>
    </section>
  )
}

const wordFor = (holds: boolean | undefined): string =>
  holds === undefined ? 'not checked' : holds ? 'holds' : 'does not hold'

interface PredictProps {
  readonly question: ComponentChildren
  /** What to choose from; a number where there is nothing. */
  readonly choices?: readonly string[]
  /** Computes the answer; undefined where it takes a device and there is none. */
  readonly answer: (() => Promise<string | number>) | undefined
  /** Said when the prediction was right. */
  readonly because: ComponentChildren
  /** Said when it was wrong. */
  readonly hint: ComponentChildren
  readonly onSolved: () => void
}

/** A prediction to make, checked by computing the answer. */
export function Predict({ question, choices, answer, because, hint, onSolved }: PredictProps) {
  const id = useId()
  const [given, setGiven] = useState('')
  const [said, setSaid] = useState<{ right: boolean; answer: string | number }>()
  const [busy, setBusy] = useState(false)
  const check = async () => {
    if (!answer || given === '' || busy) return
    setBusy(true)
    try {
      const computed = await answer()
      const right =
        typeof computed === 'number'
          ? Math.abs(numberIn(given) - computed) <= 0.005 * Math.abs(computed) + 1e-6
          : given === computed
      setSaid({ right, answer: computed })
      if (right) onSolved()
    } finally {
      setBusy(false)
    }
  }
  const change = (value: string) => {
    setGiven(value)
    setSaid(undefined)
  }
  return (
    <form
      class="predict"
      onSubmit={(event) => {
        event.preventDefault()
        check()
      }}
    >
      {choices ? (
        <fieldset>
          <legend>{question}</legend>
          {choices.map((choice) => (
            <label key={choice} class="choice">
              <input
                type="radio"
                name={id}
                checked={given === choice}
                onChange={() => change(choice)}
              />
              {choice}
            </label>
          ))}
        </fieldset>
      ) : (
        <label class="field">
          <span>{question}</span>
          <input
            type="text"
            inputMode="decimal"
            autoComplete="off"
            value={given}
            onInput={({ currentTarget }) => change(currentTarget.value)}
          />
        </label>
      )}
      <div class="row">
        <Button main disabled={!answer || given === '' || busy} onPress={check}>
          Check
        </Button>
        <span role="status" class={said ? (said.right ? 'right' : 'wrong') : undefined}>
          {!answer && 'The answer is computed, which takes a device.'}
          {said && (said.right ? '✓ Right.' : '✗ Not yet.')}
        </span>
      </div>
      {said && <p>{said.right ? because : hint}</p>}
    </form>
  )
}

/** A number as people write it, with either minus sign and either decimal mark. */
const numberIn = (text: string): number => Number(text.trim().replace('−', '-').replace(',', '.'))
