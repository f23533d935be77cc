// A question whose answer is computed.

import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import { Button } from '../../ui/parts.tsx'
import { type Problem, ProblemBox, problemOf } from '../../ui/problem.tsx'

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
  const [problem, setProblem] = useState<Problem>()
  const check = async () => {
    if (!answer || given === '' || busy) return
    setBusy(true)
    setProblem(undefined)
    try {
      const computed = await answer()
      const right =
        typeof computed === 'number'
          ? Math.abs(numberIn(given) - computed) <= 0.005 * Math.abs(computed) + 1e-6
          : given === computed
      setSaid({ right, answer: computed })
      if (right) onSolved()
    } catch (error) {
      setProblem(problemOf(error))
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
      {problem && <ProblemBox problem={problem} />}
    </form>
  )
}

/** A number as people write it, with either minus sign and either decimal mark. */
const numberIn = (text: string): number => Number(text.trim().replace('−', '-').replace(',', '.'))
