// What tuning found: the tiles that were tried by turns, and the whole kernel's time before and after.

import { isMeasured } from '../../../bench/suite/measure.ts'
import { milliseconds } from '../../../bench/suite/report.ts'
import { Table } from '../ui/parts.tsx'
import type { Tuned } from './messages.ts'

const head = [
  ...['Kernel', 'Tiles tried', 'Shipped tile', 'its ms', 'Fastest tile', 'ms of that'],
  ...['Ratio', 'Before → after, ms'],
]

export function TunedTable({ tuned }: { tuned: readonly Tuned[] }) {
  return (
    <>
      <Table
        head={head}
        rows={tuned.flatMap(({ before, after, classes }) => {
          const again = isMeasured(after) ? milliseconds(after.ms) : after.problem
          const timed = `${milliseconds(before.ms)} → ${again}`
          if (!classes.length) return [[before.name, 'no time for it', '', '', '', '', '', timed]]
          return classes.map(({ tried, usual, usualMs, tile, tileMs, ratio }) => [
            before.name,
            tried,
            usual,
            milliseconds(usualMs),
            tile === usual ? 'none faster' : tile,
            tile === usual ? '' : milliseconds(tileMs),
            tile === usual ? '' : `× ${ratio.toFixed(2)}`,
            timed,
          ])
        })}
      />
      <p class="soft">
        Tiles run by turns, so that what else the machine does meets all of them; one is chosen only
        where it was the faster in nearly every round, by 7 % or more. The times before and after
        are of two moments and differ by noise too. What was chosen is kept in this browser: the
        schedules “tuned in this browser” have it.
      </p>
    </>
  )
}
