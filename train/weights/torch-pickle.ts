// What the names in a state dict's pickle stand for. torch.save writes a tensor as a call of a function of PyTorch's with
// a storage, an offset, a shape and strides; the storage is a persistent id, its bytes lie elsewhere.

import type { Callable, PickleHost } from './pickle.ts'
import { bytesPerElement, countOf, type Strides, type WeightDtype } from './tensor.ts'

/** A window on a storage, checked to lie inside it; only the storage's bytes are missing. */
export class TorchTensor {
  readonly storage: Storage
  readonly dtype: WeightDtype
  readonly shape: readonly number[]
  readonly at: Strides

  constructor(storage: Storage, dtype: WeightDtype, shape: readonly number[], at: Strides) {
    this.storage = storage
    this.dtype = dtype
    this.shape = shape
    this.at = at
  }
}

export class Storage {
  readonly key: string
  readonly dtype: WeightDtype
  readonly bytes: number

  constructor(key: string, dtype: WeightDtype, count: number) {
    this.key = key
    this.dtype = dtype
    this.bytes = count * bytesPerElement(dtype)
  }
}

/** `torch.FloatStorage` or `torch.float32`. */
class ElementType {
  readonly dtype: WeightDtype
  constructor(dtype: WeightDtype) {
    this.dtype = dtype
  }
}

/** A persistent id is ('storage', its type, its key, where it was, its number of elements). */
const storageOf: PickleHost['persistent'] = (id, error) => {
  const [kind, type, key, , count] = Array.isArray(id) ? id : []
  const isWhole = kind === 'storage' && type instanceof ElementType && typeof key === 'string'
  if (!isWhole || !isCount(count)) throw error('has something outside itself that is no storage')
  return new Storage(key, type.dtype, count)
}

/** Refuses what leaves its storage, and what has more elements than it: an expanded tensor could ask for any memory. */
const rebuild: Callable = (args, error) => {
  const [storage, offset, shape, strides, , , type] = args
  if (!(storage instanceof Storage)) throw error('has a tensor without a storage')
  const dtype = type instanceof ElementType ? type.dtype : storage.dtype
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length)
    throw error('has a tensor with a malformed offset, shape or strides')
  const count = countOf(shape)
  const last = shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis], offset)
  const held = Math.floor(storage.bytes / bytesPerElement(dtype))
  if (count === undefined || count > held || (count > 0 && last >= held))
    throw error(
      `has a tensor [${shape}] at ${offset} with strides [${strides}] outside its storage of ${held}`,
    )
  // Copies: the rest of the pickle may still change its lists.
  return new TorchTensor(storage, dtype, [...shape], { offset, strides: [...strides] })
}

const MOST_AXES = 64

const isCount = (value: unknown): value is number => countOf([value]) !== undefined

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= MOST_AXES && value.every(isCount)

const first: Callable = ([value = null]) => value
const emptyDict: Callable = () => new Map()

function elementTypes(names: { readonly [dtype in WeightDtype]: readonly string[] }) {
  return Object.entries(names).flatMap(([dtype, all]) =>
    all.map((name) => [`torch.${name}`, new ElementType(dtype as WeightDtype)] as const),
  )
}

const GLOBALS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['collections.OrderedDict', emptyDict],
  // Milestones of a learning-rate schedule; sets; bytes in protocol 2.
  ['collections.Counter', emptyDict],
  ['builtins.set', first],
  ['__builtin__.set', first],
  ['_codecs.encode', first],
  ['torch.Size', first],
  ['torch.device', first],
  ['torch.serialization._get_layout', first],
  ['torch._utils._rebuild_tensor', rebuild],
  ['torch._utils._rebuild_tensor_v2', rebuild],
  ['torch._utils._rebuild_tensor_v3', rebuild],
  ['torch._utils._rebuild_parameter', first],
  ['torch._utils._rebuild_parameter_with_state', first],
  ...elementTypes({
    f64: ['DoubleStorage', 'float64', 'double'],
    f32: ['FloatStorage', 'float32', 'float'],
    f16: ['HalfStorage', 'float16', 'half'],
    bf16: ['BFloat16Storage', 'bfloat16'],
    i64: ['LongStorage', 'int64', 'long'],
    u64: ['uint64'],
    i32: ['IntStorage', 'int32', 'int'],
    u32: ['uint32'],
    i16: ['ShortStorage', 'int16', 'short'],
    u16: ['uint16'],
    i8: ['CharStorage', 'int8'],
    u8: ['ByteStorage', 'uint8', 'UntypedStorage', 'storage.UntypedStorage'],
    bool: ['BoolStorage', 'bool'],
  }),
])

/** Knows plain tensors and the plain containers around them. */
export const torchHost: PickleHost = {
  global: (name) => GLOBALS.get(name),
  persistent: storageOf,
}
