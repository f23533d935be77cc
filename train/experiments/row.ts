// A row of a table as a training run of ours: arguments of `train`, and how its result is looked at.

import type { TestTime } from '../test-time.ts'

export interface ExperimentRow {
  /** Names the row and its folder, as `101-s8-k5-d12`. */
  readonly key: string
  /** What is the matter of the row, for people. */
  readonly label: string
  /** Data set that the paper's figures are of. */
  readonly dataset?: string
  /** Recipe and options, as `atrous train` takes them; rows with the same are trained once. */
  readonly train: readonly string[]
  /** Key of the row whose best weights it starts from. */
  readonly init?: string
  /** How its best weights are tested, where that is not as its recipe says. */
  readonly test?: TestTime
  /** What the paper prints, in percent unless `metrics` say otherwise. */
  readonly published?: Readonly<Record<string, number>>
}

/** A row that nothing is run for, and why. */
export interface QuotedRow {
  readonly label: string
  readonly published: Readonly<Record<string, number>>
  readonly without: string
}

export interface Experiment {
  /** As `p0-table4`, or `ablation-bootstrap` where the question is the papers' and the data is whatever there is. */
  readonly id: string
  readonly title: string
  readonly rows: readonly (ExperimentRow | QuotedRow)[]
}

export const isRun = (row: ExperimentRow | QuotedRow): row is ExperimentRow => 'train' in row
