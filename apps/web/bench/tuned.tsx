// What tuning changed: the tile that was tried out as the fastest, and the kernel's time before and after.

import { isMeasured } from '../../../bench/suite/measure.ts'
import { milliseconds } from '../../../bench/suite/report.ts'
import { Table } from '../ui/parts.tsx'
import type { Tuned } from './messages.ts'

export function TunedTable({ tuned }: { tuned: readonly Tuned[] }) {
  return (
    <>
      <Table
        head={['Kernel', 'Before, ms', 'After, ms', 'Ratio', 'Tile before', 'Tile chosen', 'Tried']}
        rows={tuned.map(({ before, after, classes }) => [
          before.name,
          milliseconds(before.ms),
          isMeasured(after) ? milliseconds(after.ms) : after.problem,
          isMeasured(after) ? `× ${(after.ms / before.ms).toFixed(2)}` : '',
          each(classes.map(({ usual }) => usual)),
          each(classes.map(({ usual, tile }) => (tile === usual ? 'the same' : tile))),
          classes.reduce((n, { tried }) => n + tried, 0),
        ])}
      />
      <p class="soft">
        A tile is chosen only where it was the faster in nearly every round, by 7 % or more. The
        times before and after are two measurements, and differ by as much as their spread allows.
        What was chosen is kept in this browser: choose the schedules “tuned in this browser” for
        it.
      </p>
    </>
  )
}

const each = (texts: readonly string[]): string =>
  [...new Set(texts)].join('; ') || 'no time for it'
