// numpy's arrays: an `.npz` is a zip archive of `.npy` files, each a header (a Python dict, as text) and the elements,
// row-major or Fortran order (numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3).

import { ByteReader, shown } from './reader.ts'
import {
  bytesPerElement,
  countOf,
  denseStrides,
  type WeightDtype,
  type Weights,
  type WeightTensor,
  weightTensor,
} from './tensor.ts'
import type { ZipEntry } from './zip.ts'

const DTYPES: ReadonlyMap<string, WeightDtype> = new Map([
  ['f8', 'f64'],
  ['f4', 'f32'],
  ['f2', 'f16'],
  ['i8', 'i64'],
  ['u8', 'u64'],
  ['i4', 'i32'],
  ['u4', 'u32'],
  ['i2', 'i16'],
  ['u2', 'u16'],
  ['i1', 'i8'],
  ['u1', 'u8'],
  ['b1', 'bool'],
])

const MAGIC = '\x93NUMPY'
/** numpy's own limit is 10000 characters; a plain array needs about 70. */
const LONGEST_HEADER = 10000

export const isNpz = (entries: ReadonlyMap<string, ZipEntry>): boolean =>
  entries.size > 0 && [...entries.keys()].every((name) => name.endsWith('.npy'))

/** The arrays of an archive under their names without `.npy`. Throws DataError naming `file` where one is damaged, or
 * holds anything but little-endian numbers. */
export async function decodeNpz(
  entries: ReadonlyMap<string, ZipEntry>,
  file: string,
): Promise<Weights> {
  const tensors = new Map<string, WeightTensor>()
  for (const entry of entries.values()) {
    const name = entry.name.slice(0, -'.npy'.length)
    tensors.set(name, decodeNpy(new ByteReader(await entry.read(), file, shown(entry.name))))
  }
  return { file, format: 'npz', tensors, metadata: new Map(), wrappers: [] }
}

function decodeNpy(reader: ByteReader): WeightTensor {
  if (String.fromCharCode(...reader.take(6)) !== MAGIC) throw reader.error('is no array of numpy')
  const version = reader.u8()
  reader.skip(1)
  if (version < 1 || version > 3) throw reader.error(`has version ${version} of numpy's format`)
  const length = version === 1 ? reader.u16() : reader.u32()
  if (length > LONGEST_HEADER) throw reader.error(`announces a header of ${length} characters`)
  const { dtype, shape, fortran } = readHeader(reader.text(length), reader)
  const count = countOf(shape)
  if (count === undefined || count * bytesPerElement(dtype) !== reader.left)
    throw reader.error(`has ${reader.left} bytes of data for [${shape}] of ${dtype}`)
  const data = reader.take(reader.left)
  if (!fortran) return weightTensor(dtype, shape, data)
  const strides = denseStrides(shape.toReversed()).toReversed()
  return weightTensor(dtype, shape, data, { offset: 0, strides })
}

function readHeader(header: string, reader: ByteReader) {
  const descr = /'descr': *'([<>|=]?)([^']*)'/.exec(header)
  const order = /'fortran_order': *(True|False)/.exec(header)
  // Python 2 wrote long integers with an L.
  const sizes = /'shape': *\(((?:\d+L?, *)*(?:\d+L?)?)\)/.exec(header)
  if (!header.startsWith('{') || !order || !sizes) throw reader.error('has a damaged header')
  const dtype = DTYPES.get(descr?.[2] ?? '')
  const plain = 'save numbers: array.astype("<f4")'
  if (!dtype)
    throw reader.error(
      `holds no plain numbers${descr ? ` but elements of type ${shown(descr[2])}` : ''}`,
      plain,
    )
  if (descr![1] === '>') throw reader.error('holds big-endian numbers', plain)
  const shape = sizes[1].split(',').map((text) => text.trim())
  return {
    dtype,
    fortran: order[1] === 'True',
    shape: shape.filter((text) => text).map((text) => Number.parseInt(text, 10)),
  }
}
