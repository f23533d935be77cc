// A pickler of test files: the opcodes that torch.save's take, and archives around them.

import { bytesOf, type Files, type Piece, u32, u64, type ZipOptions, zip } from './writers.ts'

export const PROTO2: Piece = [0x80, 2]
export const STOP = '.'

export const text = (value: string): Piece => ['X', u32(bytesOf(value).length), value]
export const int = (value: number): Piece => ['J', u32(value)]
export const global = (module: string, name: string): Piece => ['c', `${module}\n${name}\n`]
export const tuple = (...values: readonly Piece[]): Piece => ['(', values, 't']
export const list = (...values: readonly Piece[]): Piece => [']', '(', values, 'e']
export const dict = (values: Readonly<{ [key: string]: Piece }>): Piece => [
  '}',
  '(',
  Object.entries(values).map(([key, value]) => [text(key), value]),
  'u',
]
export const call = (fn: Piece, ...args: readonly Piece[]): Piece => [fn, tuple(...args), 'R']
export const none: Piece = 'N'
export const put = (index: number): Piece => ['q', index]
export const get = (index: number): Piece => ['h', index]

/** As Python pickles an OrderedDict, with the attribute that a state dict has. */
export const orderedDict = (values: Readonly<{ [key: string]: Piece }>): Piece => [
  call(global('collections', 'OrderedDict')),
  '(',
  Object.entries(values).map(([key, value]) => [text(key), value]),
  'u',
  dict({ _metadata: call(global('collections', 'OrderedDict')) }),
  'b',
]

export interface Stored {
  readonly storage?: string
  readonly key: string
  readonly count: number
  readonly offset?: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  /** What follows the number of elements in a persistent id of before 1.6. */
  readonly view?: Piece
}

export const storage = (type: string, key: string, count: number, view: Piece = []): Piece => [
  tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(count), view),
  'Q',
]

export const tensor = ({ storage: type = 'FloatStorage', ...at }: Stored): Piece =>
  call(
    global('torch._utils', '_rebuild_tensor_v2'),
    storage(type, at.key, at.count, at.view),
    int(at.offset ?? 0),
    tuple(...at.shape.map(int)),
    tuple(...at.strides.map(int)),
    0x89,
    call(global('collections', 'OrderedDict')),
  )

export const pickle = (...pieces: readonly Piece[]): Uint8Array => bytesOf(PROTO2, pieces, STOP)

export interface LegacyParts {
  readonly magic?: Piece
  readonly version?: Piece
  readonly machine?: Piece
  /** Counts and elements of the storages by key. */
  readonly storages?: Readonly<{ [key: string]: readonly [count: number, content: Uint8Array] }>
  readonly keys?: Piece
  readonly trailing?: Piece
}

/** A `.pth` file of before 1.6: pickles one after another, then the storages. */
export function legacy(object: Piece, parts: LegacyParts = {}): Uint8Array<ArrayBuffer> {
  const { storages = {}, trailing = [] } = parts
  const {
    magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
    version = ['M', 0xe9, 3],
    machine = dict({ protocol_version: ['M', 0xe9, 3], little_endian: 0x88 }),
    keys = list(...Object.keys(storages).map(text)),
  } = parts
  const pickles = [magic, version, machine, object, keys].map((pieces) => pickle(pieces))
  const contents = Object.values(storages).map(([count, content]) => [u64(count), content])
  return bytesOf(pickles, contents, trailing)
}

/** A `.pth` file: `data.pkl` and the storages by key. */
export function archive(
  data: Uint8Array,
  storages: Files = {},
  options: ZipOptions & { readonly more?: Files } = {},
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(storages).map(([key, content]) => [`model/data/${key}`, content])
  const files: Files = {
    'model/data.pkl': data,
    'model/byteorder': bytesOf('little'),
    ...Object.fromEntries(entries),
    'model/version': bytesOf('3\n'),
    ...options.more,
  }
  return zip(files, options)
}
