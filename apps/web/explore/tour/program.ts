// An example of the tour: text with gaps that a reader fills, and the program that this very text is. Nothing is shown that
// does not run, and nothing runs that is not shown.

import {
  type Argument,
  AtrousError,
  type Program as CompiledProgram,
  type Device,
  explain,
  graphOf,
  type HostArray,
  type HostTensor,
  showType,
  Tensor,
  type TensorType,
  type Variable,
} from '../../../../engine/index.ts'
import type { StageOptions, Stages } from '../../../../engine/stages.ts'
import { vocabulary } from './vocabulary.ts'

/** What stands in the gaps, by their names. */
export type Settings = Readonly<Record<string, string>>

/** A place in the text that may be changed: a number, or one of some words. */
export interface Gap {
  readonly label: string
  readonly first: string
  /** The words; a number where there are none. */
  readonly options?: readonly string[]
  readonly min?: number
  readonly max?: number
  readonly step?: number
}

export interface Example {
  /** JavaScript that declares `f`; `[[name]]` is a gap. */
  readonly code: string
  /** The line that runs it, as a person would write it; it is shown below the code. */
  readonly call: string
  readonly gaps: Readonly<Record<string, Gap>>
  /** The arguments of that line. */
  readonly args: (settings: Settings) => readonly (number | HostTensor)[]
  /** Whether a run shows its results alone: programs that assign, and those that are large. */
  readonly resultsOnly?: boolean
}

/** What a program of the tour returns: tensors by name. */
export type Results = Readonly<Record<string, Tensor | readonly Tensor[]>>
export type Fn = (...inputs: Tensor[]) => Results

/** The settings that an example begins with. */
export const firstSettings = ({ gaps }: Example): Settings =>
  Object.fromEntries(Object.entries(gaps).map(([name, gap]) => [name, gap.first]))

/** Text and gaps, in turn. */
export const piecesOf = (text: string): { text?: string; gap?: string }[] =>
  text
    .split(/(\[\[\w+\]\])/)
    .filter(Boolean)
    .map((part) => {
      const gap = /^\[\[(\w+)\]\]$/.exec(part)?.[1]
      return gap ? { gap } : { text: part }
    })

/** The text with its gaps filled. */
export const filled = (text: string, settings: Settings): string =>
  piecesOf(text)
    .map((piece) => piece.text ?? settings[piece.gap!])
    .join('')

export interface Program {
  readonly text: string
  readonly fn: Fn
  readonly args: readonly (number | HostTensor)[]
  readonly types: readonly TensorType[]
  readonly resultsOnly: boolean
}

/** The program that an example is with these settings. Throws what its text throws. */
export function programOf(example: Example, settings: Settings): Program {
  return program(filled(example.code, settings), example.args(settings), example.resultsOnly)
}

/** The program that a text is, for arguments of the types of these. Throws what the text throws. */
export function program(
  text: string,
  args: readonly (number | HostTensor)[],
  resultsOnly = false,
): Program {
  return { text, fn: functionOf(text), args, types: args.map(typeOf), resultsOnly }
}

/** The function `f` that a text declares, with the tour's vocabulary in scope. */
export function functionOf(text: string): Fn {
  const names = Object.keys(vocabulary)
  const made = new Function(...names, `'use strict'\n${text}\nreturn f`)
  const fn = made(...Object.values(vocabulary))
  if (typeof fn !== 'function') throw new AtrousError('the text declares no function f')
  return fn
}

const scalarType: TensorType = { dtype: 'f32', shape: [] }
const typeOf = (arg: number | HostTensor): TensorType =>
  typeof arg === 'number' ? scalarType : { dtype: arg.dtype, shape: arg.shape }

/** All stages of a program, for a device with default limits: no device takes part. */
export const stagesOf = ({ fn, types }: Program, options?: StageOptions): Stages<Results> =>
  explain(fn, types, undefined, options).stages

/** The values of a run: of every result by its name, and, unless it is for the results alone, of every node of the traced
 * graph by its place in it. */
export interface Values {
  readonly results: Readonly<Record<string, HostArray | readonly HostArray[]>>
  readonly nodes: readonly (readonly HostArray[])[]
}

/** A result that is one tensor. */
export const arrayOf = (values: Values, name: string): HostArray =>
  values.results[name] as HostArray

/** The first number of a result. */
export const numberOf = (values: Values, name: string): number => arrayOf(values, name)[0]

const keyOf = ({ types, text }: Program): string => `${types.map(showType)} ${text}`

interface Compiled {
  readonly program: CompiledProgram<Tensor[]>
  /** How many outputs each node has. */
  readonly outputs: readonly number[]
  /** Where the results stand: a node of the traced graph and an output of it, or a number of a result. */
  readonly results: Readonly<Record<string, Where | readonly Where[]>>
  readonly variables: readonly Variable[]
}

type Where = readonly [node: number, output: number]

/** Runs programs on a device and reads everything that they compute. The same text is compiled once. */
export class Runner {
  readonly device: Device
  /** Runs so far. */
  runs = 0
  readonly #compiled = new Map<string, Compiled>()

  constructor(device: Device) {
    this.device = device
  }

  async run(program: Program, args: readonly Argument[] = program.args): Promise<Values> {
    const key = keyOf(program)
    const known = this.#compiled.get(key) ?? this.#compile(program)
    this.#compiled.set(key, known)
    const tensors = await known.program.run(...args)
    this.runs++
    const flat = await Promise.all(tensors.map((t) => t.read()))
    for (const t of tensors) t.dispose()
    const read = known.outputs.map((count) => flat.splice(0, count))
    const at = ([node, output]: Where) => read[node][output]
    const results = Object.entries(known.results).map(([name, where]) => [
      name,
      isWhere(where) ? at(where) : where.map(at),
    ])
    return { results: Object.fromEntries(results), nodes: program.resultsOnly ? [] : read }
  }

  #compile(program: Program): Compiled {
    const { traced, result, plan } = stagesOf(program)
    const leaves = Object.values(result).flat()
    const where = (t: Tensor): Where =>
      program.resultsOnly ? [leaves.indexOf(t), 0] : [traced.nodes.indexOf(t.node), t.index]
    return {
      program: this.device.compile((...inputs: Tensor[]) => {
        const made = Object.values(program.fn(...inputs)).flat()
        if (program.resultsOnly) return made
        return graphOf([], made, []).nodes.flatMap((n) => n.types.map((_, i) => n.output(i)))
      }),
      variables: plan.variables,
      outputs: program.resultsOnly ? leaves.map(() => 1) : traced.nodes.map((n) => n.types.length),
      results: Object.fromEntries(
        Object.entries(result).map(([name, t]) => [
          name,
          t instanceof Tensor ? where(t) : t.map(where),
        ]),
      ),
    }
  }

  /** The variables of this program have their starting values again. */
  reset(program: Program): void {
    for (const variable of this.#compiled.get(keyOf(program))?.variables ?? [])
      this.device.release(variable)
  }

  /** Gives back what the programs hold. */
  dispose(): void {
    for (const { program } of this.#compiled.values()) program.dispose()
    this.#compiled.clear()
  }
}

const isWhere = (where: Where | readonly Where[]): where is Where => typeof where[0] === 'number'
