// What a command is, how its arguments are read, and its help. Nothing here starts a GPU.

import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { OptionError } from '../../engine/errors.ts'
import { nearest } from '../../nn/near.ts'

/** One `--option`. */
export interface OptionSpec {
  /** Shown after the name; an option without one is a switch. */
  readonly value?: string
  /** May be given several times. */
  readonly many?: true
  readonly help: string
}

export type Options = Readonly<Record<string, OptionSpec>>

export interface Command {
  readonly name: string
  readonly summary: string
  /** After `atrous name`, as `RUN [options]`. */
  readonly usage: string
  readonly options: Options
  readonly examples: readonly (readonly [line: string, what: string])[]
  /** The exit code: 0, or 1 where it ran and found something bad. What it throws means that it could not run. */
  run(args: Args): Promise<number>
}

export const helpOption: OptionSpec = { help: 'this help' }
export const jsonOption: OptionSpec = { help: 'figures as JSON on standard output' }

/** A command's arguments, read strictly: what is not declared, or has a value that makes no sense, is an OptionError. */
export class Args {
  readonly positionals: readonly string[]
  readonly #command: Command
  readonly #values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>

  constructor(command: Command, argv: readonly string[]) {
    this.#command = command
    const { tokens } = parseArgs({
      args: [...argv],
      options: Object.fromEntries(
        Object.entries(command.options).map(([name, { value }]) => [
          name,
          { type: value === undefined ? 'boolean' : 'string' } as const,
        ]),
      ),
      strict: false,
      allowPositionals: true,
      tokens: true,
    })
    const values: Record<string, string | boolean | string[]> = {}
    const positionals: string[] = []
    for (const token of tokens) {
      if (token.kind === 'positional') positionals.push(token.value)
      if (token.kind !== 'option') continue
      const { name, rawName, value } = token
      const spec = Object.hasOwn(command.options, name) ? command.options[name] : undefined
      if (!spec) throw unknownOption(command, rawName, name)
      if (name in values && !spec.many) throw this.#wrong(name, 'is given twice', 'give it once')
      if (spec.value === undefined && value !== undefined)
        throw this.#wrong(name, `takes no value, and got '${value}'`)
      if (spec.value !== undefined && (value === undefined || value.startsWith('--')))
        throw this.#wrong(name, `needs a value: --${name} ${spec.value}`)
      if (spec.many) values[name] = [...((values[name] as string[]) ?? []), value as string]
      else values[name] = value ?? true
    }
    this.#values = values
    this.positionals = positionals
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined
  }

  /** Names of the options that were given. */
  get given(): string[] {
    return Object.keys(this.#values)
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  /** Of an option that may be given several times. */
  texts(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? value : []
  }

  /** A whole number from `least`. */
  whole(name: string, least = 1): number | undefined {
    return this.#number(
      name,
      (n) => Number.isSafeInteger(n) && n >= least,
      () => `a whole number from ${least}`,
    )
  }

  /** A number above 0. */
  positive(name: string): number | undefined {
    return this.#number(
      name,
      (n) => Number.isFinite(n) && n > 0,
      () => 'a number above 0',
    )
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const found = choices.find((c) => c === text)
    if (found) return found
    throw this.#wrong(name, `cannot be '${text}'`, suggestion(text, choices))
  }

  /** `HxW`, as `96x128`. */
  size(name: string): readonly [height: number, width: number] | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const match = /^(\d+)[x×](\d+)$/.exec(text)
    const size = match && ([Number(match[1]), Number(match[2])] as const)
    if (size && size[0] > 0 && size[1] > 0) return size
    throw this.#wrong(name, `cannot be '${text}'`, 'give height and width, such as 96x128')
  }

  /** Exactly these positional arguments. */
  expect(...names: readonly string[]): string[] {
    const { positionals } = this
    if (positionals.length === names.length) return [...positionals]
    const usage = `usage: atrous ${this.#command.name} ${this.#command.usage}`
    throw positionals.length > names.length
      ? new OptionError(`'${positionals[names.length]}' is one argument too many`, usage)
      : new OptionError(`${names[positionals.length]} is missing`, usage)
  }

  #number(name: string, fits: (n: number) => boolean, what: () => string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (fits(value)) return value
    throw this.#wrong(name, `cannot be '${text}'`, `give ${what()}`)
  }

  #wrong(name: string, problem: string, hint?: string): OptionError {
    return new OptionError(
      `--${name} ${problem}`,
      hint ?? `see atrous ${this.#command.name} --help`,
    )
  }
}

function unknownOption(command: Command, raw: string, name: string): OptionError {
  const near = nearest(name, Object.keys(command.options), 1)
  const hint = near.length
    ? `did you mean --${near[0]}?`
    : `atrous ${command.name} --help lists its options`
  return new OptionError(`${command.name} has no option ${raw}`, hint)
}

const suggestion = (text: string, choices: readonly string[]): string => {
  const near = nearest(text, choices, 1)
  return near.length ? `did you mean ${near[0]}?` : `use one of ${choices.join(', ')}`
}

/** A command's help, ready to print. */
export function helpOf({ name, summary, usage, options, examples }: Command): string {
  const rows = Object.entries(options).map(([option, { value, help }]) => [
    `--${option}${value ? ` ${value}` : ''}`,
    help,
  ])
  return [
    summary,
    '',
    `usage: atrous ${name} ${usage}`.trimEnd(),
    '',
    'options:',
    ...aligned(rows),
    '',
    'examples:',
    ...aligned(examples.map(([line, what]) => [line, what])),
  ].join('\n')
}

const inClone = existsSync(new URL('../../../apps/bootstrap.mjs', import.meta.url))

/** How a person types a command where this runs: in a clone, or where the package is installed. */
export const typed = (args: string): string =>
  inClone ? `npm run atrous -- ${args}` : `npx atrous ${args}`

/** Two columns, indented. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

/** A word of a command as a shell takes it: in quotes where it has spaces and the like. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/** How this program was called, as a person typed it. */
export const commandLine = (): string => typed(process.argv.slice(2).map(quoted).join(' '))
