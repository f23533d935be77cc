// Starting values. Element i of a parameter is a pure function of (seed, parameter's name, i), so that a seed fixes a
// model whatever is built before or beside it, and adding a layer leaves the values of the others alone.

import { type Shape, sizeOf } from '../engine/dtype.ts'

/** Values of a parameter of this name and shape. */
export type Initializer = (name: string, shape: Shape) => Float32Array

export interface HeOptions {
  /** Default 0. */
  readonly seed?: number
  /** √2 where a ReLU follows (the default), 1 where none does. */
  readonly gain?: number
}

/** All elements equal to `value`. */
export const filled =
  (value: number): Initializer =>
  (_, shape) =>
    new Float32Array(sizeOf(shape)).fill(value)

export const zeros = filled(0)
export const ones = filled(1)

/** U(−a, a) with a = √3 · gain / √(fan in): variance gain² / fan in (He et al. 2015, eq. 10; FRRN's code). */
export const heUniform =
  ({ seed = 0, gain = Math.SQRT2 }: HeOptions = {}): Initializer =>
  (name, shape) => {
    const draw = drawer(seed, name)
    const a = (Math.sqrt(3) * gain) / Math.sqrt(fanIn(shape))
    return Float32Array.from({ length: sizeOf(shape) }, (_, i) => a * (2 * draw(i) - 1))
  }

/** N(0, gain² / fan in), by Box and Muller's transform (He et al. 2015, eq. 10). */
export const heNormal =
  ({ seed = 0, gain = Math.SQRT2 }: HeOptions = {}): Initializer =>
  (name, shape) => {
    const draw = drawer(seed, name)
    const deviation = gain / Math.sqrt(fanIn(shape))
    return Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
      const radius = Math.sqrt(-2 * Math.log(draw(2 * i)))
      return deviation * radius * Math.cos(2 * Math.PI * draw(2 * i + 1))
    })
  }

/** Inputs that one output sums over: all axes but the last, of [kh, kw, in, out] and of [in, out]. */
const fanIn = (shape: Shape): number => sizeOf(shape.slice(0, -1))

/** Draw number i of a stream, uniform in (0, 1): the middle of one of 2^32 cells, so that its logarithm is finite. */
function drawer(seed: number, name: string): (i: number) => number {
  const key = mix(hashText(name) ^ mix(seed + 0x165667b1))
  return (i) => (mix(key ^ mix(i + 0x9e3779b9)) + 0.5) / 4294967296
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}

/** Murmur3's 32-bit finaliser: every bit of the value reaches every bit of the result. */
function mix(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
