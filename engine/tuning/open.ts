// Which tuning a device has when it is opened. Nothing is ever measured or kept without being asked for, so that what a
// program computes changes only where somebody has tuned, and then `hash` says so.

import type { Caps } from '../adapters/adapter.ts'
import { platform } from '../adapters/platform.ts'
import { AtrousError, OptionError } from '../errors.ts'
import { checkTuning, parseTuning, Tuning, type TuningTable } from './table.ts'

/** `cached` (default): what was measured for this adapter and kept in the user's cache (see `Device.tune`), else the shipped
 * defaults. `shipped`: the shipped defaults. A table or a file (in browsers an address): exactly that, so that a run repeats
 * to the bit. In Node the environment variable ATROUS_TUNING=shipped|cached|FILE changes the default. */
export type TuningOption = 'cached' | 'shipped' | TuningTable | { readonly file: string }

export interface OpenTuning {
  readonly tuning: Tuning
  /** Where it comes from, for people. */
  readonly from: string
  readonly warnings: readonly string[]
}

/** What the store keeps an adapter's table under. */
export const tuningName = (adapter: string): string => {
  const slug = adapter.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return `tuning/${slug.slice(0, 100)}-${new Tuning(adapter).hash.slice(0, 8)}.json`
}

/** The tuning that was asked for. A table or file that is damaged or foreign is a DataError; the same in the user's cache is
 * a warning, and the shipped defaults are used. */
export async function openTuning(
  option: TuningOption | undefined,
  adapter: string,
  caps: Caps,
): Promise<OpenTuning> {
  const chosen = option ?? fromEnvironment()
  if (chosen === 'shipped') return shipped(adapter)
  if (chosen === 'cached') return cached(adapter, caps)
  if (typeof chosen !== 'object' || chosen === null)
    throw new OptionError(
      `tuning: '${chosen}' is not a choice`,
      "use 'cached', 'shipped', a table or { file }",
    )
  if (!('file' in chosen))
    return fitting(checkTuning(chosen, 'the tuning table', adapter), 'a table', caps)
  const tuning = parseTuning(await platform().readText(chosen.file), chosen.file, adapter)
  return fitting(tuning, chosen.file, caps)
}

function fromEnvironment(): TuningOption {
  const choice = platform().tuningChoice() ?? 'cached'
  return choice === 'cached' || choice === 'shipped' ? choice : { file: choice }
}

const shipped = (adapter: string, ...warnings: string[]): OpenTuning => ({
  tuning: new Tuning(adapter),
  from: 'shipped defaults',
  warnings,
})

async function cached(adapter: string, caps: Caps): Promise<OpenTuning> {
  const { store } = platform()
  const name = tuningName(adapter)
  try {
    const text = await store.load(name)
    if (text === undefined) return shipped(adapter)
    const where = store.where(name)
    return await fitting(parseTuning(text, where, adapter), where, caps)
  } catch (error) {
    if (!(error instanceof AtrousError)) throw error
    return shipped(adapter, `${error.message.split('\n')[0]}; the shipped defaults are used`)
  }
}

/** Only a table has to be looked through, and what knows all tiles is loaded for that alone. */
async function fitting(all: Tuning, from: string, caps: Caps): Promise<OpenTuning> {
  if (!all.size) return { tuning: all, from, warnings: [] }
  const { fitted } = await import('./fit.ts')
  return fitted(all, from, caps)
}

/** Adds entries to the table that the user's cache keeps for the adapter; one there that cannot be used is replaced. */
export async function keepTuning(
  adapter: string,
  entries: readonly (readonly [string, string])[],
): Promise<void> {
  const { store } = platform()
  const name = tuningName(adapter)
  await store.update(name, (old) => usable(old, adapter).with(entries).text)
}

function usable(text: string | undefined, adapter: string): Tuning {
  try {
    if (text !== undefined) return parseTuning(text, '', adapter)
  } catch (error) {
    if (!(error instanceof AtrousError)) throw error
  }
  return new Tuning(adapter)
}
