// Reading golden values: reference numbers from an independent peer, in folders of the format that
// `../shared/goldens/README.md` states. Folders come from others too, so nothing of a file is taken on trust.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HostArray, Shape } from '../../engine/dtype.ts'
import { DataError } from '../../engine/errors.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import { readSafetensors, type SafeTensor } from '../../train/weights/safetensors.ts'
import { type Comparison, compareFloats, compareIntegers, type Rule } from './check.ts'
import { type GoldenNetwork, readNetwork } from './parameters.ts'

const roles = {
  input: 'fed',
  param: 'fed',
  state_in: 'fed',
  upstream: 'fed',
  output: 'compared',
  expected: 'compared',
  grad: 'compared',
  state_out: 'compared',
  info: 'neither',
} as const
export type Role = keyof typeof roles

/** A line of the index, of which only the id and the operator have been looked at. */
export interface Entry {
  readonly id: string
  readonly op: string
  readonly [key: string]: unknown
}

export interface GoldenIndex {
  readonly folder: string
  readonly entries: readonly Entry[]
}

/** The index of a folder. Throws DataError when there is none, or nothing in it can be run. */
export function readIndex(folder: string): GoldenIndex {
  const file = join(folder, 'index.json')
  const hint = 'give a folder in the format of ../shared/goldens'
  if (!existsSync(file)) throw new DataError(file, 'is not there', hint)
  let index: unknown
  try {
    index = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new DataError(file, `cannot be read as JSON (${(error as Error).message})`, hint)
  }
  const entries = isObject(index) ? index['cases'] : undefined
  if (!Array.isArray(entries)) throw new DataError(file, 'has no list "cases"', hint)
  if (!entries.length) throw new DataError(file, 'lists no cases', hint)
  const bad = entries.findIndex((e) => !isObject(e) || !isText(e['id']) || !isText(e['op']))
  if (bad >= 0) throw new DataError(file, `has a case without a text id and op (case ${bad})`, hint)
  return { folder, entries }
}

export interface GoldenTensor {
  readonly name: string
  readonly role: Role
  readonly dtype: string
  readonly shape: Shape
}

export interface Tolerance {
  readonly default: number
  readonly per_tensor?: Readonly<Record<string, number>>
}

/** One case: its line in the index, and its tensors as they are stored. */
export class GoldenCase {
  readonly id: string
  readonly op: string
  readonly layout: string
  readonly notes: string
  // biome-ignore lint/suspicious/noExplicitAny: the attributes differ from operator to operator
  readonly attributes: Readonly<Record<string, any>>
  readonly listed: readonly GoldenTensor[]
  readonly tensors: ReadonlyMap<string, SafeTensor>
  readonly toleranceRule: Tolerance
  readonly #file: string
  readonly #parametersFile: string

  /** Throws an error that says what is wrong with the line, the file, or their agreement. */
  constructor(folder: string, entry: Entry) {
    this.id = entry.id
    this.op = entry.op
    const { attributes, layout, notes, file, tolerance, tensors } = entry
    const { parameters_file: beside } = entry
    if (!isText(file)) throw new Error('its line in the index has no text "file"')
    if (!isText(layout)) throw new Error('its line in the index has no text "layout"')
    if (!isObject(attributes)) throw new Error('its line in the index has no "attributes"')
    if (!isTolerance(tolerance))
      throw new Error(`its "tolerance" is not understood: ${JSON.stringify(tolerance)}`)
    if (!Array.isArray(tensors)) throw new Error('its line in the index has no list "tensors"')
    this.layout = layout
    this.notes = isText(notes) ? notes : ''
    this.attributes = attributes
    this.listed = tensors.map(checkTensor)
    this.toleranceRule = tolerance
    this.#file = join(folder, file)
    this.#parametersFile = join(
      folder,
      isText(beside) ? beside : file.replace(/safetensors$/, 'params.json'),
    )
    if (!existsSync(this.#file)) throw new Error(`the file ${file} is not there`)
    this.tensors = readSafetensors(readFileSync(this.#file), file).tensors
    this.#checkFile(file)
  }

  /** The file holds what the index lists, and nothing else. */
  #checkFile(file: string): void {
    for (const { name, dtype, shape } of this.listed) {
      const stored = this.tensors.get(name)
      if (!stored) throw new Error(`tensor ${name} is in the index and not in ${file}`)
      const [is, says] = [stored, { dtype, shape }].map((t) => `${t.dtype}[${t.shape}]`)
      if (is !== says)
        throw new Error(`tensor ${name} is ${is} in ${file} and ${says} in the index`)
    }
    for (const name of this.tensors.keys())
      if (!this.role(name)) throw new Error(`tensor ${name} is in ${file} and not in the index`)
  }

  /** `input`, `param`, `upstream`, `output`, … */
  role(name: string): Role | undefined {
    return this.listed.find((t) => t.name === name)?.role
  }

  /** Names of the tensors that a run is given, or of those that it is checked with. */
  names(use: 'fed' | 'compared'): string[] {
    return this.listed.filter((t) => roles[t.role] === use).map((t) => t.name)
  }

  has(name: string): boolean {
    return this.tensors.has(name)
  }

  dtype(name: string): string {
    return this.#get(name).dtype
  }

  shape(name: string): Shape {
    return this.#get(name).shape
  }

  /** As stored, whatever the layout. */
  plain(name: string): HostTensor {
    const { data, shape } = this.#get(name)
    return hostTensor(data as HostArray, shape)
  }

  /** Numbers as stored. */
  values(name: string): number[] {
    return Array.from(this.#get(name).data, Number)
  }

  tolerance(name: string): number {
    const { default: general, per_tensor: single } = this.toleranceRule
    return single?.[name] ?? general
  }

  /** The parameter list of a network case. */
  network(): GoldenNetwork {
    return readNetwork(this.#parametersFile)
  }

  /** Compares numbers in the stored order with the stored ones, by the rule for their dtype. */
  compare(name: string, got: ArrayLike<number>, rule: Partial<Rule> = {}): Comparison {
    const { dtype, data } = this.#get(name)
    const want = data as HostArray
    if (dtype !== 'F32') return compareIntegers(got, want)
    return compareFloats(got, want, { tolerance: this.tolerance(name), ...rule })
  }

  /** As `compare`; what is wrong is thrown. Returns the error. */
  check(name: string, got: ArrayLike<number>, tolerance = this.tolerance(name)): number {
    const { error, problem } = this.compare(name, got, { tolerance })
    if (problem) throw new Error(`${this.id}: ${name} ${problem}`)
    return error
  }

  #get(name: string): SafeTensor {
    const found = this.tensors.get(name)
    if (!found) throw new Error(`it has no tensor ${name}, which ${this.op} needs`)
    return found
  }
}

function checkTensor(line: unknown): GoldenTensor {
  const { name, role, dtype, shape } = isObject(line) ? line : {}
  if (!isText(name)) throw new Error('it lists a tensor without a name')
  if (!isText(role) || !Object.hasOwn(roles, role))
    throw new Error(`tensor ${name} has the unknown role ${JSON.stringify(role)}`)
  if (dtype !== 'F32' && dtype !== 'I32' && dtype !== 'U8')
    throw new Error(`tensor ${name} has the unknown dtype ${JSON.stringify(dtype)}`)
  if (!Array.isArray(shape)) throw new Error(`tensor ${name} has no shape in the index`)
  return { name, role: role as Role, dtype, shape }
}

function isTolerance(value: unknown): value is Tolerance {
  if (!isObject(value) || (value['metric'] ?? 'rel_l2') !== 'rel_l2') return false
  const { default: general, per_tensor: single } = value
  const all = [general, ...(isObject(single) ? Object.values(single) : [])]
  return all.every((t) => typeof t === 'number' && t >= 0 && t < Number.POSITIVE_INFINITY)
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
