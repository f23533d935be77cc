// What loading a file's weights into a network came to: every name accounted for, in one table.

import { DataError } from '../../engine/errors.ts'
import { listed } from '../../nn/near.ts'
import type { LoadOptions } from './load.ts'

/** What became of each name. */
export interface LoadReport {
  readonly file: string
  /** Name of the key map. */
  readonly keys: string
  readonly prefix: string
  /** Paths of variables that the file gives. */
  readonly loaded: readonly string[]
  /** Paths that files of this kind never hold, such as those of a new head: they keep their starting values. */
  readonly fresh: readonly string[]
  /** Paths that the file should hold and does not, with the names looked for. */
  readonly missing: readonly string[]
  /** Names in the file that the model has no place for. */
  readonly unexpected: readonly string[]
  /** Names in the file that do not begin with the prefix, as those of an optimiser or of averaged weights. */
  readonly elsewhere: readonly string[]
  /** Paths with the shape in the file (in our layout) and the one needed, or the types where the file's are whole numbers. */
  readonly misshaped: readonly string[]
  /** Paths whose values are not all finite, or are variances and negative. */
  readonly nonFinite: readonly string[]
  /** Options of the model that differ from those that the weights were trained with. */
  readonly otherForm: readonly string[]
  /** All of it as a table, one line a kind. */
  readonly text: string
}

/** Whether there is nothing to say against loading it. */
export const fits = (report: LoadReport): boolean =>
  report.loaded.length > 0 && unfit.every((kind) => report[kind].length === 0)

const unfit = ['missing', 'unexpected', 'misshaped', 'nonFinite', 'otherForm'] as const

/** Throws what `loadWeights` would throw. */
export function checkReport(report: LoadReport, { strict = true }: LoadOptions = {}): void {
  const { file, loaded, nonFinite } = report
  const fatal = nonFinite.length > 0 || loaded.length === 0
  if (!fatal && !(strict && !fits(report))) return
  const problem = nonFinite.length
    ? 'holds values that are not finite, or negative variances'
    : loaded.length
      ? 'does not fit the model'
      : 'gives this model nothing'
  throw new DataError(file, `${problem}\n${indented(report.text)}`, hintFor(report))
}

function hintFor({ nonFinite, loaded, otherForm, misshaped, unexpected }: LoadReport): string {
  if (nonFinite.length) return 'these weights are damaged or diverged; take others'
  if (!loaded.length && !misshaped.length) return 'build the network that the file was made for'
  if (otherForm.length)
    return 'build the model with these options, or load with anyForm if you know better'
  if (misshaped.length)
    return "build the model with the widths and classes of the file, or load a part of it: --only backbone, in code part: 'backbone'"
  if (unexpected.length)
    return "build the network that the file was made for, or load a part of it: --only backbone, in code part: 'backbone'"
  return 'strict: false loads what does fit'
}

/** The lists of a report, by what a person is told of them. */
const kinds = {
  loaded: 'loaded',
  fresh: 'keep their starting values',
  missing: 'missing in the file',
  unexpected: 'unexpected in the file',
  elsewhere: 'elsewhere in the file',
  misshaped: 'of another shape or type',
  nonFinite: 'not finite or negative',
  otherForm: 'trained otherwise',
} as const

export type Lists = Record<keyof typeof kinds, string[]>

/** A report in the making. */
export const emptyLists = (): Lists =>
  Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []])) as unknown as Lists

/** One line for each kind of names, the first of them listed. */
export function table(report: Lists & Pick<LoadReport, 'keys' | 'prefix'>): string {
  const rows = (Object.keys(kinds) as (keyof typeof kinds)[]).flatMap((kind) => {
    const list = report[kind]
    if (!list.length) return []
    const names = kind === 'loaded' ? '' : `  ${listed(list.map(printable), 3)}`
    return [`${kinds[kind].padEnd(26)} ${String(list.length).padStart(5)}${names}`]
  })
  const below = report.prefix && ` below ${printable(report.prefix)}`
  return [`names of ${report.keys}${below}`, ...rows].join('\n')
}

/** Names in files may control a terminal. */
const printable = (text: string): string => text.replace(/\p{C}/gu, '?').slice(0, 200)

const indented = (text: string): string => text.replace(/^/gm, '  ')

/** A variable and the names that were looked for. */
export const described = (path: string, names: readonly string[]): string =>
  names.length === 1 && names[0] === path ? path : `${path} (${names.join(', ')})`
