// Live bytes over a step, drawn with characters.

import type { Account } from '../../engine/plan/account.ts'
import { tallest } from '../../train/charts/memory.ts'
import { short } from './table.ts'

const COLUMNS = 72
const ROWS = 12

/** A picture of the timeline; each character is one kind of memory at the fullest kernel of its column. */
export function livePicture({ timeline, peakBytes, arenaBytes }: Account): string[] {
  if (!timeline.length) return []
  const rest = peakBytes - arenaBytes
  const columns = tallest(timeline, COLUMNS)
  const backward = timeline.findIndex(({ pass }) => pass !== 'forward')
  const rows = Array.from({ length: ROWS }, (_, i) => {
    // The character says what is in the middle of its row.
    const height = ((ROWS - i - 0.5) * peakBytes) / ROWS
    const line = columns.map(({ live }) => {
      const waiting = rest + live.activationBytes
      const gradients = waiting + live.gradientBytes
      const all = gradients + live.transientBytes + live.workspaceBytes
      if (height <= rest) return '░'
      if (height <= waiting) return '█'
      if (height <= gradients) return '+'
      return height <= all ? '▒' : ' '
    })
    const label = i % 3 === 0 ? short(Math.round(((ROWS - i) * peakBytes) / ROWS), 'B') : ''
    return `${label.padStart(8)} ┤${line.join('').trimEnd()}`
  })
  const split = columns.findIndex(({ to }) => to > backward)
  const marks = backward < 0 ? 'forward' : `${'forward'.padEnd(split)}backward and updates`
  return [
    ...rows,
    `${' '.repeat(9)}└${'─'.repeat(columns.length)}`,
    `${' '.repeat(10)}${marks}`,
    '',
    `${' '.repeat(10)}░ variables, arguments, results  █ activations that wait`,
    `${' '.repeat(10)}+ gradients of parameters        ▒ short-lived values and scratch`,
  ]
}
