// What the interpreter computes with: plain float64 arrays, whatever the dtype. Integers wrap as they do in memory;
// floats are never rounded, so that the interpreter is the limit that a device approaches.

import { type DType, type Shape, stridesOf, type TensorType } from '../dtype.ts'
import type { Attrs } from '../op.ts'

/** A tensor with its elements in row-major order. */
export interface Value extends TensorType {
  readonly data: Float64Array
}

/** A structured op in plain loops: the elements of each output, from the inputs and the output types. */
export type Reference = (
  inputs: readonly Value[],
  attrs: Attrs,
  outputs: readonly TensorType[],
) => Float64Array[]

/** Gives a reference the attribute type of its op; the table of references forgets it, as the list of ops does. */
export const reference = <A>(
  f: (inputs: readonly Value[], attrs: A, outputs: readonly TensorType[]) => Float64Array[],
): Reference => f as unknown as Reference

/** What becomes of a number that is stored in memory as `dtype`. */
export function wrap(x: number, dtype: DType): number {
  if (dtype === 'u8') return x & 255
  if (dtype === 'i32') return x | 0
  if (dtype === 'u32') return x >>> 0
  return x
}

/** Elements of host data as numbers; f16 data travels as its bits. */
export function numbersOf(data: ArrayLike<number>): Float64Array {
  return Float64Array.from(data, data instanceof Uint16Array ? halfToNumber : (x) => x)
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Calls `visit` with every coordinate of a shape, in row-major order. */
export function eachCoordinate(
  shape: Shape,
  visit: (at: readonly number[], index: number) => void,
): void {
  const size = shape.reduce((a, b) => a * b, 1)
  const at = new Array<number>(shape.length).fill(0)
  for (let index = 0; index < size; index++) {
    visit(at, index)
    for (let a = shape.length - 1; a >= 0 && ++at[a] === shape[a]; a--) at[a] = 0
  }
}

/** Row-major index of a coordinate. */
export function indexOf(at: readonly number[], shape: Shape): number {
  return at.reduce((index, i, a) => index * shape[a] + i, 0)
}

/** Step in `x` per step in each axis of `shape`, to which x broadcasts: 0 where x repeats. */
export function broadcastStrides(x: Shape, shape: Shape): number[] {
  const own = stridesOf(x)
  const lead = shape.length - x.length
  return shape.map((_, a) => (a < lead || x[a - lead] === 1 ? 0 : own[a - lead]))
}

/** [product of the leading sizes, last size]: a tensor as rows of channels. */
export function rowsOf({ shape }: TensorType): [rows: number, channels: number] {
  const channels = shape[shape.length - 1]
  return [shape.slice(0, -1).reduce((a, b) => a * b, 1), channels]
}
