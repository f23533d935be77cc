// Element types, shapes and the small arithmetic on them that every other file needs.

export type DType = 'f32' | 'f16' | 'i32' | 'u32' | 'u8'
export type Shape = readonly number[]

/** Shape and element type of a tensor. */
export interface TensorType {
  readonly dtype: DType
  readonly shape: Shape
}

export type HostArray = Float32Array | Int32Array | Uint32Array | Uint8Array | Uint16Array

const bytesPerElement: Record<DType, number> = { f32: 4, f16: 2, i32: 4, u32: 4, u8: 1 }

export const isDType = (name: unknown): name is DType =>
  Object.hasOwn(bytesPerElement, name as string)
export const dtypeHint = `use one of ${Object.keys(bytesPerElement).join(', ')}`

export const isFloat = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f16'

/** Number of elements of a shape; 1 for a scalar `[]`. */
export const sizeOf = (shape: Shape): number => {
  let size = 1
  for (const n of shape) size *= n
  return size
}

/** Whether it is a list of whole numbers from `least`. (Not by `every`, which passes over holes.) */
export const isWholes = (list: unknown, least = Number.NEGATIVE_INFINITY): list is Shape =>
  Array.isArray(list) && list.findIndex((n) => !Number.isInteger(n) || n < least) < 0

/** Whether every size is a whole number from 0. */
export const isShape = (shape: unknown): shape is Shape => isWholes(shape, 0)

/** Bytes that the elements themselves take, without padding. */
export const bytesOf = (type: TensorType): number =>
  sizeOf(type.shape) * bytesPerElement[type.dtype]

/** Bytes that a value takes in device memory: whole vec4s, so that every kernel may load four at once. */
export const storageBytes = (type: TensorType): number =>
  Math.max(16, Math.ceil(bytesOf(type) / 16) * 16)

/** The same of several. */
export const storedBytes = (types: Iterable<TensorType>): number => {
  let bytes = 0
  for (const type of types) bytes += storageBytes(type)
  return bytes
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i])

export const sameType = (a: TensorType, b: TensorType): boolean =>
  a.dtype === b.dtype && sameShape(a.shape, b.shape)

/** `f32[1,56,56,64]`, the way that types are printed everywhere. */
export const showType = (type: TensorType): string => `${type.dtype}[${type.shape.join(',')}]`

/** The shape that several shapes broadcast to, or undefined when they do not (NumPy's rule). */
export function broadcastShapes(shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length))
  const out: number[] = []
  for (let i = 1; i <= rank; i++) {
    let n = 1
    for (const s of shapes) {
      const d = i <= s.length ? s[s.length - i] : 1
      if (d === 1 || d === n) continue
      if (n !== 1) return undefined
      n = d
    }
    out.unshift(n)
  }
  return out
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]
  }
  return strides
}

/** Axis numbers counted from the front, sorted, each once; negative ones count from the back. */
export function normalizeAxes(axes: unknown, rank: number): number[] | undefined {
  if (!isWholes(axes)) return undefined
  const out = axes.map((a) => (a < 0 ? a + rank : a))
  if (out.some((a) => a < 0 || a >= rank)) return undefined
  if (new Set(out).size !== out.length) return undefined
  return out.sort((a, b) => a - b)
}

/** A typed array of `count` zeros for host data of a dtype; f16 data travels as its bits. */
export function hostArray(dtype: DType, count: number): HostArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(count)
    case 'f16':
      return new Uint16Array(count)
    case 'i32':
      return new Int32Array(count)
    case 'u32':
      return new Uint32Array(count)
    case 'u8':
      return new Uint8Array(count)
  }
}

/** The dtype of host data, or undefined for an array that is none. */
export function dtypeOf(data: ArrayBufferView): DType | undefined {
  if (data instanceof Float32Array) return 'f32'
  if (data instanceof Int32Array) return 'i32'
  if (data instanceof Uint32Array) return 'u32'
  if (data instanceof Uint16Array) return 'f16'
  return data instanceof Uint8Array ? 'u8' : undefined
}

/** Whether a dtype has a place for a number; floats round it, and integers would cut or wrap it. */
export function holds(dtype: DType, value: number): boolean {
  if (isFloat(dtype)) return true
  const [low, high] = integerRange[dtype as keyof typeof integerRange]
  return Number.isInteger(value) && value >= low && value <= high
}

const integerRange = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  u8: [0, 255],
} as const
