// MXNet's `.params`: a list of arrays, then a list of their names, `arg:` before a weight and `aux:` before a moving
// statistic. Three forms of an array exist: sizes of 32 bits without a magic number (2015 to 2017), V1 with sizes of 64
// bits, and V2, which also says how the array is stored. (Form: NDArray::Save in src/ndarray/ndarray.cc of MXNet.)

import { ByteReader } from './reader.ts'
import {
  bytesPerElement,
  countOf,
  type WeightDtype,
  type Weights,
  type WeightTensor,
  weightTensor,
} from './tensor.ts'

const LIST = 0x112
const V1 = 0xf993fac8
const V2 = 0xf993fac9
/** V2 of arrays whose shape may be a scalar's. */
const V3 = 0xf993faca
const MOST_AXES = 32

/** By mshadow's type number. */
const DTYPES: readonly WeightDtype[] = [
  'f32',
  'f64',
  'f16',
  'u8',
  'i32',
  'i8',
  'i64',
  'bool',
  'i16',
  'u16',
  'u32',
  'u64',
  'bf16',
]

export const isMxnet = (bytes: Uint8Array): boolean =>
  bytes[0] === (LIST & 255) && bytes[1] === LIST >> 8 && bytes.subarray(2, 8).every((b) => b === 0)

/** The arrays of a file under their names, prefixes included; `0`, `1` … where it has no names. Throws DataError naming
 * `file` where it is damaged or holds a sparse array. */
export function decodeMxnet(bytes: Uint8Array, file: string): Weights {
  const reader = new ByteReader(bytes, file, 'the MXNet file')
  reader.skip(16)
  const arrays: WeightTensor[] = []
  for (let left = reader.u64(); left > 0; left--) arrays.push(readArray(reader, arrays.length))
  const names: string[] = []
  for (let left = reader.u64(); left > 0; left--) names.push(reader.text(reader.u64()))
  if (reader.left) throw reader.error(`has ${reader.left} bytes after its last name`)
  if (names.length && names.length !== arrays.length)
    throw reader.error(`has ${names.length} names for ${arrays.length} arrays`)
  const tensors = new Map(arrays.map((array, i) => [names[i] ?? String(i), array]))
  if (tensors.size !== arrays.length) throw reader.error('has two arrays of one name')
  return { file, format: 'mxnet', tensors, metadata: new Map(), wrappers: [] }
}

function readArray(reader: ByteReader, index: number): WeightTensor {
  const shape = readShape(reader, index)
  // The device that it was on: its type and its number.
  reader.skip(8)
  const flag = reader.i32()
  const dtype = DTYPES[flag]
  if (!dtype) throw reader.error(`has array ${index} of the unknown type ${flag}`)
  const count = countOf(shape)
  if (count === undefined) throw reader.error(`has array ${index} of the shape [${shape}]`)
  return weightTensor(dtype, shape, reader.take(count * bytesPerElement(dtype)))
}

function readShape(reader: ByteReader, index: number): number[] {
  const magic = reader.u32()
  if (magic === V2 || magic === V3) {
    const storage = reader.i32()
    if (storage !== 0)
      throw reader.error(`has array ${index} stored sparsely`, 'save it with tostype("default")')
  }
  const isWide = magic === V1 || magic === V2 || magic === V3
  const axes = isWide ? reader.u32() : magic
  if (axes > MOST_AXES || (axes === 0 && magic !== V3))
    throw reader.error(`has array ${index} with ${axes} axes`)
  return Array.from({ length: axes }, () => (isWide ? reader.u64() : reader.u32()))
}
