// Where a function is chosen or written, and where what is wrong with it is said.

import { useEffect, useRef } from 'preact/hooks'
import { Button, Card, Choice, Field } from '../ui/parts.tsx'
import { type Problem, ProblemBox } from '../ui/problem.tsx'
import { examples } from './examples.ts'
import { type Recompute, recomputes } from './explored.ts'

/** What a plan is made for. */
export const targets = ['this adapter', 'default limits', 'a discrete GPU'] as const
export type Target = (typeof targets)[number]

export interface Written {
  readonly code: string
  readonly inputs: string
}

export interface EditorProps {
  readonly example: string
  readonly onExample: (name: string) => void
  readonly written: Written
  /** As it was last traced. */
  readonly traced: Written | undefined
  readonly onWrite: (written: Written) => void
  readonly onTrace: () => void
  readonly recompute: Recompute
  readonly onRecompute: (how: Recompute) => void
  readonly target: Target
  readonly onTarget: (target: Target) => void
  readonly problem: Problem | undefined
  readonly busy: boolean
}

const recomputeNames: Readonly<Record<Recompute, string>> = {
  none: 'nothing: all values wait',
  cheap: 'what is cheap',
  least: 'as much as saves memory',
}

export function Editor(props: EditorProps) {
  const { written, onWrite } = props
  const names = Object.entries(examples).map(([value, { title }]) => ({ value, text: title }))
  const known = props.example in examples
  const text = useRef<HTMLTextAreaElement>(null)
  // Once for each trace: what is chosen elsewhere must not take the focus.
  useEffect(() => selectLine(text.current, props.problem), [props.traced])
  return (
    <Card
      title="Function"
      aside={<a href="#explore/tour">Guided tour: reverse mode in ten steps</a>}
    >
      <div class="editor">
        <div class="stack">
          <Choice
            name="Example"
            value={known ? props.example : 'own'}
            options={known ? names : [...names, { value: 'own', text: 'Your own' }]}
            onChange={(name) => name !== 'own' && props.onExample(name)}
          />
          <Field
            name="Arguments"
            note="Types as the engine prints them; i32[8]<5 draws labels below 5. Values are normal numbers, and street scenes where there are 16 × 16 pixels or more."
          >
            <input
              type="text"
              class="mono"
              spellcheck={false}
              value={written.inputs}
              onInput={({ currentTarget }) => onWrite({ ...written, inputs: currentTarget.value })}
            />
          </Field>
          <Choice
            name="Run again for the backward pass"
            value={props.recompute}
            options={recomputes.map((value) => ({ value, text: recomputeNames[value] }))}
            onChange={props.onRecompute}
          />
          <Choice
            name="Planned for"
            value={props.target}
            options={targets}
            onChange={props.onTarget}
          />
        </div>
        <div class="stack">
          <Field name="JavaScript, written with the library's own functions">
            <textarea
              ref={text}
              rows={14}
              spellcheck={false}
              autocapitalize="off"
              autocomplete="off"
              value={written.code}
              onInput={({ currentTarget }) => onWrite({ ...written, code: currentTarget.value })}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
                event.preventDefault()
                if (!props.busy) props.onTrace()
              }}
            />
          </Field>
          <div class="row">
            <Button main onPress={props.onTrace} disabled={props.busy}>
              Trace it
            </Button>
            <small>
              {props.busy
                ? 'Trying it …'
                : 'or Ctrl + Enter. Everything of the engine and of nn is in scope.'}
            </small>
          </div>
          {props.problem && <ProblemBox problem={props.problem} />}
        </div>
      </div>
    </Card>
  )
}

/** Marks the line that a mistake is in. */
function selectLine(text: HTMLTextAreaElement | null, problem: Problem | undefined): void {
  const line = Number(/^line (\d+):/.exec(problem?.what ?? '')?.[1])
  if (!text || !line) return
  const lines = text.value.split('\n')
  const start = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0)
  text.focus()
  text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0))
}
