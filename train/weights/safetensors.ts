// Reading and writing safetensors: an 8-byte length, a JSON header, then the tensors' bytes, little-endian.
// Format: huggingface.co/docs/safetensors. A file is accepted only if its tensors fill it exactly, side by side.

import { DataError } from '../../engine/errors.ts'
import { readPart } from './blob.ts'
import { parseJson } from './json.ts'
import { shown } from './reader.ts'
import { countOf } from './tensor.ts'

const ARRAYS = {
  F32: Float32Array,
  /** The bits of float16 and bfloat16: JavaScript has no array type for them. */
  F16: Uint16Array,
  BF16: Uint16Array,
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const

export type SafeDtype = keyof typeof ARRAYS
export type SafeArray = InstanceType<(typeof ARRAYS)[SafeDtype]>

export interface SafeTensor {
  readonly dtype: SafeDtype
  readonly shape: readonly number[]
  readonly data: SafeArray
}

export interface SafeTensors {
  readonly tensors: ReadonlyMap<string, SafeTensor>
  readonly metadata: Readonly<Record<string, string>>
}

/** Where a tensor lies. */
export interface SafeEntry {
  readonly dtype: SafeDtype
  readonly shape: readonly number[]
  /** Positions in the file. */
  readonly begin: number
  readonly end: number
}

/** The format's own limit on the header. */
const LONGEST_HEADER = 100_000_000
/** No network has so many. */
const MOST_TENSORS = 1_000_000

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/**
 * Tensors and metadata of a file's bytes. Data are views of `bytes` where its memory is aligned for them, copies where
 * not. Throws DataError naming `file` when the bytes are truncated, overlap, leave gaps or do not match their shapes.
 */
export function readSafetensors(bytes: Uint8Array, file: string): SafeTensors {
  if (!LITTLE_ENDIAN) throw bad(file, 'cannot be read on a big-endian machine')
  const { entries, metadata } = readEntries(bytes, file)
  const tensors = new Map<string, SafeTensor>()
  for (const [name, { dtype, shape, begin, end }] of entries)
    tensors.set(name, { dtype, shape, data: view(bytes, begin, end, dtype) })
  return { tensors, metadata }
}

/** What a file's header says, checked as by `readSafetensors`, with no look at the data. `bytes` may be the head of a file of
 * `size` bytes. */
export function readEntries(bytes: Uint8Array, file: string, size = bytes.length) {
  const { header, dataStart } = readHeader(bytes, file)
  const { __metadata__: given, ...rest } = header
  const metadata = checkMetadata(file, given)
  const entries = Object.entries(rest).map(
    ([name, entry]) => [name, readEntry(entry, dataStart, name, file)] as const,
  )
  checkCoverage(entries, dataStart, size, file)
  return { entries, metadata }
}

/** The same of a file of which no more than the header is read. */
export const readBlobEntries = async (bytes: Blob, file: string) =>
  readEntries(await readHead(bytes, file), file, bytes.size)

/** A tensor of such a file, of which no other byte is read. Throws DataError where the file is not there any more. */
export async function readEntryData(
  bytes: Blob,
  { dtype, shape, begin, end }: SafeEntry,
  file: string,
): Promise<SafeTensor> {
  if (!LITTLE_ENDIAN) throw bad(file, 'cannot be read on a big-endian machine')
  const part = await readPart(bytes, begin, end, file)
  return { dtype, shape, data: view(part, 0, part.length, dtype) }
}

/** No more than the first eight bytes where they announce more than a header may have. */
async function readHead(bytes: Blob, file: string): Promise<Uint8Array> {
  const first = await readPart(bytes, 0, 8, file)
  const long = first.length < 8 ? 0 : new DataView(first.buffer).getBigUint64(0, true)
  return long > LONGEST_HEADER ? first : readPart(bytes, 0, 8 + Number(long), file)
}

function checkMetadata(file: string, metadata: unknown = {}): Readonly<Record<string, string>> {
  if (!isStrings(metadata)) throw bad(file, 'has metadata that are not texts')
  return metadata
}

/** A file's bytes; throws DataError naming the tensor where data do not fill the shape. */
export function writeSafetensors(
  tensors: Iterable<readonly [string, SafeTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // The widest elements first, so that every tensor starts at a multiple of its element's size.
  const sorted = [...tensors].sort(
    ([, a], [, b]) => ARRAYS[b.dtype].BYTES_PER_ELEMENT - ARRAYS[a.dtype].BYTES_PER_ELEMENT,
  )
  const header: Record<string, unknown> = Object.create(null)
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata
  let end = 0
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name in header || name === '__metadata__') throw bad(name, 'is the name of two tensors')
    if (data.byteLength !== byteSize(dtype, shape))
      throw bad(name, `has ${data.length} values, which do not fill [${shape}] of ${dtype}`)
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] }
    end += data.byteLength
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const headerBytes = Math.ceil(json.length / 8) * 8
  const out = new Uint8Array(8 + headerBytes + end)
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true)
  out.set(json, 8)
  out.fill(0x20, 8 + json.length, 8 + headerBytes)
  let at = 8 + headerBytes
  for (const [, { data }] of sorted) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return out
}

function bad(file: string, problem: string): DataError {
  return new DataError(
    file,
    problem,
    'the file is not a whole safetensors file: fetch or save it again',
  )
}

function readHeader(bytes: Uint8Array, file: string) {
  if (bytes.length < 8) throw bad(file, `is truncated: ${bytes.length} bytes`)
  const long = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  if (long > LONGEST_HEADER) throw bad(file, `announces a header of ${long} bytes`)
  const dataStart = 8 + Number(long)
  if (dataStart > bytes.length)
    throw bad(file, `is truncated: its header takes ${dataStart} of ${bytes.length} bytes`)
  // Before JSON is made of it, which takes seconds: each is an object in one.
  let objects = 0
  for (let i = 8; i < dataStart; i++) if (bytes[i] === 0x7b) objects++
  if (objects > 1 + MOST_TENSORS) throw bad(file, `has over ${MOST_TENSORS} tensors`)
  let header: unknown
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    header = parseJson(decoder.decode(bytes.subarray(8, dataStart)))
  } catch (error) {
    throw bad(file, `has a header that is not JSON (${(error as Error).message})`)
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw bad(file, 'has a header that is not an object')
  return { header: header as Record<string, unknown>, dataStart }
}

function readEntry(value: unknown, dataStart: number, name: string, file: string): SafeEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>
  const tensor = `tensor ${shown(name)}`
  if (typeof dtype !== 'string' || !Object.hasOwn(ARRAYS, dtype)) {
    const type = typeof dtype === 'string' ? shown(dtype) : typeof dtype
    throw bad(file, `has ${tensor} of the unknown type ${type}`)
  }
  if (!isCounts(shape)) throw bad(file, `has ${tensor} with a malformed shape`)
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1])
    throw bad(file, `has ${tensor} with malformed offsets`)
  const [begin, end] = offsets
  const size = byteSize(dtype as SafeDtype, shape)
  if (size === undefined) throw bad(file, `has ${tensor} of a size that no file has`)
  if (end - begin !== size)
    throw bad(file, `has ${tensor} of ${size} bytes in a place for ${end - begin}`)
  return { dtype: dtype as SafeDtype, shape, begin: dataStart + begin, end: dataStart + end }
}

function checkCoverage(
  entries: readonly (readonly [string, SafeEntry])[],
  dataStart: number,
  size: number,
  file: string,
) {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let filled = dataStart
  for (const [name, { begin, end }] of sorted) {
    if (begin < filled) throw bad(file, `has tensor ${shown(name)} overlapping another`)
    if (begin > filled) throw bad(file, `has a gap before tensor ${shown(name)}`)
    filled = end
  }
  if (filled > size) {
    const [needed, there] = [filled - dataStart, size - dataStart]
    throw bad(file, `is truncated: ${needed} bytes of tensors, ${there} there`)
  }
  if (filled < size) throw bad(file, `has ${size - filled} bytes after its last tensor`)
}

/** Undefined where it is larger than any file. */
function byteSize(dtype: SafeDtype, shape: readonly number[]): number | undefined {
  const count = countOf(shape)
  return count === undefined ? undefined : count * ARRAYS[dtype].BYTES_PER_ELEMENT
}

function view(bytes: Uint8Array, begin: number, end: number, dtype: SafeDtype): SafeArray {
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT
  const start = bytes.byteOffset + begin
  const count = (end - begin) / size
  if (start % size === 0) return new ARRAYS[dtype](bytes.buffer as ArrayBuffer, start, count)
  // Not bytes.slice(): a Node Buffer's slice is a view.
  return new ARRAYS[dtype](new Uint8Array(bytes.subarray(begin, end)).buffer, 0, count)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

function isStrings(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string')
  )
}
