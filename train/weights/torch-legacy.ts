// What torch.save wrote from 2017 until 1.6, and writes still where asked to: no archive but pickles one after another (a
// magic number, a version, a table of the machine, the object, the keys of its storages) and then, by the order of the
// keys, the number of elements of each storage and the elements.

import { unpickleNext } from './pickle.ts'
import type { PickleHost } from './pickle-machine.ts'
import { ByteReader, shown } from './reader.ts'
import { bytesPerElement, type Weights, type WeightTensor, weightTensor } from './tensor.ts'
import { flatten } from './torch-names.ts'
import { type Storage, torchHost } from './torch-pickle.ts'

const MAGIC = 0x1950a86a20f9469cfc6cn
const VERSION = 1001
/** The magic number takes 15 bytes in protocol 2, and 24 in protocol 4. */
const MAGIC_BYTES = 32

/** Whether the first pickle is the magic number. */
export function isLegacy(bytes: Uint8Array): boolean {
  try {
    const start = new ByteReader(bytes.subarray(0, MAGIC_BYTES), '', '')
    return unpickleNext(start, plainHost) === MAGIC
  } catch {
    return false
  }
}

/** Whether it is the container of before: a tar archive of four files. Other entries may stand among them, for times. */
export function isTarred(bytes: Uint8Array): boolean {
  const textAt = (from: number, to: number) =>
    String.fromCharCode(...bytes.subarray(from, to)).split('\0')[0]
  let at = 0
  for (let i = 0; i < 8 && textAt(at + 257, at + 262) === 'ustar'; i++) {
    if (TAR_ENTRIES.includes(textAt(at, at + 100))) return true
    const size = Number.parseInt(textAt(at + 124, at + 136), 8)
    at += 512 * (1 + Math.ceil(size / 512))
  }
  return false
}

const TAR_ENTRIES = ['sys_info', 'pickle', 'tensors', 'storages']

/** The tensors of a state dict, or of the dicts around and beside it, as views of `bytes`. Runs nothing: throws DataError
 * naming `file` where a pickle needs more than tensors, and where the storages are not just those that it names. */
export function decodeLegacy(bytes: Uint8Array, file: string): Weights {
  const reader = new ByteReader(bytes, file, 'the legacy container')
  readHead(reader)
  const storages = new Map<string, Storage>()
  const root = unpickleNext(reader, hostOf(storages))
  const contents = readStorages(reader, storages)
  const { tensors, metadata, wrappers } = flatten(root, file)
  const out = new Map<string, WeightTensor>()
  for (const [name, { storage, dtype, shape, at }] of tensors)
    out.set(name, weightTensor(dtype, shape, storage.within(contents.get(storage.key)!), at))
  return { file, format: 'torch', tensors: out, metadata, wrappers }
}

function readHead(reader: ByteReader): void {
  unpickleNext(reader, plainHost)
  const version = unpickleNext(reader, plainHost)
  if (version !== VERSION)
    throw reader.error(`has a version that is not ${VERSION}`, 'save it again with another PyTorch')
  const machine = unpickleNext(reader, plainHost)
  const isLittle = machine instanceof Map ? machine.get('little_endian') : undefined
  if (typeof isLittle !== 'boolean') throw reader.error('does not tell its byte order')
  if (!isLittle) throw reader.error('was saved on a big-endian machine', 'save it again on another')
}

/** Notes each storage by its key, as no tensor may use it in the end. */
const hostOf = (storages: Map<string, Storage>): PickleHost => ({
  ...torchHost,
  persistent(id, error) {
    const storage = torchHost.persistent(id, error)
    const { key, dtype, count } = storage
    const known = storages.get(key)
    if (known && (known.dtype !== dtype || known.count !== count))
      throw error(`announces storage ${shown(key)} in two ways`)
    storages.set(key, storage)
    return storage
  },
})

/** Each storage's bytes by its key: just those that the pickle has named, up to the end of the file. */
function readStorages(
  reader: ByteReader,
  storages: ReadonlyMap<string, Storage>,
): ReadonlyMap<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>()
  const keys = unpickleNext(reader, plainHost)
  if (!Array.isArray(keys)) throw reader.error('has no list of its storages')
  for (const key of keys) {
    const storage = storages.get(key)
    if (!storage) throw reader.error('has a storage that its pickle does not name')
    if (contents.has(key)) throw reader.error(`has storage ${shown(key)} twice`)
    const count = reader.u64()
    if (count !== storage.count)
      throw reader.error(
        `has ${count} elements in storage ${shown(key)}, which announces ${storage.count}`,
      )
    contents.set(key, reader.take(count * bytesPerElement(storage.dtype)))
  }
  for (const key of storages.keys())
    if (!contents.has(key)) throw reader.error(`lacks the bytes of storage ${shown(key)}`)
  if (reader.left) throw reader.error(`has ${reader.left} bytes after its last storage`)
  return contents
}

/** Of numbers and texts, lists and dicts alone. */
const plainHost: PickleHost = {
  global: () => undefined,
  persistent(_, error) {
    throw error('has something outside itself before its tensors or after them')
  },
  classes: new Set(),
  build: () => false,
}
