// Python's pickle, protocols 2 to 5, read as data. A pickle is a program for a stack machine, and in Python it may call
// any function that can be imported. Here a name of Python's stands for what the host gives for it, and only for a few
// names; what would make an object of a class of any other name is refused. (Opcodes: Lib/pickletools.py of Python.)

import type { DataError } from '../../engine/errors.ts'
import { Machine, MOST_BYTES, type PickleHost, UNTRUSTED } from './pickle-machine.ts'
import { ByteReader } from './reader.ts'

/** Numbers, strings, bytes (Uint8Array), booleans and null; lists, tuples and sets as arrays; dicts as maps; and what
 * the host gave. An array or a map may hold itself. Throws DataError naming the file. */
export function unpickle(bytes: Uint8Array, file: string, host: PickleHost): unknown {
  const reader = new ByteReader(bytes, file, 'its pickle')
  if (bytes.length > MOST_BYTES)
    throw reader.error(`has ${bytes.length} bytes: it is no table of names`)
  return unpickleNext(reader, host)
}

/** As `unpickle`, of the pickle at the reader's place; moves it to the pickle's end. */
export function unpickleNext(reader: ByteReader, host: PickleHost): unknown {
  const machine = new Machine(reader, host)
  for (;;) {
    const code = machine.reader.u8()
    if (code === STOP) break
    const run = OPCODES.get(code)
    if (!run) throw refusal(machine, code)
    run(machine)
  }
  reader.at = machine.reader.at
  return machine.pop()
}

const STOP = 0x2e
const NEWOBJ = 0x81

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
  // NEWOBJ
  [
    NEWOBJ,
    (m) => {
      const [type, args] = m.popCount(2)
      if (!m.host.classes.has(type)) throw refusal(m, NEWOBJ)
      m.push(type)
      m.push(args)
      m.reduce()
    },
  ],
  [0x51, (m) => m.push(m.host.persistent(m.pop(), m.error))],
])

/** What makes objects, or reaches outside the pickle. */
const FORBIDDEN: ReadonlyMap<number, string> = new Map([
  [0x69, 'INST'],
  [0x6f, 'OBJ'],
  [NEWOBJ, 'NEWOBJ'],
  [0x92, 'NEWOBJ_EX'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x50, 'PERSID'],
  [0x97, 'NEXT_BUFFER'],
  [0x98, 'READONLY_BUFFER'],
])

function refusal({ error, reader }: Machine, code: number): DataError {
  const name = FORBIDDEN.get(code)
  if (name) return error(`has the opcode ${name}, which tensors do not need`, UNTRUSTED)
  return error(`has the unknown opcode ${code} at byte ${reader.at - 1}`)
}
