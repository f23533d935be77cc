// Three small maps side by side, x, g and dw: choose an element of dw, and the products that are added up in it are marked.

import { useState } from 'preact/hooks'
import type { HostTensor } from '../../../../engine/index.ts'
import { type Term, termsOf } from './claims-tensors.ts'
import { show } from './measure.ts'
import { NoValues } from './parts.tsx'
import { arrayOf } from './program.ts'
import type { StepProps } from './step.ts'

export function Terms({ scene }: StepProps) {
  const [at, setAt] = useState(0)
  const [x, w, g] = scene.program.args as readonly HostTensor[]
  const { value } = scene.values
  if (!scene.runner) return <NoValues />
  const dw = value?.results.dw && arrayOf(value, 'dw')
  const chosen = Math.min(at, w.data.length - 1)
  const terms = termsOf(scene, chosen)
  const sum = terms.reduce((s, [a, b]) => s + x.data[a] * g.data[b], 0)
  return (
    <div class="terms">
      <div class="maps">
        <Map name="x" of={x} marked={new Set(terms.map(([a]) => a))} />
        <Map name="g" of={g} marked={new Set(terms.map(([, b]) => b))} />
        <Map
          name="dw"
          of={dw ? { ...w, data: dw } : w}
          hidden={!dw}
          marked={new Set([chosen])}
          onChoose={setAt}
        />
      </div>
      <p class="soft" role="status">
        dw[{placeOf(chosen, w)}] = {sumOf(terms, x, g)} = <b>{show(sum)}</b>
        {dw && `; the device has ${show(dw[chosen])}`}
      </p>
    </div>
  )
}

/** A map [1, h, w, 1], a weight [h, w, 1, 1] or a matrix [h, w] as a grid. */
const gridOf = ({ shape }: HostTensor): [rows: number, columns: number] =>
  shape.length === 2
    ? [shape[0], shape[1]]
    : shape[0] === 1
      ? [shape[1], shape[2]]
      : [shape[0], shape[1]]

const placeOf = (i: number, of: HostTensor): string => {
  const [, columns] = gridOf(of)
  return `${Math.floor(i / columns)}, ${i % columns}`
}

const sumOf = (terms: readonly Term[], x: HostTensor, g: HostTensor): string =>
  terms
    .filter(([a, b]) => x.data[a] && g.data[b])
    .map(([a, b]) => `${show(x.data[a])}·${show(g.data[b])}`)
    .join(' + ') || '0'

function Map(props: {
  readonly name: string
  readonly of: HostTensor
  readonly marked: ReadonlySet<number>
  readonly hidden?: boolean
  readonly onChoose?: (i: number) => void
}) {
  const { name, of, marked, hidden, onChoose } = props
  const [rows, columns] = gridOf(of)
  const cell = (i: number) => {
    const text = hidden ? '…' : show(of.data[i])
    const kind = marked.has(i) ? 'marked' : undefined
    if (!onChoose) return <span class={kind}>{text}</span>
    return (
      <button
        type="button"
        class={kind}
        aria-pressed={marked.has(i)}
        aria-label={`${name}[${placeOf(i, of)}] ${text}`}
        onClick={() => onChoose(i)}
      >
        {text}
      </button>
    )
  }
  return (
    <table class={`map ${onChoose ? 'choosable' : ''}`}>
      <caption>
        <code>{name}</code> {rows}×{columns}
      </caption>
      <tbody>
        {Array.from({ length: rows }, (_, r) => (
          <tr key={r}>
            {Array.from({ length: columns }, (_, c) => (
              <td key={c}>{cell(columns * r + c)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
