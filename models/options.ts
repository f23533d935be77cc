// The options of networks: JSON all through, each with a default, checked in one place whether they come from code, a
// command line or a stored configuration.

import { OptionError } from '../engine/errors.ts'
import { isPlain } from '../engine/ops/options.ts'
import { shown } from '../engine/ops/refuse.ts'
import { suggest } from '../nn/near.ts'
import type { BatchNormOptions } from '../nn/norm.ts'

/** What a value may be. */
export interface Check {
  /** Completes "it must be …". */
  readonly what: string
  fits(value: unknown): boolean
}

/** A check for each option of a network. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check }

const isWhole = (v: unknown, least: number): boolean =>
  Number.isSafeInteger(v) && (v as number) >= least

export const count: Check = { what: 'a whole number from 1', fits: (v) => isWhole(v, 1) }
export const whole: Check = { what: 'a whole number', fits: Number.isSafeInteger }
export const positive: Check = {
  what: 'a number above 0',
  fits: (v) => typeof v === 'number' && v > 0 && v < Number.POSITIVE_INFINITY,
}
export const share: Check = {
  what: 'a number from 0, below 1',
  fits: (v) => typeof v === 'number' && v >= 0 && v < 1,
}
export const odd: Check = {
  what: 'an odd whole number from 1',
  fits: (v) => isWhole(v, 1) && (v as number) % 2 === 1,
}
export const flag: Check = { what: 'true or false', fits: (v) => typeof v === 'boolean' }
export const oneOf = (...values: readonly (string | number)[]): Check => ({
  what: `one of ${values.join(', ')}`,
  fits: (v) => values.includes(v as string | number),
})

/** The options of all batch normalisation in a network. */
export interface NormOptions
  extends Pick<BatchNormOptions, 'eps' | 'momentum' | 'statistic' | 'frozen'> {}

export const normChecks: Checks<NormOptions> = {
  eps: positive,
  momentum: { what: 'a share from 0 to 1', fits: (v) => typeof v === 'number' && v >= 0 && v <= 1 },
  statistic: oneOf('variance', 'inverse-deviation'),
  frozen: oneOf('none', 'statistics', 'affine'),
}

/** What is given, and `defaults` for the rest, which may depend on what is given. Throws OptionError, in the name of the network,
 * for what are no options, and for an option or a value that does not exist. */
export function readOptions<T extends object>(
  name: string,
  given: T,
  defaults: Required<T> | ((given: T) => Required<T>),
  checks: Checks<T>,
): Required<T> {
  if (!isPlain(given))
    throw new OptionError(
      `${name}: options are an object, not ${shown(given)}`,
      `leave them out, or write { ${Object.keys(checks)[0]}: … }`,
    )
  const full = typeof defaults === 'function' ? defaults(given) : defaults
  const all: Record<string, unknown> = { ...full }
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(checks, key))
      throw new OptionError(`${name} has no option ${key}`, suggest(key, Object.keys(checks)))
    if (value === undefined) continue
    const { fits, what } = checks[key as keyof T]
    if (!fits(value))
      throw new OptionError(`${name}: ${key} cannot be ${written(value)}`, `it must be ${what}`)
    all[key] = value
  }
  return all as Required<T>
}

/** What a text that a person wrote means to an option: a number, a boolean or a list, unless only the text itself will do. */
export function optionOf(check: Check | undefined, text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return check?.fits(text) ? text : value
  } catch {
    return text
  }
}

/** As JSON, which has no NaN. */
const written = (value: unknown): string =>
  typeof value === 'number' ? String(value) : JSON.stringify(value)

/** A row of a paper's table. Throws OptionError where it has no such row, as for callers without types. */
export function rowOf<T extends object, K extends keyof T>(kind: string, table: T, key: K): T[K] {
  if (Object.hasOwn(table, key)) return table[key]
  const all = Object.keys(table).join(', ')
  throw new OptionError(`there is no ${kind} ${String(key)}`, `there are ${all}`)
}

/** How many units a stage has when a depth multiplier is applied to its `units`: at least 1 where there are any. */
export const deepened = (units: number, multiplier: number): number =>
  units && Math.max(1, Math.round(units * multiplier))
