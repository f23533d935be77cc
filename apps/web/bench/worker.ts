// Measures and tunes on a device of its own, away from the page's thread.

import { type Case, kernelCases } from '../../../bench/suite/cases.ts'
import { measureCeilings } from '../../../bench/suite/ceilings.ts'
import { type Measured, measure, type Yardstick } from '../../../bench/suite/measure.ts'
import { openTimer, timerLine } from '../../../bench/suite/timer.ts'
import { type Device, openDevice } from '../../../engine/index.ts'
import { serve } from '../remote.ts'
import type { BenchEvents, BenchFunctions, Opened, Wanted } from './messages.ts'

let at: { readonly device: Device; readonly by: Yardstick; readonly opened: Opened } | undefined
let cases: readonly Case[] = []
let cancelled = false

const functions: BenchFunctions = {
  async open(schedules) {
    cancelled = false
    close()
    const device = await openDevice({ tuning: schedules, say: () => {} })
    const timer = await openTimer(device)
    const ceilings = await measureCeilings(device, timer)
    const { timestampStep, wallStep, roundTrip } = timer
    const opened: Opened = {
      line: device.line,
      software: device.caps.software,
      warnings: device.warnings,
      tuningFrom: device.tuningFrom,
      timer: { timestampStep, wallStep, roundTrip },
      timerLine: timerLine(timer),
      ceilings,
    }
    at = { device, by: { timer, ceilings }, opened }
    return opened
  },

  run(wanted) {
    cases = wantedCases(wanted)
    return each(cases, async (c, { device, by, opened }) => {
      send('result', await measure(device, c, by, secondsFor(opened)))
    })
  },

  tune(before, seconds) {
    cancelled = false
    const chosen = before.flatMap((was) => cases.filter(({ name }) => name === was.name))
    return each(chosen, async (c, { device, by, opened }, progress) => {
      const { measured } = await device.tune(c.fn, c.args(), {
        seconds,
        again: true,
        onProgress: (_, __, problemClass) => progress(`trying tiles for ${problemClass}`),
      })
      progress('timed again')
      const after = await measure(device, c, by, secondsFor(opened))
      const classes = measured.map((m) => ({
        problemClass: m.problemClass,
        usual: m.defaultTile,
        usualMs: m.defaultMs,
        tile: m.tile,
        tileMs: m.ms,
        ratio: m.ratio,
        tried: m.candidates.length,
      }))
      send('tuned', {
        before: before.find(({ name }) => name === c.name) as Measured,
        after,
        classes,
      })
    })
  },

  cancel() {
    cancelled = true
  },
}

/** Milliseconds on software adapters are many: of few runs. */
const secondsFor = ({ software }: Opened): number => (software ? 0.05 : 0.25)

/** A quick run has two cases of a family; where there are more than two families of convolutions, each has its own. */
function wantedCases({ which, share }: Wanted): Case[] {
  const all = kernelCases(share, which === 'quick')
  return which === 'quick' || which === 'all' ? all : all.filter(({ family }) => family === which)
}

type Open = NonNullable<typeof at>

async function each(
  list: readonly Case[],
  work: (c: Case, open: Open, progress: (text: string) => void) => Promise<void>,
): Promise<boolean> {
  if (!at) throw new Error('no device is open')
  for (const [done, c] of list.entries()) {
    if (cancelled) return false
    const progress = (text: string) =>
      send('progress', { done, of: list.length, text: text ? `${c.name}: ${text}` : c.name })
    progress('')
    await work(c, at, progress)
    // A device that was lost refuses everything: that is no kernel's own failure.
    at.device.check()
  }
  return !cancelled
}

function close(): void {
  at?.by.timer.close()
  at?.device.close()
  at = undefined
}

const send = serve<BenchEvents>(functions)
