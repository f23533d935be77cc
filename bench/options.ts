// The options of the benchmarks, read strictly: what is not known, means nothing or leaves nothing to measure is said in a sentence
// before anything is measured, and the exit code is 2.

import { open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { type AdapterChoice, adapterChoices } from '../engine/adapters/platform.ts'
import { AtrousError, OptionError } from '../engine/errors.ts'
import { suggest } from '../nn/near.ts'
import { fileError, isThere, makeFolder } from '../train/files.ts'

/** One `--option`. */
export interface Option<T> {
  /** Its value where it is not given. */
  readonly usual: T
  /** The value that a text means; undefined where it means none. A switch has no texts. */
  readonly read?: (text: string) => T | undefined
  /** What to do instead of a text that means nothing. */
  readonly hint: (text: string) => string
}

type Options = Readonly<Record<string, Option<unknown>>>
type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never
}

export const flag: Option<boolean> = { usual: false, hint: () => '' }

/** Any text. */
export const text = <T extends string | undefined>(usual: T): Option<string | T> => ({
  usual,
  read: (text) => text,
  hint: () => '',
})

/** A whole number from `least`. */
export const whole = (usual: number, least = 1): Option<number> => ({
  usual,
  read: (text) => numberOf(text, (n) => Number.isSafeInteger(n) && n >= least),
  hint: () => `give a whole number from ${least}`,
})

/** A number above 0. */
export const positive = <T extends number | undefined>(usual: T): Option<number | T> => ({
  usual,
  read: (text) => numberOf(text, (n) => n > 0 && Number.isFinite(n)),
  hint: () => 'give a number above 0',
})

/** Whole numbers from 1 with `x` between them, as many as in `names`: `sizes('HxW', [48, 64])`. */
export const sizes = <T extends readonly number[] | undefined>(
  names: string,
  usual: T,
): Option<T | NonNullable<T>> => ({
  usual,
  read(text) {
    const parts = text.split(/[x×]/).map((part) => (/^\d+$/.test(part) ? Number(part) : 0))
    const right = parts.length === names.split('x').length && parts.every((n) => n > 0)
    return right ? (parts as readonly number[] as NonNullable<T>) : undefined
  },
  hint: () => `give whole numbers from 1 as ${names}`,
})

/** One of these. */
export const choice = <T extends string, U extends T | undefined>(
  choices: readonly T[],
  usual: U,
): Option<T | U> => ({
  usual,
  read: (text) => choices.find((c) => c === text),
  hint: (text) => suggest(text, choices),
})

/** The adapter to insist on; else what ATROUS_ADAPTER says, or the fastest. */
export const adapter: Option<AdapterChoice | undefined> = choice(adapterChoices, undefined)

function numberOf(text: string, fits: (n: number) => boolean): number | undefined {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return fits(value) ? value : undefined
}

/** What was given to this program, with at most `names` beside its options. What is refused, here or later, ends it with exit code 2
 * and a sentence; what went wrong otherwise, with 1. */
export function given<O extends Options>(options: O, names: readonly string[] = []) {
  process.once('uncaughtException', (error) => {
    const known = error instanceof AtrousError
    console.error(known && !process.env['DEBUG'] ? `error: ${error.message}` : error)
    process.exit(known ? 2 : 1)
  })
  return parsed(options, names, process.argv.slice(2))
}

/** The same of any arguments. Throws OptionError for an option that there is not, is given twice or means nothing, and for arguments
 * beyond those of `names`. */
export function parsed<O extends Options>(
  options: O,
  names: readonly string[],
  argv: readonly string[],
): { readonly values: Values<O>; readonly positionals: readonly string[] } {
  const types = Object.entries(options).map(([name, { read }]) => [
    name,
    { type: read ? ('string' as const) : ('boolean' as const) },
  ])
  const { tokens } = parseArgs({
    ...{ args: [...argv], options: Object.fromEntries(types) },
    ...{ strict: false, allowPositionals: true, tokens: true },
  })
  const found = new Map<string, unknown>()
  const positionals: string[] = []
  for (const token of tokens)
    if (token.kind === 'positional') positionals.push(token.value)
    else if (token.kind === 'option') {
      const { name, rawName, value } = token
      if (!Object.hasOwn(options, name))
        throw new OptionError(
          `there is no option ${rawName}`,
          suggest(
            rawName,
            Object.keys(options).map((known) => `--${known}`),
          ),
        )
      if (found.has(name)) throw new OptionError(`${rawName} is given twice`, 'give it once')
      found.set(name, valueOf(options[name], rawName, value))
    }
  if (positionals.length > names.length)
    throw new OptionError(
      `'${positionals[names.length]}' is one argument too many`,
      names.length ? `beside options there may be ${names.join(' and ')}` : 'give options only',
    )
  const values = Object.entries(options).map(([name, { usual }]) => [
    name,
    found.has(name) ? found.get(name) : usual,
  ])
  return { values: Object.fromEntries(values), positionals }
}

function valueOf({ read, hint }: Option<unknown>, name: string, text: string | undefined): unknown {
  if (!read) {
    if (text === undefined) return true
    throw new OptionError(`${name} takes no value, and got '${text}'`, 'leave the value out')
  }
  if (text === undefined || text.startsWith('--'))
    throw new OptionError(`${name} needs a value`, `write ${name} VALUE`)
  const value = read(text)
  if (value === undefined) throw new OptionError(`${name} cannot be '${text}'`, hint(text))
  return value
}

/** Those of `all` that have `part` in their names. Throws OptionError where none has. */
export function named<T>(
  all: readonly T[],
  part: string | undefined,
  nameOf: (one: T) => string,
): T[] {
  const found = all.filter((one) => part === undefined || nameOf(one).includes(part))
  if (found.length) return found
  throw new OptionError(`no case has a name with '${part}'`, suggest(part!, all.map(nameOf)))
}

/** That a file can be written at the end: makes its folder and opens it. Throws DataError now rather than after all the measuring. */
export async function writable(file: string | undefined): Promise<void> {
  if (file === undefined) return
  await makeFolder(dirname(file))
  const before = await isThere(file)
  try {
    await (await open(file, 'a')).close()
  } catch (error) {
    throw fileError(file, 'cannot be written', error, 'choose another file')
  }
  // What is not measured leaves no empty file.
  if (!before) await rm(file)
}
