// What a run folder says of its run in a few words: for lists, reports and whoever watches. Folders of older versions hold less,
// and nothing of what is missing is an error.

import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Point } from '../charts/chart.ts'
import type { CodeVersion } from './code-version.ts'
import type { MetricsRecord, RunFolder, RunState } from './folder.ts'
import { holderOf } from './lock.ts'

export type RunStateName = 'running' | 'stopped' | 'trained' | 'finished' | 'failed'

export interface RunInfo {
  readonly name: string
  readonly folder: string
  readonly state: RunStateName
  /** Why it failed, or that it was killed. */
  readonly note?: string | undefined
  readonly step: number
  readonly of?: number | undefined
  readonly seconds?: number | undefined
  readonly best?: { readonly step: number; readonly score: number } | undefined
  readonly scoreName: string
  readonly network?: string | undefined
  readonly data?: string | undefined
  readonly config: RunConfig
  /** What state.json holds; undefined for a run of an older version. */
  readonly progress?: RunState | undefined
}

/** What config.json may hold. */
export interface RunConfig {
  readonly recipe?: Readonly<Record<string, unknown>>
  readonly device?: string
  readonly code?: CodeVersion
  readonly command?: string
}

export interface ValidationRecord {
  readonly step: number
  readonly score: number
  readonly scoreName: string
  readonly figures: Readonly<Record<string, number>>
  readonly ious: Readonly<Record<string, number | null>>
}

/** Throws DataError where the configuration or the metrics are damaged. */
export async function runInfo(run: RunFolder): Promise<RunInfo> {
  const config = ((await run.readConfig()) ?? {}) as RunConfig
  const progress = await run.readState()
  // The metrics of a long run are long: they are read only where nothing shorter says the same.
  const records = progress ? [] : await run.readMetrics()
  const validations = validationsOf(records)
  const best = progress ? progress.best : bestValidation(validations)
  return {
    name: basename(resolve(run.folder)),
    folder: run.folder,
    ...stateOf(run, progress),
    step: progress?.step ?? records.at(-1)?.step ?? 0,
    of: progress?.of ?? (config.recipe?.['steps'] as number | undefined),
    seconds: progress?.seconds,
    best: best && { step: best.step, score: best.score },
    scoreName: progress?.scoreName ?? validations.at(-1)?.scoreName ?? 'mean IoU',
    network: networkName(config.recipe?.['model']),
    data: dataName(config.recipe?.['data']),
    config,
    progress,
  }
}

function stateOf(run: RunFolder, progress: RunState | undefined): Pick<RunInfo, 'state' | 'note'> {
  const state = progress?.state
  const held = holderOf(run.folder) !== undefined
  if (state === undefined) {
    if (held) return { state: 'running' }
    return { state: existsSync(run.path('scores.json')) ? 'finished' : 'stopped' }
  }
  if (state === 'running') return held ? { state } : { state: 'stopped', note: 'it was killed' }
  if (state === 'trained' && held) return { state: 'running', note: 'scoring the test split' }
  return { state, note: progress?.message }
}

/** One figure of the steps that have it, such as `loss`. */
export const seriesOf = (records: readonly MetricsRecord[], key: string): Point[] =>
  records.flatMap((record) => {
    const value = record[key]
    return typeof value === 'number' ? [{ step: record.step, value }] : []
  })

/** The validations among the records of metrics.jsonl, those of older versions too. */
export function validationsOf(records: readonly MetricsRecord[]): ValidationRecord[] {
  return records.flatMap(({ step, ...record }) => {
    const validation = record['validation'] as Record<string, unknown> | undefined
    if (typeof validation !== 'object' || validation === null) return []
    const {
      score = validation['meanIoU'],
      scoreName = 'mean IoU',
      seconds,
      ious,
      ...rest
    } = validation
    if (typeof score !== 'number') return []
    const figures = Object.fromEntries(
      Object.entries(rest).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number',
      ),
    )
    return [
      {
        step,
        score,
        scoreName: String(scoreName),
        figures,
        ious: (ious ?? {}) as ValidationRecord['ious'],
      },
    ]
  })
}

/** The first of those with the highest score. */
export const bestValidation = (
  validations: readonly ValidationRecord[],
): ValidationRecord | undefined =>
  validations.reduce<ValidationRecord | undefined>(
    (best, v) => (best && best.score >= v.score ? best : v),
    undefined,
  )

/** `frrn-a (base 8, lanes 8)`: what every run has, the classes and the seed, left out. */
function networkName(model: unknown): string | undefined {
  const { name, options } = (model ?? {}) as { name?: unknown; options?: Record<string, unknown> }
  if (typeof name !== 'string') return undefined
  const own = Object.entries(options ?? {}).filter(
    ([key, value]) => key !== 'classes' && key !== 'seed' && typeof value !== 'object',
  )
  return own.length ? `${name} (${own.map(([key, value]) => `${key} ${value}`).join(', ')})` : name
}

/** `camvid`, or `pairs (my-photos)`: never where the folder lies. */
function dataName(data: unknown): string | undefined {
  const { kind, folder } = (data ?? {}) as { kind?: unknown; folder?: unknown }
  if (typeof kind !== 'string') return undefined
  const own = typeof folder === 'string' ? basename(folder) : kind
  return own.toLowerCase() === kind ? kind : `${kind} (${own})`
}
