// What the two schedules of adding by number share: the problem, and how an invocation loads and stores its elements.

import {
  type Access,
  type Binding,
  type Elem,
  loadScalar,
  loadVec,
  register,
  storeVec,
} from './kernel.ts'
import type { IndexElem } from './take.ts'

export interface ScatterSpec {
  readonly elem: Elem
  /** Element type of the numbers. */
  readonly index: IndexElem
  /** One number for everything at k: the index is [m], else it has the shape of src. */
  readonly shared: boolean
  readonly outer: number
  readonly n: number
  readonly m: number
  readonly inner: number
  /** Whether there is a base to add to. */
  readonly base: boolean
  /** Of the inputs, in their order. */
  readonly access: readonly Access[]
}

/** Where one invocation makes four neighbours along `inner`: their type, loads and stores. */
export function lanesOf(elem: Elem, inner: number) {
  const vec = inner % 4 === 0
  const scalar = register(elem)
  return {
    vec,
    scalar,
    type: vec ? `vec4<${scalar}>` : scalar,
    columns: vec ? inner / 4 : inner,
    load: (name: string, at: string) => (vec ? loadVec : loadScalar)(name, elem, at),
    // A word of four bytes is made by one invocation, a half is stored alone.
    each: elem === 'u8' && !vec ? 4 : 1,
    store: (i: string, value: string) =>
      vec
        ? storeVec('y', elem, i, value)
        : `y[${i}] = ${elem === 'f16' ? `f16(${value})` : value};`,
  }
}
export type Lanes = ReturnType<typeof lanesOf>

/** The statements that store `sumAt(e)` for the elements (or vec4s) of y that invocation i makes. */
export const storeSums = ({ each, store }: Lanes) =>
  each === 1
    ? store('i', 'sumAt(i)')
    : /* wgsl */ `
  var packed = 0u;
  for (var b = 0u; b < min(4u, p.total - 4u * i); b++) { packed |= (sumAt(4u * i + b) & 255u) << (8u * b); }
  y[i] = packed;`

export const baseBinding = (
  { elem, base }: ScatterSpec,
  access: Access,
  vec: boolean,
): Binding[] => (base ? [{ name: 'base', access, elem, vec }] : [])
