// Caffe's `.caffemodel`: a protocol-buffer message, of which only the layers' weights are read. Field numbers are those
// of caffe.proto: NetParameter.layer = 100; LayerParameter.name = 1, type = 2, blobs = 7; BlobProto.num … width = 1 … 4,
// data = 5, shape = 7, double_data = 8; BlobShape.dim = 1. (Encoding: protobuf.dev/programming-guides/encoding.)

import { ByteReader, shown } from './reader.ts'
import {
  bytesPerElement,
  countOf,
  type WeightDtype,
  type Weights,
  type WeightTensor,
  weightTensor,
} from './tensor.ts'

interface Field {
  readonly number: number
  /** The value of a varint, or the bytes of anything else. */
  readonly value: number | Uint8Array
}

const LAYER = 100
const VARINT = 0
const BYTES = 2
/** Bytes of a value by wire type, where that is fixed. */
const FIXED: Readonly<{ [wire: number]: number }> = { 1: 8, 5: 4 }
/** ResNet-152 has 1500 layers of about 10 fields. */
const MOST_FIELDS = 1_000_000

/** Whether a message has a layer, as far as it can be read: two other formats begin with the same byte. */
export function isCaffe(bytes: Uint8Array): boolean {
  const reader = new ByteReader(bytes, '', '')
  try {
    for (let i = 0; i < 1000; i++) {
      const key = readVarint(reader)
      if (key === LAYER * 8 + BYTES) return true
      readValue(reader, key & 7)
    }
  } catch {}
  return false
}

/** The blobs of every layer, as `conv1/0`, `conv1/1` …; metadata has each layer's type under its name. Throws DataError
 * naming `file` where it is damaged. */
export function decodeCaffe(bytes: Uint8Array, file: string): Weights {
  const tensors = new Map<string, WeightTensor>()
  const metadata = new Map<string, string>()
  const reader = new ByteReader(bytes, file, 'the Caffe model')
  for (const layer of messages(fieldsOf(reader), LAYER)) {
    const fields = [...fieldsOf(inside(reader, layer))]
    const name = textOf(fields, 1)
    const blobs = messages(fields, 7)
    if (!blobs.length) continue
    metadata.set(name, textOf(fields, 2))
    blobs.forEach((blob, i) => {
      const key = `${name}/${i}`
      if (tensors.has(key)) throw reader.error(`has two layers ${shown(name)}`)
      tensors.set(key, readBlob(inside(reader, blob), key))
    })
  }
  return { file, format: 'caffe', tensors, metadata, wrappers: [] }
}

function readBlob(reader: ByteReader, key: string): WeightTensor {
  const fields = [...fieldsOf(reader)]
  const [floats, doubles] = [messages(fields, 5), messages(fields, 8)]
  const dtype: WeightDtype = doubles.length ? 'f64' : 'f32'
  const [data = new Uint8Array(0), more] = [...floats, ...doubles]
  const shape = readShape(fields, reader)
  if (more) throw reader.error(`has the data of ${shown(key)} in several pieces`)
  if (countOf(shape)! * bytesPerElement(dtype) !== data.length)
    throw reader.error(`has ${data.length} bytes in ${shown(key)} for [${shape}] of ${dtype}`)
  return weightTensor(dtype, shape, data)
}

/** Its dims, or before 2014 always four: num, channels, height, width. */
function readShape(fields: readonly Field[], reader: ByteReader): number[] {
  const [shape] = messages(fields, 7)
  if (!shape) return [1, 2, 3, 4].map((number) => numberOf(fields, number))
  return [...fieldsOf(inside(reader, shape))].flatMap(({ number, value }) => {
    if (number !== 1) return []
    if (typeof value === 'number') return [value]
    const packed = inside(reader, value)
    const dims: number[] = []
    while (packed.left) dims.push(readVarint(packed))
    return dims
  })
}

const inside = ({ file, what }: ByteReader, bytes: Uint8Array) => new ByteReader(bytes, file, what)

const messages = (fields: Iterable<Field>, number: number): Uint8Array[] =>
  [...fields].flatMap((f) => (f.number === number && typeof f.value !== 'number' ? [f.value] : []))

const numberOf = (fields: readonly Field[], number: number): number => {
  const value = fields.find((f) => f.number === number)?.value
  return typeof value === 'number' ? value : 0
}

const textOf = (fields: readonly Field[], number: number): string =>
  new TextDecoder().decode(messages(fields, number)[0])

function* fieldsOf(reader: ByteReader): Generator<Field> {
  for (let i = 0; reader.left; i++) {
    if (i === MOST_FIELDS) throw reader.error(`has more than ${MOST_FIELDS} fields in a message`)
    const key = readVarint(reader)
    yield { number: Math.floor(key / 8), value: readValue(reader, key & 7) }
  }
}

function readValue(reader: ByteReader, wire: number): number | Uint8Array {
  if (wire === VARINT) return readVarint(reader)
  if (wire === BYTES) return reader.take(readVarint(reader))
  if (FIXED[wire] === undefined) throw reader.error(`has a field of the unknown kind ${wire}`)
  return reader.take(FIXED[wire])
}

/** Seven bits a byte, the lowest first. What exceeds a JavaScript number (a negative one, say) comes out inexact: no
 * count and no position that is read here can be so large. */
function readVarint(reader: ByteReader): number {
  let value = 0
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = reader.u8()
    value += (byte & 127) * 2 ** shift
    if (byte < 128) return value
  }
  throw reader.error('has a number of more than ten bytes')
}
