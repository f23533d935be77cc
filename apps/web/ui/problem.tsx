// What went wrong, in the library's own words: what and where, and what to do about it.

import { Button } from './parts.tsx'

export interface Problem {
  readonly what: string
  readonly toDo?: string
  /** The error's class, as `DeviceLostError`. */
  readonly kind: string
}

/** Of any error, a worker's too. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof Error)) return { what: String(error), kind: 'Error' }
  const { hint } = error as { hint?: string }
  const what = error.message.split('\n  hint: ')[0]
  return { what, toDo: hint, kind: error.name }
}

export function ProblemBox({ problem, onClose }: { problem: Problem; onClose?: () => void }) {
  const { what, toDo, kind } = problem
  return (
    <div class="problem" role="alert" data-kind={kind}>
      <p>
        <strong>{sentence(what)}</strong>
      </p>
      {toDo && <p>{sentence(toDo)}</p>}
      {onClose && (
        <Button onPress={onClose} label="Close this message">
          Close
        </Button>
      )}
    </div>
  )
}

/** With a capital and a full stop. */
export const sentence = (text: string): string => {
  // The name of a file stays as it is.
  const first = /^[^\s:]*\.\w/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}
