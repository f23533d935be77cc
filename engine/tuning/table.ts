// The tuning table: for classes of problems, the tile that was measured to be the fastest on one adapter. It fixes the order
// of some sums, so that a program repeats to the bit only with the same table; its hash is in every run's record.
//
//   { "format": 1, "kernels": 1, "adapter": "mesa software llvmpipe…",
//     "entries": { "conv f32 p13 c16 o16 t9": "subgroup cols2 lanes8 rows4", "product f32 p10 c8 o11s": "default" } }
//
// 'default' is a class that was measured and where nothing beat the default by more than noise. What a table does not name
// has the shipped default (shaders/conv/defaults.ts).

import { type Family, type Problem, problemClass, type Tuned } from '../../shaders/problem-class.ts'
import { DataError } from '../errors.ts'

/** Raised when a reader of an older version could misread the file. */
export const TUNING_FORMAT = 1

/** Raised when kernels, candidates or shipped defaults change: what was measured before says nothing of them. */
export const KERNELS_VERSION = 1

/** A table as JSON. */
export interface TuningTable {
  readonly format: typeof TUNING_FORMAT
  /** KERNELS_VERSION of the engine that measured. */
  readonly kernels: number
  /** Vendor, architecture, device and driver, as the adapter names them. */
  readonly adapter: string
  /** Name of a tile, or 'default', by class of problem. */
  readonly entries: Readonly<Record<string, string>>
}

export const DEFAULT = 'default'

/** What an adapter's table is kept under: another driver version is another adapter. */
export const adapterId = ({
  vendor,
  architecture,
  device,
  description,
}: Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'>): string =>
  [vendor, architecture, device, description]
    .map((word) => word.trim())
    .filter(Boolean)
    .join(' ')

/** The choices that are in force on a device. Immutable. */
export class Tuning implements Tuned {
  readonly adapter: string
  readonly #entries: ReadonlyMap<string, string>

  constructor(adapter: string, entries: Iterable<readonly [string, string]> = []) {
    this.adapter = adapter
    this.#entries = new Map([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  }

  tileFor(family: Family, problem: Problem): string | undefined {
    const name = this.#entries.get(problemClass(family, problem))
    return name === DEFAULT ? undefined : name
  }

  /** Whether the problem's class was measured. */
  knows(family: Family, problem: Problem): boolean {
    return this.#entries.has(problemClass(family, problem))
  }

  /** Classes that were measured. */
  get size(): number {
    return this.#entries.size
  }

  /** These entries too; where both have a class, theirs. */
  with(entries: Iterable<readonly [string, string]>): Tuning {
    return new Tuning(this.adapter, [...this.#entries, ...entries])
  }

  /** 16 hexadecimal digits that are equal for tables that choose the same. */
  get hash(): string {
    const entries = [...this.#entries].filter(([, name]) => name !== DEFAULT)
    return fnv1a(JSON.stringify([KERNELS_VERSION, this.adapter, entries]))
  }

  toJSON(): TuningTable {
    return {
      format: TUNING_FORMAT,
      kernels: KERNELS_VERSION,
      adapter: this.adapter,
      entries: Object.fromEntries(this.#entries),
    }
  }

  /** The canonical text, one class a line: equal tables have equal texts. */
  get text(): string {
    return `${JSON.stringify(this, null, 1)}\n`
  }
}

/** The table in a text. Throws DataError naming `file` where it is none, is damaged, or was measured by another version of
 * the engine or on another adapter than `adapter`. */
export function parseTuning(text: string, file: string, adapter: string): Tuning {
  return checkTuning(parseJson(text, file), file, adapter)
}

/** The same of a value that is no text any more. */
export function checkTuning(value: unknown, file: string, adapter: string): Tuning {
  const { format, kernels, adapter: its, entries } = (value ?? {}) as Partial<TuningTable>
  const again = 'measure again: atrous tune, or device.tune()'
  if (typeof format === 'number' && format > TUNING_FORMAT)
    throw new DataError(
      file,
      `has tuning format ${format}, and this version reads up to ${TUNING_FORMAT}`,
      'update atrous, or measure again',
    )
  if (format !== TUNING_FORMAT || typeof kernels !== 'number' || typeof its !== 'string')
    throw new DataError(file, 'is no tuning table', again)
  if (kernels !== KERNELS_VERSION)
    throw new DataError(
      file,
      `was measured with version ${kernels} of the kernels, and this is version ${KERNELS_VERSION}`,
      again,
    )
  if (its !== adapter)
    throw new DataError(file, `was measured on ${its}, and this adapter is ${adapter}`, again)
  return new Tuning(adapter, entriesOf(entries, file, again))
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DataError(file, `is no tuning table: ${(error as Error).message}`, 'measure again')
  }
}

/** Lower-case words of letters and digits, as `problemClass` and `tileName` make them. */
const words = /^[a-z][a-z0-9]*( [a-z0-9]+)*$/

function entriesOf(value: unknown, file: string, hint: string): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DataError(file, 'has no entries', hint)
  const entries = Object.entries(value)
  const wrong = entries.find(
    ([k, v]) => !words.test(k) || k.length > 200 || typeof v !== 'string' || !words.test(v),
  )
  if (wrong) throw new DataError(file, `has a damaged entry: ${short(wrong)}`, hint)
  return entries
}

const short = (value: unknown) => JSON.stringify(value).slice(0, 80)

/** The 64-bit hash of Fowler, Noll and Vo (FNV-1a), over UTF-16 units. */
function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (let i = 0; i < text.length; i++)
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n)
  return hash.toString(16).padStart(16, '0')
}
