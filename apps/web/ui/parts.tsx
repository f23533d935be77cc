// The few parts that every page is put together from. Looks are in app.css; behaviour is the browser's own: real buttons,
// labels, ranges, selects and details, so that keyboards and screen readers need nothing of ours.

import type { ComponentChildren, TargetedDragEvent } from 'preact'
import { useId, useRef, useState } from 'preact/hooks'
import { type DroppedFile, droppedFiles } from './dropped-files.ts'

type Children = { readonly children?: ComponentChildren }

/** A part of a page under its own heading. */
export function Card({
  title,
  aside,
  children,
}: Children & { title?: string; aside?: ComponentChildren }) {
  const id = useId()
  return (
    <section class="card" aria-labelledby={title ? id : undefined}>
      {title && (
        <header>
          <h2 id={id}>{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  )
}

export interface ButtonProps extends Children {
  readonly onPress: () => unknown
  readonly disabled?: boolean
  /** The one that this page is for. */
  readonly main?: boolean
  /** A toggle's state. */
  readonly pressed?: boolean
  readonly label?: string
}

export function Button({ onPress, disabled, main, pressed, label, children }: ButtonProps) {
  return (
    <button
      type="button"
      class={main ? 'main' : undefined}
      disabled={disabled}
      aria-pressed={pressed}
      aria-label={label}
      onClick={() => onPress()}
    >
      {children}
    </button>
  )
}

/** A named control. */
export function Field({ name, note, children }: Children & { name: string; note?: string }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label class="field">
      <span class="name">{name}</span>
      {children}
      {note && <small>{note}</small>}
    </label>
  )
}

export interface ChoiceProps<T extends string> {
  readonly name: string
  readonly value: T
  readonly options: readonly (T | { readonly value: T; readonly text: string })[]
  readonly onChange: (value: T) => void
  readonly note?: string
  readonly disabled?: boolean
}

export function Choice<T extends string>(props: ChoiceProps<T>) {
  return (
    <Field name={props.name} note={props.note}>
      <select
        value={props.value}
        disabled={props.disabled}
        onChange={({ currentTarget }) => props.onChange(currentTarget.value as T)}
      >
        {props.options.map((option) => {
          const { value, text } =
            typeof option === 'string' ? { value: option, text: option } : option
          return (
            <option key={value} value={value}>
              {text}
            </option>
          )
        })}
      </select>
    </Field>
  )
}

export interface SliderProps {
  readonly name: string
  readonly value: number
  readonly min: number
  readonly max: number
  readonly step?: number
  /** The value as a person reads it. */
  readonly text?: string
  readonly onChange: (value: number) => void
  readonly disabled?: boolean
}

export function Slider({ name, value, min, max, step, text, onChange, disabled }: SliderProps) {
  return (
    <label class="field slider">
      <span class="name">
        {name} <output>{text ?? value}</output>
      </span>
      <input
        type="range"
        min={min}
        max={max}
        step={step ?? 'any'}
        value={value}
        disabled={disabled}
        // The label's own control would be the output before it.
        aria-label={name}
        aria-valuetext={text}
        onInput={({ currentTarget }) => onChange(currentTarget.valueAsNumber)}
      />
    </label>
  )
}

export interface DropZoneProps extends Children {
  /** Called with what was dropped or chosen. */
  readonly onFiles: (files: readonly DroppedFile[]) => void
  readonly accept?: string
  readonly multiple?: boolean
  /** Whole folders, by the chooser too. */
  readonly folder?: boolean
  readonly label: string
}

/** Takes files by drop, by click, and by keyboard. */
export function DropZone({ onFiles, accept, multiple, folder, label, children }: DropZoneProps) {
  const [over, setOver] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const drop = async (event: TargetedDragEvent<HTMLElement>) => {
    event.preventDefault()
    setOver(false)
    if (!event.dataTransfer || input.current?.matches(':disabled')) return
    // A text or a link has none.
    const files = await droppedFiles(event.dataTransfer).catch(() => [])
    if (files.length) onFiles(files)
  }
  return (
    <label
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <input
        ref={input}
        type="file"
        class="unseen"
        accept={accept}
        multiple={multiple || folder}
        {...(folder ? { webkitdirectory: true } : {})}
        aria-label={label}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])]
          // So that the same file can be chosen again.
          currentTarget.value = ''
          if (files.length)
            onFiles(files.map((file) => ({ file, path: file.webkitRelativePath || file.name })))
        }}
      />
      {children ?? label}
    </label>
  )
}

export interface ProgressProps {
  readonly text: string
  /** In [0, 1]; left out where nobody knows. */
  readonly share?: number
  /** Whether screen readers say every text; for texts that change seldom. */
  readonly announced?: boolean
}

/** How far something has come. */
export function Progress({ text, share, announced }: ProgressProps) {
  return (
    <div class="progress" role={announced ? 'status' : undefined}>
      <progress max={1} value={share} aria-label={text} />
      <span>{text}</span>
    </div>
  )
}

/** Figures with their names, in a row that wraps. */
export function Figures({
  figures,
}: {
  figures: readonly (readonly [name: string, value: string])[]
}) {
  return (
    <dl class="figures">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** A table that scrolls sideways where it must; cells after the first are figures. */
export function Table(props: {
  readonly caption?: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly ComponentChildren[])[]
}) {
  return (
    <div class="scroll">
      <table>
        {props.caption && <caption>{props.caption}</caption>}
        <thead>
          <tr>
            {props.head.map((text) => (
              <th key={text} scope="col">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((cells, row) => (
            <tr key={row}>
              {cells.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
