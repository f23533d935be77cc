// The runs of a folder side by side: what each is and how it went, and where chosen ones differ.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError } from '../files.ts'
import { isRun, openRun } from './folder.ts'
import { type RunInfo, runInfo } from './info.ts'

export interface RunList {
  readonly runs: readonly RunInfo[]
  /** Folders that look like runs and cannot be read, with why. */
  readonly damaged: readonly { readonly folder: string; readonly message: string }[]
}

/** All runs directly in a folder, by name. Throws DataError where the folder cannot be read. */
export async function listRuns(root: string): Promise<RunList> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error) => {
    throw fileError(root, 'cannot be read', error, 'name the folder that runs are in')
  })
  const runs: RunInfo[] = []
  const damaged: { folder: string; message: string }[] = []
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  for (const name of names.sort(inOrder)) {
    const folder = join(root, name)
    if (!(await isRun(folder))) continue
    try {
      runs.push(await runInfo(await openRun(folder)))
    } catch (error) {
      damaged.push({ folder, message: (error as Error).message.split('\n')[0] })
    }
  }
  return { runs, damaged }
}

/** `street-2` before `street-10`. */
const inOrder = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

/** What runs are sorted by; those without it come last. */
export const sortKeys = ['name', 'score', 'step', 'time'] as const
export type SortKey = (typeof sortKeys)[number]

/** The runs sorted: by name upwards, else the highest first. */
export function sortedRuns(runs: readonly RunInfo[], by: SortKey): RunInfo[] {
  if (by === 'name') return [...runs].sort((a, b) => inOrder(a.name, b.name))
  const figure = ({ best, step, seconds }: RunInfo) =>
    ({ score: best?.score, step, time: seconds })[by] ?? Number.NEGATIVE_INFINITY
  return [...runs].sort((a, b) => figure(b) - figure(a))
}

/** Where a configuration differs: a path such as `model.options.base` and what each run has there, undefined for nothing. */
export interface Difference {
  readonly path: string
  readonly values: readonly (string | undefined)[]
}

/** The differences of some runs' configurations, in the order of the first run that has them; what all have alike is left out. */
export function differences(runs: readonly RunInfo[]): Difference[] {
  const flat = runs.map(
    ({ config: { recipe, device, code } }) =>
      new Map(leaves({ ...recipe, device, code: code?.commit?.slice(0, 12) ?? code?.version })),
  )
  const paths = new Set(flat.flatMap((map) => [...map.keys()]))
  return [...paths].flatMap((path) => {
    const values = flat.map((map) => map.get(path))
    return values.every((value) => value === values[0]) ? [] : [{ path, values }]
  })
}

/** A list is one value: what is at its places means nothing when another has other parts. */
function leaves(value: unknown, path = ''): [path: string, value: string][] {
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[path, typeof value === 'string' ? value : JSON.stringify(value)]]
  return Object.entries(value).flatMap(([key, v]) => leaves(v, path ? `${path}.${key}` : key))
}
