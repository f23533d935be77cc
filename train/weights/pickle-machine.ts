// The stack machine that a pickle drives: what its opcodes do to stack, marks and memo, each of which has a bound.

import type { DataError } from '../../engine/errors.ts'
import { ByteReader, shown } from './reader.ts'

/** Stands for a function of Python's. It gets the arguments and what makes an error of a problem. */
export type Callable = (args: readonly unknown[], error: (problem: string) => DataError) => unknown

export interface PickleHost {
  /** What stands for a global, such as `collections.OrderedDict`; undefined refuses it. */
  global(name: string): unknown
  /** What stands for an object that is kept outside the pickle, by its id. */
  persistent(id: unknown, error: (problem: string) => DataError): unknown
  /** Those of its callables that stand for classes: only of these may an object be made without a call. */
  readonly classes: ReadonlySet<unknown>
  /** Gives one of its own objects the state that was pickled with it; false refuses the two. */
  build(object: unknown, state: unknown, error: (problem: string) => DataError): boolean
}

/** A state dict takes about 200 bytes a tensor. */
export const MOST_BYTES = 2 ** 24
/** On the stack, in the memo, and of lists and dicts: what a few bytes of pickle could otherwise multiply. */
const MOST_VALUES = 2 ** 18

/** Has an end though the file around the pickle may go on for gigabytes. */
class PickleReader extends ByteReader {
  readonly #end: number

  constructor({ bytes, file, at }: ByteReader) {
    super(bytes, file, 'its pickle')
    this.at = at
    this.#end = at + MOST_BYTES
  }

  override skip(count: number): number {
    const start = super.skip(count)
    if (this.at > this.#end)
      throw this.error(`has over ${MOST_BYTES} bytes: it is no table of names`)
    return start
  }
}

/** Reads the pickle at the reader's place, by a reader of its own. */
export class Machine {
  readonly reader: ByteReader
  readonly host: PickleHost
  readonly memo = new Map<number, unknown>()
  /** Heights of the stack. */
  readonly marks: number[] = []
  readonly #stack: unknown[] = []
  #containers = 0

  constructor(reader: ByteReader, host: PickleHost) {
    this.reader = new PickleReader(reader)
    this.host = host
  }

  readonly error = (problem: string, hint?: string): DataError => this.reader.error(problem, hint)

  push(value: unknown): void {
    if (this.#stack.length >= MOST_VALUES) throw this.error('needs a stack that is too high')
    this.#stack.push(value)
  }

  pushNew(container: unknown[] | Map<unknown, unknown>, cost = 1): void {
    this.#containers += cost
    if (this.#containers > MOST_VALUES) throw this.error('has too many lists and dicts')
    this.push(container)
  }

  /** Down to the last mark. */
  popCount(count: number): unknown[] {
    const height = this.#stack.length - count
    if (height < (this.marks.at(-1) ?? 0)) throw this.error('takes from an empty stack')
    return this.#stack.splice(height)
  }

  pop(): unknown {
    return this.popCount(1)[0]
  }

  /** The topmost value, which stays. */
  top(): unknown {
    const value = this.pop()
    this.#stack.push(value)
    return value
  }

  popToMark(): unknown[] {
    const height = this.marks.pop()
    if (height === undefined) throw this.error('takes up to a mark that it has not set')
    return this.#stack.splice(height)
  }

  mark(): void {
    if (this.marks.length >= MOST_VALUES) throw this.error('sets too many marks')
    this.marks.push(this.#stack.length)
  }

  remember(index: number): void {
    if (this.memo.size >= MOST_VALUES) throw this.error('remembers too much')
    this.memo.set(index, this.top())
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw this.error(`recalls value ${index}, which it has not stored`)
    this.push(this.memo.get(index))
  }

  extend(values: readonly unknown[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw this.error('appends to something that is no list')
    for (const value of values) list.push(value)
  }

  assign(items: readonly unknown[]): void {
    const dict = this.top()
    if (!(dict instanceof Map) || items.length % 2) throw this.error('sets items of no dict')
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1])
  }

  line(): string {
    const { bytes, at } = this.reader
    const end = bytes.indexOf(0x0a, at)
    if (end < 0) throw this.error('is truncated in a name')
    const line = this.reader.text(end - at)
    this.reader.skip(1)
    return line
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw this.error('names a global by something that is no text')
    const full = `${module}.${name}`
    const value = this.host.global(full)
    if (value === undefined)
      throw this.error(
        `names ${shown(full)}, which tensors do not need and which could run code: nothing was run`,
        UNTRUSTED,
      )
    this.push(value)
  }

  reduce(): void {
    const [callable, args] = this.popCount(2)
    if (typeof callable !== 'function' || !Array.isArray(args))
      throw this.error('calls something that is no function')
    const value: unknown = (callable as Callable)(args, this.error)
    // A list of items costs its length each time that a dict is made of it.
    const [items] = args
    if (value instanceof Map) this.pushNew(value, 1 + (Array.isArray(items) ? items.length : 0))
    else this.push(value)
  }

  /** Attributes of an OrderedDict (PyTorch notes versions in them) are dropped. */
  build(): void {
    const state = this.pop()
    const object = this.top()
    if (!(object instanceof Map || this.host.build(object, state, this.error)))
      throw this.error('sets attributes of something that is no dict', UNTRUSTED)
  }

  /** Two's complement, the lowest byte first. */
  long(length: number): void {
    let value = 0n
    const bytes = this.reader.take(length)
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i])
    value = BigInt.asIntN(8 * length, value)
    this.push(Number.isSafeInteger(Number(value)) ? Number(value) : value)
  }
}

export const UNTRUSTED =
  'in Python, if you trust the file, save its tensors alone: torch.save(model.state_dict(), "weights.pth")'
