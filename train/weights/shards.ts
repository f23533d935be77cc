// Weights in several safetensors files and an index, in the form of Hugging Face: `model-00001-of-00003.safetensors` …
// and `model.safetensors.index.json`, `{"metadata": {"total_size": …}, "weight_map": {tensor: file}}`.
// (Form: huggingface.co/docs/transformers/big_models#sharded-checkpoints.)

import { DataError, NonFiniteError, OptionError } from '../../engine/errors.ts'
import { numberToBfloat, numberToHalf } from './floats.ts'
import { parseJson } from './json.ts'
import { shown } from './reader.ts'
import { type SafeTensor, writeSafetensors } from './safetensors.ts'
import { bytesPerElement, countOf, type Weights, type WeightTensor } from './tensor.ts'

export const INDEX_ENDING = '.index.json'

export interface ShardOptions {
  /** Of all tensors in the file; `f32` if left out. ShapedValues are rounded to the nearest, ties to even. */
  readonly dtype?: 'f32' | 'f16' | 'bf16'
  /** Bytes of tensors in a file; a larger tensor has a file of its own. 2e9 if left out. */
  readonly maxBytes?: number
  /** Texts in the header of each file; other libraries want `{format: 'pt'}` of PyTorch's names and layout. */
  readonly metadata?: Readonly<{ [key: string]: string }>
  /** What the files' names begin with; `model` if left out. */
  readonly name?: string
}

/** What is written of a tensor. */
export type ShapedValues = Pick<WeightTensor, 'shape' | 'values'>

export interface EncodedFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** The files for these tensors, encoded one by one as they are asked for: `model.safetensors`, or where that exceeds
 * `maxBytes` numbered ones and then their index. Throws NonFiniteError where a finite value is beyond the dtype,
 * DataError where a name is given twice or values do not fill their shape, OptionError. */
export function* encodeShards(
  tensors: Iterable<readonly [string, ShapedValues]>,
  options: ShardOptions = {},
): Generator<EncodedFile> {
  const { dtype = 'f32', maxBytes = 2e9, metadata = {}, name = 'model' } = options
  if (!Object.hasOwn(ENCODERS, dtype))
    throw new OptionError(`weights are written as f32, f16 or bf16, not as ${dtype}`)
  if (!(maxBytes > 0)) throw new OptionError(`maxBytes is a number above 0, not ${maxBytes}`)
  if (!isFileName(name))
    throw new OptionError(`${shown(name)} cannot begin a file's name`, 'give the folder apart')
  const sizeOf = ({ shape }: ShapedValues) => countOf(shape)! * bytesPerElement(dtype)
  const shards = split(tensors, sizeOf, maxBytes)
  const weightMap = new Map<string, string>()
  let totalSize = 0
  for (const [i, shard] of shards.entries()) {
    const place = `-${number(i + 1)}-of-${number(shards.length)}`
    const file = `${name}${shards.length > 1 ? place : ''}.safetensors`
    for (const [key, tensor] of shard) {
      if (weightMap.has(key)) throw new DataError(shown(key), 'is the name of two tensors')
      weightMap.set(key, file)
      totalSize += sizeOf(tensor)
    }
    const encoded = shard.map(([key, tensor]) => [key, encode(tensor, dtype, key)] as const)
    yield { name: file, bytes: writeSafetensors(encoded, metadata) }
  }
  if (shards.length === 1) return
  const index = {
    metadata: { total_size: totalSize },
    weight_map: Object.fromEntries(weightMap),
  }
  const text = `${JSON.stringify(index, null, 2)}\n`
  yield { name: `${name}.safetensors${INDEX_ENDING}`, bytes: new TextEncoder().encode(text) }
}

const number = (n: number): string => String(n).padStart(5, '0')

/** In the order given, each part as large as may be; at least one part. */
function split<T>(
  tensors: Iterable<readonly [string, T]>,
  sizeOf: (tensor: T) => number,
  maxBytes: number,
): (readonly [string, T])[][] {
  const parts: (readonly [string, T])[][] = [[]]
  let filled = 0
  for (const entry of tensors) {
    const size = sizeOf(entry[1])
    if (filled + size > maxBytes && parts.at(-1)!.length) {
      parts.push([])
      filled = 0
    }
    parts.at(-1)!.push(entry)
    filled += size
  }
  return parts
}

const ENCODERS = {
  f32: undefined,
  f16: { dtype: 'F16', from: numberToHalf },
  bf16: { dtype: 'BF16', from: numberToBfloat },
} as const

function encode(
  { shape, values }: ShapedValues,
  dtype: keyof typeof ENCODERS,
  name: string,
): SafeTensor {
  const encoder = ENCODERS[dtype]
  const data = values()
  if (!encoder) return { dtype: 'F32', shape, data: data as Float32Array<ArrayBuffer> }
  const infinity = encoder.from(Number.POSITIVE_INFINITY)
  const bits = new Uint16Array(data.length)
  for (let i = 0; i < data.length; i++) {
    bits[i] = encoder.from(data[i])
    if ((bits[i] & 0x7fff) === infinity && Number.isFinite(data[i]))
      throw new NonFiniteError(
        `${shown(name)} holds ${data[i]}, too large for ${dtype}`,
        'write f32',
      )
  }
  return { dtype: encoder.dtype, shape, data: bits }
}

const isFileName = (name: string): boolean => name !== '' && !/[/\\\0]|^\.\.?$/.test(name)

/** Merges what an index names. `load` gives the weights of a file beside the index; each is asked for once. Throws
 * DataError naming the index where it is damaged or a name in it leaves its folder, and naming the shard where a tensor
 * that should be in it is not, or one that is in it should not. */
export async function decodeShards(
  index: Uint8Array,
  file: string,
  load: (name: string) => Promise<Weights>,
): Promise<Weights> {
  const weightMap = readIndex(index, file)
  const shards = new Map<string, Weights>()
  const tensors = new Map<string, WeightTensor>()
  for (const [name, shardName] of weightMap) {
    const shard = shards.get(shardName) ?? (await load(shardName))
    shards.set(shardName, shard)
    const tensor = shard.tensors.get(name)
    if (!tensor) throw torn(shard.file, `lacks ${shown(name)}, which the index places there`)
    tensors.set(name, tensor)
  }
  for (const [shardName, shard] of shards)
    for (const name of shard.tensors.keys())
      if (weightMap.get(name) !== shardName)
        throw torn(shard.file, `holds ${shown(name)}, which the index does not place there`)
  const [{ format, metadata }] = shards.values()
  return { file, format, tensors, metadata, wrappers: [] }
}

const torn = (file: string, problem: string) =>
  new DataError(file, problem, 'the index and its files are of different saves: fetch all again')

function readIndex(index: Uint8Array, file: string): ReadonlyMap<string, string> {
  const bad = (problem: string) => new DataError(file, problem, 'fetch the index again')
  let parsed: unknown
  try {
    parsed = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(index))
  } catch (error) {
    throw bad(`is no index: ${(error as Error).message}`)
  }
  const map = (parsed as { weight_map?: unknown } | null)?.weight_map
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw bad('is no index: it has no weight_map')
  const entries = Object.entries(map)
  if (!entries.length) throw bad('names no tensors')
  for (const [name, shard] of entries) {
    if (typeof shard !== 'string') throw bad(`places ${shown(name)} in no file`)
    if (!isFileName(shard)) throw bad(`places ${shown(name)} in ${shown(shard)}, not beside itself`)
  }
  return new Map(entries as [string, string][])
}
