// Key maps: how the variables of a network are made of the tensors of a file that another project wrote. A map is pure
// naming and layout; reading files and writing variables is done elsewhere.

import { type Shape, sizeOf } from '../../engine/dtype.ts'
import type { Variable } from '../../engine/tensor.ts'

/** A tensor of a file. */
export interface Stored {
  readonly shape: Shape
  values(): Float32Array
}

/** Values in the layout of this library. */
export interface Converted {
  readonly shape: Shape
  readonly data: Float32Array
}

/** What one variable is made of. */
export interface Source {
  /** Names in the file, all of them needed. */
  readonly names: readonly string[]
  /** The tensors of those names, in that order, as the variable. */
  convert(...tensors: Stored[]): Converted
  /** The variable's values as the tensor of `names[0]`; absent where the way back is none. */
  readonly invert?: (values: Converted) => Converted
}

export type State = ReadonlyMap<string, Variable>
/** A file's tensors by name: which is made of which is told without their values. */
export type File = ReadonlyMap<string, Pick<Stored, 'shape'>>

export interface KeyMap {
  readonly name: string
  /** One line: whose files these are. */
  readonly summary: string
  /** Whether a file with such names is of this kind. */
  recognizes(file: Pick<File, 'has'>): boolean
  /** Throws DataError, naming the file, where it is of this kind but of a variant that no network here has. */
  readonly refuse?: (file: File, name: string) => void
  /** Sources by path of the variable. Paths without one have nothing in such files. */
  sources(state: State, file: File): Map<string, Source>
  /** Names that carry nothing that a network needs. */
  ignores(name: string): boolean
  /** Names of the last layer, which a new task replaces. */
  isHead(name: string): boolean
  /** True where the names are our own. */
  readonly ours?: true
  /** Options that a network must have been built with for these weights to mean what they meant: others have the same shapes
   * and give wrong results. An array lists several that do. */
  readonly expects: Readonly<Record<string, unknown>>
}

/** Axes in another order. */
export function permute({ shape, data }: Converted, order: readonly number[]): Converted {
  const out = order.map((axis) => shape[axis])
  const steps = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
  const by = order.map((axis) => steps[axis])
  const moved = new Float32Array(data.length)
  const at = out.map(() => 0)
  let from = 0
  for (let i = 0; i < moved.length; i++) {
    moved[i] = data[from]
    for (let axis = out.length - 1; axis >= 0; axis--) {
      from += by[axis]
      if (++at[axis] < out[axis]) break
      from -= by[axis] * out[axis]
      at[axis] = 0
    }
  }
  return { shape: out, data: moved }
}

export const asStored = (t: Stored): Converted => ({ shape: t.shape, data: t.values() })

/** From PyTorch's layouts to ours: [out, in, kh, kw], and [in, out, kh, kw] of transposed convolutions, to [kh, kw, in, out]
 * ([kh, kw, out, in]); [out, in] to [in, out]. */
export const fromTorch = (t: Converted): Converted =>
  t.shape.length === 4 ? permute(t, [2, 3, 1, 0]) : t.shape.length === 2 ? permute(t, [1, 0]) : t

/** The way back. The kernels [kh, kw, c] of a transposed convolution of each channel by itself become [c, 1, kh, kw]. */
export function toTorch(t: Converted): Converted {
  if (t.shape.length === 4) return permute(t, [3, 2, 0, 1])
  if (t.shape.length === 3) return toTorch({ ...t, shape: [...t.shape.slice(0, 2), 1, t.shape[2]] })
  return t.shape.length === 2 ? permute(t, [1, 0]) : t
}

/** A variable that such a file holds under `name` in PyTorch's layout. A linear layer that became a 1×1 convolution, or the
 * other way round, keeps its numbers; a transposed convolution of each channel by itself is [c, 1, kh, kw] there. */
export const torchSource = (name: string, { shape }: { readonly shape: Shape }): Source => ({
  names: [name],
  convert: (t) => {
    const plain = asStored(t)
    if (shape.length === 4 && t.shape.length === 2)
      return fromTorch({ ...plain, shape: [...t.shape, 1, 1] })
    if (shape.length === 2 && t.shape.length === 4 && t.shape[2] * t.shape[3] === 1)
      return fromTorch({ ...plain, shape: t.shape.slice(0, 2) })
    const ours = fromTorch(plain)
    return shape.length === 3 && t.shape.length === 4 && t.shape[1] === 1
      ? { ...ours, shape: ours.shape.toSpliced(2, 1) }
      : ours
  },
  invert: toTorch,
})

/** Sources by a function from paths to names; undefined where such files have nothing for a path. */
export function byName(
  state: State,
  nameOf: (path: string) => string | undefined,
): Map<string, Source> {
  const sources = new Map<string, Source>()
  for (const [path, variable] of state) {
    const name = nameOf(path)
    if (name !== undefined) sources.set(path, torchSource(name, variable))
  }
  return sources
}

/** Each value by `f`. */
export const mapped = (
  { shape, data }: Converted,
  f: (value: number, index: number) => number,
): Converted => ({ shape, data: data.map(f) })
