// Python's pickle, protocols 2 to 5, read as data. A pickle is a program for a stack machine, and in Python it may call
// any function that can be imported. Here a name of Python's stands for what the host gives for it, and only for a few
// names; everything that would make an object of a class is refused. (Opcodes: Lib/pickletools.py of Python.)

import type { DataError } from '../../engine/errors.ts'
import { ByteReader, shown } from './reader.ts'

/** Stands for a function of Python's. It gets the arguments and what makes an error of a problem. */
export type Callable = (args: readonly unknown[], error: (problem: string) => DataError) => unknown

export interface PickleHost {
  /** What stands for a global, such as `collections.OrderedDict`; undefined refuses it. */
  global(name: string): unknown
  /** What stands for an object that is kept outside the pickle, by its id. */
  persistent(id: unknown, error: (problem: string) => DataError): unknown
}

/** Numbers, strings, bytes (Uint8Array), booleans and null; lists, tuples and sets as arrays; dicts as maps; and what
 * the host gave. An array or a map may hold itself. Throws DataError naming the file. */
export function unpickle(bytes: Uint8Array, file: string, host: PickleHost): unknown {
  const machine = new Machine(new ByteReader(bytes, file, 'its pickle'), host)
  if (bytes.length > MOST_BYTES)
    throw machine.error(`has ${bytes.length} bytes: it is no table of names`)
  for (;;) {
    const code = machine.reader.u8()
    if (code === STOP) return machine.pop()
    const run = OPCODES.get(code)
    if (!run) throw machine.refuse(code)
    run(machine)
  }
}

/** A state dict takes about 200 bytes a tensor. */
const MOST_BYTES = 2 ** 24
/** On the stack, in the memo, and of lists and dicts: what a few bytes of pickle could otherwise multiply. */
const MOST_VALUES = 2 ** 18
const STOP = 0x2e

class Machine {
  readonly reader: ByteReader
  readonly host: PickleHost
  readonly memo = new Map<number, unknown>()
  /** Heights of the stack. */
  readonly marks: number[] = []
  readonly #stack: unknown[] = []
  #containers = 0

  constructor(reader: ByteReader, host: PickleHost) {
    this.reader = reader
    this.host = host
  }

  readonly error = (problem: string, hint?: string): DataError => this.reader.error(problem, hint)

  refuse(code: number): DataError {
    const name = FORBIDDEN.get(code)
    if (name) return this.error(`has the opcode ${name}, which tensors do not need`, UNTRUSTED)
    return this.error(`has the unknown opcode ${code} at byte ${this.reader.at - 1}`)
  }

  push(value: unknown): void {
    if (this.#stack.length >= MOST_VALUES) throw this.error('needs a stack that is too high')
    this.#stack.push(value)
  }

  pushNew(container: unknown[] | Map<unknown, unknown>): void {
    if (++this.#containers > MOST_VALUES) throw this.error('has too many lists and dicts')
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
    if (value instanceof Map) this.pushNew(value)
    else this.push(value)
  }

  /** Attributes of an OrderedDict (PyTorch notes versions in them) are dropped; nothing else may have any. */
  build(): void {
    this.pop()
    if (!(this.top() instanceof Map))
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

const UNTRUSTED =
  'in Python, if you trust the file, save its tensors alone: torch.save(model.state_dict(), "weights.pth")'

const latin1 = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

const OPCODES = new Map<number, (m: Machine) => void>([
  // PROTO
  [
    0x80,
    (m) => {
      const version = m.reader.u8()
      if (version < 2 || version > 5) throw m.error(`has protocol ${version}, not 2 to 5`)
    },
  ],
  // FRAME
  [0x95, (m) => void m.reader.skip(8)],
  // MARK, POP, POP_MARK, DUP
  [0x28, (m) => m.mark()],
  [0x30, (m) => void m.pop()],
  [0x31, (m) => void m.popToMark()],
  [0x32, (m) => m.push(m.top())],
  // NONE, NEWTRUE, NEWFALSE
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  // BININT, BININT1, BININT2, LONG1, BINFLOAT
  [0x4a, (m) => m.push(m.reader.i32())],
  [0x4b, (m) => m.push(m.reader.u8())],
  [0x4d, (m) => m.push(m.reader.u16())],
  [0x8a, (m) => m.long(m.reader.u8())],
  [0x47, (m) => m.push(m.reader.f64BigEndian())],
  // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8; BINSTRING, SHORT_BINSTRING
  [0x58, (m) => m.push(m.reader.text(m.reader.u32()))],
  [0x8c, (m) => m.push(m.reader.text(m.reader.u8()))],
  [0x8d, (m) => m.push(m.reader.text(m.reader.u64()))],
  [0x54, (m) => m.push(latin1(m.reader.take(m.reader.u32())))],
  [0x55, (m) => m.push(latin1(m.reader.take(m.reader.u8())))],
  // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
  [0x42, (m) => m.push(m.reader.take(m.reader.u32()))],
  [0x43, (m) => m.push(m.reader.take(m.reader.u8()))],
  [0x8e, (m) => m.push(m.reader.take(m.reader.u64()))],
  [0x96, (m) => m.push(m.reader.take(m.reader.u64()))],
  // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
  [0x29, (m) => m.pushNew([])],
  [0x85, (m) => m.pushNew(m.popCount(1))],
  [0x86, (m) => m.pushNew(m.popCount(2))],
  [0x87, (m) => m.pushNew(m.popCount(3))],
  [0x74, (m) => m.pushNew(m.popToMark())],
  // EMPTY_LIST, LIST, APPEND, APPENDS
  [0x5d, (m) => m.pushNew([])],
  [0x6c, (m) => m.pushNew(m.popToMark())],
  [0x61, (m) => m.extend(m.popCount(1))],
  [0x65, (m) => m.extend(m.popToMark())],
  // EMPTY_SET, FROZENSET, ADDITEMS
  [0x8f, (m) => m.pushNew([])],
  [0x91, (m) => m.pushNew(m.popToMark())],
  [0x90, (m) => m.extend(m.popToMark())],
  // EMPTY_DICT, DICT, SETITEM, SETITEMS
  [0x7d, (m) => m.pushNew(new Map())],
  [
    0x64,
    (m) => {
      const items = m.popToMark()
      m.pushNew(new Map())
      m.assign(items)
    },
  ],
  [0x73, (m) => m.assign(m.popCount(2))],
  [0x75, (m) => m.assign(m.popToMark())],
  // BINPUT, LONG_BINPUT, MEMOIZE; BINGET, LONG_BINGET
  [0x71, (m) => m.remember(m.reader.u8())],
  [0x72, (m) => m.remember(m.reader.u32())],
  [0x94, (m) => m.remember(m.memo.size)],
  [0x68, (m) => m.recall(m.reader.u8())],
  [0x6a, (m) => m.recall(m.reader.u32())],
  // GLOBAL, STACK_GLOBAL, REDUCE, BUILD, BINPERSID
  [0x63, (m) => m.global(m.line(), m.line())],
  [
    0x93,
    (m) => {
      const [module, name] = m.popCount(2)
      m.global(module, name)
    },
  ],
  [0x52, (m) => m.reduce()],
  [0x62, (m) => m.build()],
  [0x51, (m) => m.push(m.host.persistent(m.pop(), m.error))],
])

/** What makes objects, or reaches outside the pickle. */
const FORBIDDEN: ReadonlyMap<number, string> = new Map([
  [0x69, 'INST'],
  [0x6f, 'OBJ'],
  [0x81, 'NEWOBJ'],
  [0x92, 'NEWOBJ_EX'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x50, 'PERSID'],
  [0x97, 'NEXT_BUFFER'],
  [0x98, 'READONLY_BUFFER'],
])
