// What a table asks to be trained: one job for each row and seed, rows that are trained alike sharing one; and how far each is.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { listed } from '../../nn/near.ts'
import { type Experiment, type ExperimentRow, isRun } from '../../train/experiments/index.ts'
import { openRun } from '../../train/runs/folder.ts'
import type { TestTime } from '../../train/test-time.ts'

export interface Job {
  readonly seed: number
  /** The run's folder. */
  readonly folder: string
  /** Arguments of `train` for a new run. */
  readonly argv: readonly string[]
  /** Rows that it is the run of. */
  readonly rows: readonly ExperimentRow[]
  /** The folder that must be done before. */
  readonly after?: string
}

/** What all runs of a table are given. */
export interface Passed {
  readonly out: string
  readonly seeds: number
  /** Folders by data set's name; '' for all others. */
  readonly data: ReadonlyMap<string, string>
  /** Further arguments of `train`, which come last and so win. */
  readonly more: readonly string[]
}

/** The jobs of the rows chosen, all rows of the first seed first. Throws OptionError where the data of a row is not named. */
export function jobsOf(rows: readonly ExperimentRow[], all: Experiment, passed: Passed): Job[] {
  const wanted = withStages(rows, all)
  const groups = new Map<string, ExperimentRow[]>()
  for (const row of wanted) {
    const key = JSON.stringify([row.train, row.init, row.dataset])
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  const keyOf = (key: string) =>
    [...groups.values()].find((g) => g.some((r) => r.key === key))![0].key
  const folderOf = (key: string, seed: number) => join(passed.out, `${key}-seed${seed}`)
  const seeds = Array.from({ length: passed.seeds }, (_, i) => i + 1)
  return seeds.flatMap((seed) =>
    [...groups.values()].map(([first, ...others]): Job => {
      const after = first.init === undefined ? undefined : folderOf(keyOf(first.init), seed)
      const folder = folderOf(first.key, seed)
      const argv = [
        ...merged(first.train, passed.more),
        ...['--data', dataOf(first, passed.data), '--seed', `${seed}`, '--out', folder],
        ...(after === undefined ? [] : ['--init', after]),
      ]
      return { seed, folder, argv, rows: [first, ...others], ...(after !== undefined && { after }) }
    }),
  )
}

/** The rows, and before them those that they start from. */
function withStages(rows: readonly ExperimentRow[], all: Experiment): ExperimentRow[] {
  const out = new Set<ExperimentRow>()
  const add = (row: ExperimentRow): void => {
    const before = all.rows.filter(isRun).find(({ key }) => key === row.init)
    if (before) add(before)
    out.add(row)
  }
  rows.forEach(add)
  return [...out]
}

function dataOf({ dataset = '', key }: ExperimentRow, data: Passed['data']): string {
  const found = data.get(dataset) ?? data.get('')
  if (found !== undefined) return found
  throw new OptionError(
    `${key} is of ${dataset || 'a data set'}, and its folder is not named`,
    dataset ? `add --data ${dataset}=FOLDER, or --data FOLDER for all rows` : 'add --data FOLDER',
  )
}

/** Options that may be given once: those of the row go where the person gives others. */
const many = new Set(['--option', '--set'])
const limits = new Set(['--steps', '--minutes'])

function merged(own: readonly string[], more: readonly string[]): string[] {
  const given = new Set(more.filter((word) => word.startsWith('--') && !many.has(word)))
  if ([...limits].some((name) => given.has(name))) for (const name of limits) given.add(name)
  const kept = own.filter((word, i) => !given.has(word) && !given.has(own[i - 1]))
  return [...kept, ...more]
}

export type JobState = 'done' | 'begun' | 'waits'

/** How the weights of a row's run are tested, which are by themselves as `usual` says: what the row says goes before that, but for the
 * size, which stays that of training; --size may have changed it. */
export const procedureOf = ({ test }: Pick<ExperimentRow, 'test'>, usual: TestTime): TestTime => {
  const { resize: _, ...own } = test ?? {}
  return { ...usual, ...own }
}

/** How far a job is: its scores are written last. */
export function stateOf({ folder }: Pick<Job, 'folder'>): JobState {
  if (existsSync(join(folder, 'scores.json'))) return 'done'
  return existsSync(join(folder, 'checkpoint.safetensors')) ? 'begun' : 'waits'
}

/** The scores of a job's run, tested as its recipe says. */
export const scoresOf = async ({ folder }: Job): Promise<unknown> =>
  (await openRun(folder)).readJson('scores.json')

/** Rows by key, by number, or all. Throws OptionError for what is none. */
export function chosenRows({ rows, id }: Experiment, only: string | undefined): ExperimentRow[] {
  const runs = rows.filter(isRun)
  if (only === undefined) return runs
  return only.split(',').map((word) => {
    const found = runs.find(({ key }) => key === word || key.startsWith(`${word}-`))
    if (found) return found
    throw new OptionError(`${id} has no row ${word}`, `there are ${listed(runs.map((r) => r.key))}`)
  })
}
