// What an engine under comparison must offer, and the data that all of them compute on.

import type { Spec } from './rows.ts'

/** A row made ready on one engine. */
export interface Prepared {
  /** Sends the work of one run on its way. What it returns is awaited before the next run. */
  run(): void | Promise<void>
  /** Resolves when the device has done all that was sent. */
  done(): Promise<void>
  /** Results of one more run: maps as [n, h, w, c], weights as [kh, kw, in, out]. */
  read(): Promise<Values[]>
  /** Gives the memory back. */
  free(): void
}

export type Values = Float32Array | Int32Array

export interface Engine {
  /** With its version. */
  readonly name: string
  readonly device: GPUDevice
  /** Throws where it cannot do this; its message is shown in the table. */
  prepare(spec: Spec): Promise<Prepared>
}

/** Said by an engine of what it has no way to compute. */
export class Unsupported extends Error {}

/** `length` numbers in [-1, 1), the same in every process. */
export function uniform(length: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length)
  let s = Math.imul(seed, 0x9e3779b1) >>> 0
  for (let i = 0; i < length; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    let x = s ^ (s >>> 16)
    x = Math.imul(x, 0x7feb352d)
    x ^= x >>> 15
    values[i] = (x >>> 8) / 2 ** 23 - 1
  }
  return values
}

export const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** The elements of a row-major array of `shape` with its axes in another order. */
export function permuted<A extends Values>(
  values: A,
  shape: readonly number[],
  axes: readonly number[],
): A {
  const strides = shape.map((_, a) => product(shape.slice(a + 1)))
  const to = axes.map((a) => shape[a])
  const by = axes.map((a) => strides[a])
  const result = new (values.constructor as new (n: number) => A)(values.length)
  const at = to.map(() => 0)
  let from = 0
  for (let i = 0; i < result.length; i++) {
    result[i] = values[from]
    for (let a = to.length - 1; a >= 0; a--) {
      from += by[a]
      if (++at[a] < to[a]) break
      from -= to[a] * by[a]
      at[a] = 0
    }
  }
  return result
}

/** What is compared of a selection: its values, and those that its indices point to. Equal ones may come in any order. */
export const picked = (x: Float32Array, [values, indices]: readonly Values[]): Values[] => [
  values,
  Float32Array.from(indices, (i) => x[i]),
]

/** Axes that bring [n, h, w, c] to [n, c, h, w], and back; [kh, kw, in, out] to [out, in, kh, kw], and back. */
export const axes = {
  toPlanes: [0, 3, 1, 2],
  fromPlanes: [0, 2, 3, 1],
  weightToPlanes: [3, 2, 0, 1],
  weightFromPlanes: [2, 3, 1, 0],
} as const
