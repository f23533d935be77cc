// What the page and its worker say to each other, and the file that a run leaves.

import type { Ceilings } from '../../../bench/suite/ceilings.ts'
import type { Failed, Measured } from '../../../bench/suite/measure.ts'
import type { Run } from '../../../bench/suite/report.ts'
import type { Timer } from '../../../bench/suite/timer.ts'

export interface Opened {
  readonly line: string
  readonly software: boolean
  readonly warnings: readonly string[]
  /** Where schedules come from: `shipped defaults`, or the table that this browser keeps. */
  readonly tuningFrom: string
  readonly timer: Pick<Timer, 'timestampStep' | 'wallStep' | 'roundTrip'>
  readonly timerLine: string
  readonly ceilings: Ceilings
}

export interface Wanted {
  /** Every family's first two cases, all cases, or those of one family. */
  readonly which: 'quick' | 'all' | (string & {})
  /** Part of the papers' sides. */
  readonly share: number
}

/** What tuning found for one kernel, and its times under the old and the new schedule. */
export interface Tuned {
  readonly before: Measured
  readonly after: Measured | Failed
  /** Classes of problems that were measured, with what won and by how much. */
  readonly classes: readonly {
    readonly problemClass: string
    readonly usual: string
    readonly usualMs: number
    /** The winner; `usual` where nothing beat it by more than noise. */
    readonly tile: string
    readonly tileMs: number
    /** Of their times, by turns. */
    readonly ratio: number
    readonly tried: number
  }[]
}

export interface BenchFunctions {
  /** Opens the adapter with the shipped schedules, or with those that were tuned in this browser; measures its ceilings. */
  open(schedules: 'shipped' | 'cached'): Promise<Opened>
  /** Resolves to false when it was cancelled. */
  run(wanted: Wanted): Promise<boolean>
  /** Tunes these cases of the last run, `seconds` each, and times them again; false when it was cancelled. */
  tune(before: readonly Measured[], seconds: number): Promise<boolean>
  /** Ends what runs, after the kernel at hand. */
  cancel(): void
}

export interface BenchEvents {
  progress: { readonly done: number; readonly of: number; readonly text: string }
  result: Measured | Failed
  tuned: Tuned
}

/** What Download JSON writes; `npm run bench -- --compare FILE` reads it too. */
export interface Saved extends Run {
  readonly format: 'atrous-bench'
  readonly version: 1
  /** When, as ISO 8601 has it. */
  readonly made: string
  readonly browser: string
  readonly software: boolean
  readonly schedules: string
  readonly timer: Opened['timer']
  readonly tuned: readonly Tuned[]
}
