// Experiments by name: the papers' tables, and what they claim in small.

import { OptionError } from '../../engine/errors.ts'
import { suggest } from '../../nn/near.ts'
import { published } from '../results/table.ts'
import { ablations } from './ablations.ts'
import { experimentOf } from './from-table.ts'
import { type Experiment, type ExperimentRow, isRun, type QuotedRow } from './row.ts'

export { type Experiment, type ExperimentRow, isRun, type QuotedRow }

/** All of which a row is run for. */
export const experiments: readonly Experiment[] = [
  ...ablations,
  ...published.map(experimentOf),
].filter(({ rows }) => rows.some(isRun))

/** Throws OptionError where there is no such experiment. */
export function experimentNamed(id: string): Experiment {
  const found = experiments.find((e) => e.id === id)
  if (found) return found
  throw new OptionError(
    `there is no table ${id} to run`,
    suggest(
      id,
      experiments.map((e) => e.id),
    ),
  )
}
