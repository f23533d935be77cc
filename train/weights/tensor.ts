// What every format is read into: tensors that stay as they lie in the file until somebody asks for their values.

import { bfloatToNumber, halfToNumber } from './floats.ts'

/** Element types in files; `f32`, `f16`, `i32`, `u32` and `u8` are the engine's as well. */
export type WeightDtype = keyof typeof ELEMENTS

export interface WeightTensor {
  readonly dtype: WeightDtype
  /** In the axis order of the file. */
  readonly shape: readonly number[]
  /** The elements as float32 numbers, row-major, converted on each call; integers above 2^24 are rounded. Where the
   * file has them as aligned float32 it is a view of the file's bytes: not to be written. */
  values(): Float32Array
}

export type WeightFormat = 'safetensors' | 'torch' | 'npz' | 'mxnet' | 'caffe'

export interface Weights {
  /** Where they were read from, for messages. */
  readonly file: string
  readonly format: WeightFormat
  /** In the order of the file. Names of nested dicts are joined with dots: `state_dict.conv1.weight`. */
  readonly tensors: ReadonlyMap<string, WeightTensor>
  /** What else the file says in words and numbers: `epoch` of a PyTorch dict, a Caffe layer's type under its name. */
  readonly metadata: ReadonlyMap<string, string | number | boolean>
  /** The dicts at the top of a PyTorch file that tensors were found in: `state_dict`, `optimizer`. Empty where the
   * tensors lie at the top, and in the other formats. */
  readonly wrappers: readonly string[]
}

interface Element {
  readonly bytes: number
  readonly get: (data: DataView, at: number) => number
}

const element = (bytes: number, get: Element['get']): Element => ({ bytes, get })

const ELEMENTS = {
  f64: element(8, (data, at) => data.getFloat64(at, true)),
  f32: element(4, (data, at) => data.getFloat32(at, true)),
  f16: element(2, (data, at) => halfToNumber(data.getUint16(at, true))),
  bf16: element(2, (data, at) => bfloatToNumber(data.getUint16(at, true))),
  i64: element(8, (data, at) => Number(data.getBigInt64(at, true))),
  u64: element(8, (data, at) => Number(data.getBigUint64(at, true))),
  i32: element(4, (data, at) => data.getInt32(at, true)),
  u32: element(4, (data, at) => data.getUint32(at, true)),
  i16: element(2, (data, at) => data.getInt16(at, true)),
  u16: element(2, (data, at) => data.getUint16(at, true)),
  i8: element(1, (data, at) => data.getInt8(at)),
  u8: element(1, (data, at) => data.getUint8(at)),
  bool: element(1, (data, at) => (data.getUint8(at) ? 1 : 0)),
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Where elements lie, counted in elements. */
export interface Strides {
  readonly offset: number
  readonly strides: readonly number[]
}

export const bytesPerElement = (dtype: WeightDtype): number => ELEMENTS[dtype].bytes

/** Elements of a shape; undefined where it is no shape, or larger than any file. */
export function countOf(shape: readonly unknown[]): number | undefined {
  let count = 1
  let empty = false
  for (const n of shape) {
    if (!Number.isSafeInteger(n) || (n as number) < 0) return undefined
    if (n === 0) empty = true
    else count *= n as number
    if (count > Number.MAX_SAFE_INTEGER / 8) return undefined
  }
  return empty ? 0 : count
}

/** Row-major strides. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step
    step *= Math.max(1, shape[axis])
  }
  return strides
}

/** A tensor whose elements lie in little-endian `data`, dense and row-major unless `at` says otherwise. The caller has
 * checked that all of them are inside. */
export function weightTensor(
  dtype: WeightDtype,
  shape: readonly number[],
  data: Uint8Array,
  at?: Strides,
): WeightTensor {
  const count = countOf(shape)!
  const dense = denseStrides(shape)
  const { offset, strides } = at ?? { offset: 0, strides: dense }
  const isDense = shape.every((n, axis) => n <= 1 || strides[axis] === dense[axis])
  const values = () => {
    if (count === 0) return new Float32Array(0)
    if (!isDense) return gather(data, dtype, shape, { offset, strides })
    const { bytes } = ELEMENTS[dtype]
    const part = data.subarray(offset * bytes, (offset + count) * bytes)
    return dtype === 'f32' && LITTLE_ENDIAN ? asFloats(part) : convert(part, dtype)
  }
  return { dtype, shape, values }
}

function asFloats(data: Uint8Array): Float32Array {
  if (data.byteOffset % 4 === 0)
    return new Float32Array(data.buffer, data.byteOffset, data.length / 4)
  // Not data.slice(): a Node Buffer's slice is a view.
  return new Float32Array(new Uint8Array(data).buffer)
}

function convert(data: Uint8Array, dtype: WeightDtype): Float32Array {
  const { bytes, get } = ELEMENTS[dtype]
  const view = viewOf(data)
  const out = new Float32Array(data.length / bytes)
  for (let i = 0; i < out.length; i++) out[i] = get(view, i * bytes)
  return out
}

function gather(
  data: Uint8Array,
  dtype: WeightDtype,
  shape: readonly number[],
  { offset, strides }: Strides,
): Float32Array {
  const { bytes, get } = ELEMENTS[dtype]
  const view = viewOf(data)
  const out = new Float32Array(shape.reduce((count, n) => count * n, 1))
  const at = new Array<number>(shape.length).fill(0)
  let from = offset
  for (let i = 0; i < out.length; i++) {
    out[i] = get(view, from * bytes)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]
      if (++at[axis] < shape[axis]) break
      from -= strides[axis] * shape[axis]
      at[axis] = 0
    }
  }
  return out
}

const viewOf = (data: Uint8Array) => new DataView(data.buffer, data.byteOffset, data.byteLength)
