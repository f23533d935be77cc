// The comparison as text.

import { isMeasured, type RowResult } from './compare.ts'
import type { First } from './worker.ts'

const engines = ['atrous', 'tfjs', 'jax', 'ort'] as const

const milliseconds = (ms: number) => (ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0))

export function heading(): string {
  const cells = engines.map((e) => e.padStart(8)).join(' ')
  return `${''.padEnd(34)} ${cells}    ratio target   wall   GFLOP/s of a processor`
}

/** One line; then, indented, what an engine could not do. */
export function line({ row, engines: results, ratio }: RowResult): string {
  const cell = (name: string) => {
    const found = results.find((r) => r.engine === name)
    if (!found) return ''
    return isMeasured(found) ? milliseconds(found.device) : '–'
  }
  const cells = engines.map((e) => cell(e).padStart(8)).join(' ')
  const shown = (value: number | undefined) => (value === undefined ? '' : value.toFixed(2))
  const met = ratio && ratio.device <= row.target ? ' ' : '!'
  const ours = results.find((r) => r.engine === 'atrous')
  const rate =
    ours && isMeasured(ours) && row.flops ? (row.flops / ours.device / 1e6).toFixed(1) : ''
  const first =
    `${row.name.padEnd(34)} ${cells} ${shown(ratio?.device).padStart(8)}${met}` +
    `${row.target.toFixed(2).padStart(6)} ${shown(ratio?.wall).padStart(6)}   ${rate.padStart(6)}`
  const problems = results.flatMap((r) =>
    isMeasured(r) ? [] : [`    ${r.engine}: ${r.problem.slice(0, 160)}`],
  )
  return [first, ...problems].join('\n')
}

export interface ColdStart {
  readonly engine: string
  readonly first?: First
  readonly problem?: string
}

export function coldLine({ engine, first, problem }: ColdStart): string {
  const name = `    ${engine.padEnd(8)}`
  if (!first) return `${name} ${problem}`
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(7)
  return (
    `${name} ${seconds(first.wall)}, ${seconds(first.processor)} of processors, ` +
    `${first.pipelines} pipelines, ${first.dispatches} dispatches a step`
  )
}
