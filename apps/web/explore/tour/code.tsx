// An example's text, with controls in its gaps.

import { useState } from 'preact/hooks'
import { Slider } from '../../ui/parts.tsx'
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

interface GapProps {
  readonly gap: Gap
  readonly value: string
  readonly onChange: (value: string) => void
}

function GapControl(props: GapProps) {
  const { gap, value, onChange } = props
  if (!gap.options) return <NumberGap {...props} />
  return (
    <select
      class="gap"
      aria-label={gap.label}
      value={value}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    >
      {gap.options.map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  )
}

/** A number, taken as soon as what is typed is one; until the control is left it stays as it was typed. */
function NumberGap({ gap: { label, min, max, step }, value, onChange }: GapProps) {
  const [typed, setTyped] = useState<string>()
  const shown = typed ?? value
  const type = (text: string, given: number) => {
    setTyped(text)
    const whole = step !== 1 || Number.isInteger(given)
    if (given >= min! && given <= max! && whole) onChange(String(given))
  }
  return (
    <input
      class="gap"
      type="number"
      aria-label={label}
      style={{ width: `${Math.max(2, shown.length) + 3}ch` }}
      {...{ min, max, step }}
      value={shown}
      onInput={({ currentTarget }) => type(currentTarget.value, currentTarget.valueAsNumber)}
      onBlur={() => setTyped(undefined)}
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
