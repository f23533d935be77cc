// A run as a file.

import type { Failed, Measured } from '../../../bench/suite/measure.ts'
import type { Opened, Saved, Tuned } from './messages.ts'

export interface Finished {
  readonly opened: Opened
  readonly share: number
  readonly results: readonly (Measured | Failed)[]
  readonly tuned: readonly Tuned[]
}

export function savedOf({ opened, share, results, tuned }: Finished): Saved {
  return {
    format: 'atrous-bench',
    version: 1,
    made: new Date().toISOString(),
    browser: navigator.userAgent,
    adapter: opened.line,
    software: opened.software,
    schedules: opened.tuningFrom,
    timer: opened.timer,
    share,
    ceilings: opened.ceilings,
    results,
    // A page has no share of the host to time by itself.
    host: [],
    tuned,
  }
}

export function download(finished: Finished): void {
  const saved = savedOf(finished)
  const text = `${JSON.stringify(saved, undefined, 1)}\n`
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `atrous-bench-${saved.made.slice(0, 19).replaceAll(':', '')}.json`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
