// What the names in a state dict's pickle stand for. torch.save writes a tensor as a call of a function of PyTorch's with
// a storage, an offset, a shape and strides; the storage is a persistent id, its bytes lie elsewhere. Until 0.3 a parameter
// was an object around its tensor, and at first both were made empty and then given their contents as a state.

import type { DataError } from '../../engine/errors.ts'
import type { Callable, PickleHost } from './pickle-machine.ts'
import { shown } from './reader.ts'
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

/** What the file keeps under a key, or a view of a part of that. */
export class Storage {
  readonly key: string
  readonly dtype: WeightDtype
  /** Elements under the key. */
  readonly count: number
  /** Bytes of the part. */
  readonly bytes: number
  readonly #start: number

  constructor(key: string, dtype: WeightDtype, count: number, part = { offset: 0, count }) {
    this.key = key
    this.dtype = dtype
    this.count = count
    this.bytes = part.count * bytesPerElement(dtype)
    this.#start = part.offset * bytesPerElement(dtype)
  }

  /** The part, of all the bytes under the key. */
  within(content: Uint8Array): Uint8Array {
    return content.subarray(this.#start, this.#start + this.bytes)
  }
}

/** `torch.nn.parameter.Parameter`, or a `torch.FloatTensor` that was made empty. */
class TorchObject {
  tensor: TorchTensor | undefined
  constructor(tensor: TorchTensor | undefined) {
    this.tensor = tensor
  }
}

/** A tensor, or the one that an object has been given. */
export const tensorOf = (value: unknown): TorchTensor | undefined =>
  value instanceof TorchObject ? value.tensor : value instanceof TorchTensor ? value : undefined

/** `torch.FloatStorage` or `torch.float32`. */
class ElementType {
  readonly dtype: WeightDtype
  constructor(dtype: WeightDtype) {
    this.dtype = dtype
  }
}

/** A persistent id is ('storage', its type, its key, where it was, its number of elements), and before 1.6 one thing more:
 * None, or (the view's key, offset, number of elements). */
const storageOf = (id: unknown, error: (problem: string) => DataError): Storage => {
  const [kind, type, key, , count, view] = Array.isArray(id) ? id : []
  const isWhole = kind === 'storage' && type instanceof ElementType && typeof key === 'string'
  if (!isWhole || !isCount(count)) throw error('has something outside itself that is no storage')
  if (view === undefined || view === null) return new Storage(key, type.dtype, count)
  const [, offset, part] = Array.isArray(view) ? view : []
  if (!isCount(offset) || !isCount(part) || offset + part > count)
    throw error(`has a view that leaves storage ${shown(key)}`)
  return new Storage(key, type.dtype, count, { offset, count: part })
}

/** Refuses what leaves its storage, and what has more elements than it: an expanded tensor could ask for any memory. */
const rebuild = (args: readonly unknown[], error: (problem: string) => DataError) => {
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

/** Python 2 passes the items of an OrderedDict, Python 3 sets them afterwards. */
const orderedDict: Callable = ([items = []], error) => {
  const isPair = (item: unknown) => Array.isArray(item) && item.length === 2
  if (!Array.isArray(items) || !items.every(isPair)) throw error('makes a dict of other than items')
  return new Map(items as [unknown, unknown][])
}

const objectOf: Callable = ([data]) => new TorchObject(tensorOf(data))

/** What the state is, its length tells: of a tensor what rebuilds it; of a parameter its hooks and flags, and of one that
 * was made empty before them its tensor and gradient. */
const build: PickleHost['build'] = (object, state, error) => {
  if (!(object instanceof TorchObject && Array.isArray(state))) return false
  if (state.length === 4) object.tensor = rebuild(state, error)
  else if (state.length === 5) object.tensor = tensorOf(state[0])
  else return state.length === 3
  return true
}

function elementTypes(names: { readonly [dtype in WeightDtype]: readonly string[] }) {
  return Object.entries(names).flatMap(([dtype, all]) =>
    all.map((name) => [`torch.${name}`, new ElementType(dtype as WeightDtype)] as const),
  )
}

const TENSORS = ['Double', 'Float', 'Half', 'Long', 'Int', 'Short', 'Char', 'Byte']

const GLOBALS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['collections.OrderedDict', orderedDict],
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
  ...TENSORS.flatMap((name) => [
    [`torch.${name}Tensor`, objectOf] as const,
    [`torch.cuda.${name}Tensor`, objectOf] as const,
  ]),
  ['torch.nn.parameter.Parameter', objectOf],
  ['torch.autograd.variable.Variable', objectOf],
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
export const torchHost = {
  global: (name: string) => GLOBALS.get(name),
  persistent: storageOf,
  classes: new Set([objectOf]),
  build,
} satisfies PickleHost
