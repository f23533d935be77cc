// Random numbers as a pure function of (seed, step, which op, which element): no state, so a recomputed value is the
// same value, and no pass can change a draw. The mixing function is pcg4d (Jarzynski and Olano, "Hash Functions for
// GPU Rendering", 2020), which takes four words and gives four.

import { isShape, type Shape } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { apply, none, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { currentPath, currentTrace } from '../trace.ts'
import { div, greaterEqual, where } from './arithmetic.ts'
import { pointwise } from './pointwise.ts'
import { toTensor } from './source.ts'

/** What changes from run to run: two u32 scalars, given to the program as arguments. */
export interface RandomKey {
  readonly seed: TensorLike
  readonly step: TensorLike
  /** Tells draws of one module apart in place of their order: draws of one name are the same numbers. Needed outside
   * programs, where lazy tensors have no order. */
  readonly name?: string
}

type RandomAttrs = { readonly shape: Shape; readonly salt: number }

/** pcg4d on four vec4u, one word of the result per element; written as one expression block. */
const pcg = (
  index: string,
  salt: readonly string[],
  seed: string,
  step: string,
  component: 'x' | 'y',
) =>
  `pcg4d_${component}(${index}, vec4u(${salt[0]}) * 65536u + vec4u(${salt[1]}), ${seed}, ${step})`

function mix(index: number, salt: number, seed: number, step: number): [number, number] {
  let [x, y, z, w] = [index, salt, seed, step].map((v) => (Math.imul(v, 1664525) + 1013904223) | 0)
  const round = () => {
    x = (x + Math.imul(y, w)) | 0
    y = (y + Math.imul(z, x)) | 0
    z = (z + Math.imul(x, y)) | 0
    w = (w + Math.imul(y, z)) | 0
  }
  round()
  x ^= x >>> 16
  y ^= y >>> 16
  z ^= z >>> 16
  w ^= w >>> 16
  round()
  return [x >>> 0, y >>> 0]
}

/** 24 bits, so that every value is exact in f32 and below 1. */
const unit = (word: string) => `(vec4f(${word} >> vec4u(8u)) * (1.0 / 16777216.0))`

const shared = (name: string) => ({
  indexed: true,
  flops: 30,
  infer: (
    [seed, step]: readonly { dtype: string; shape: Shape }[],
    { shape }: RandomAttrs,
    refuse: (problem: string) => never,
  ) => {
    if ([seed, step].some((t) => t.dtype !== 'u32' || t.shape.length > 0))
      refuse('seed and step must be u32 scalars')
    if (!isShape(shape)) refuse(`[${shape}] is no shape`)
    return [{ dtype: 'f32' as const, shape }]
  },
  constants: ({ salt }: RandomAttrs) => [Math.floor(salt / 65536), salt % 65536],
  vjp: none(`${name} does not depend on any differentiable input`),
  samples: [
    [4, 5],
    [3, 8],
  ].map((shape) => ({
    inputs: [
      { dtype: 'u32' as const, shape: [], range: [0, 1000] as const },
      { dtype: 'u32' as const, shape: [], range: [0, 1000] as const },
    ],
    attrs: { shape, salt: 123456789 },
  })),
})

const uniformOp = pointwise<RandomAttrs>('randomUniform', {
  ...shared('randomUniform'),
  error: 'exact',
  wgsl: ([seed, step], { index, constants }) => unit(pcg(index, constants, seed, step, 'x')),
  reference: ([seed, step], { salt }, index) => (mix(index, salt, seed, step)[0] >>> 8) / 16777216,
})

const normalOp = pointwise<RandomAttrs>('randomNormal', {
  ...shared('randomNormal'),
  // cos is good to 2⁻¹¹ in [-π, π] only; times √(-2 log u) ≤ 5.8.
  error: { absolute: 6 * 2 ** -11 },
  // Box–Muller; 1 − u is never 0.
  wgsl: ([seed, step], { index, constants }) => {
    const u = unit(pcg(index, constants, seed, step, 'x'))
    const v = unit(pcg(index, constants, seed, step, 'y'))
    return `(sqrt(-2.0 * log(vec4f(1.0) - ${u})) * cos(6.283185307179586 * ${v}))`
  },
  reference: ([seed, step], { salt }, index) => {
    const [a, b] = mix(index, salt, seed, step)
    const [u, v] = [(a >>> 8) / 16777216, (b >>> 8) / 16777216]
    return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v)
  },
})

/** Distinguishes random ops: the module path with the name, or the how-manieth of its kind in that module, hashed. */
function nextSalt(op: string, name: string | undefined): number {
  const path = currentPath()
  let h = 0x811c9dc5
  for (const c of path + (name === undefined ? `#${nextOrdinal(op, path)}` : `:${name}`))
    h = Math.imul(h ^ (c.codePointAt(0) ?? 0), 0x01000193)
  return h >>> 0
}

function nextOrdinal(op: string, path: string): number {
  const counters = currentTrace()?.randomOps
  if (!counters)
    throw new ShapeError(
      op,
      'outside programs a draw needs a name',
      [],
      path,
      'give the key a name of its own for each draw, { seed, step, name }, or draw inside device.compile',
    )
  const ordinal = counters.get(path) ?? 0
  counters.set(path, ordinal + 1)
  return ordinal
}

const draw = (op: typeof uniformOp, shape: Shape, { seed, step, name }: RandomKey): Tensor =>
  apply(op, [toTensor(seed), toTensor(step)], { shape, salt: nextSalt(op.name, name) })[0]

/** f32 in [0, 1), one of 2²⁴ equally likely values per element. Throws ShapeError outside programs for a key without
 * a name. */
export const randomUniform = (shape: Shape, key: RandomKey): Tensor => draw(uniformOp, shape, key)

/** f32 from the normal distribution of mean 0 and variance 1. */
export const randomNormal = (shape: Shape, key: RandomKey): Tensor => draw(normalOp, shape, key)

/** Zero with probability `rate`, else x / (1 − rate). The mask is never stored: its draw can be repeated. */
export function dropout(x: TensorLike, rate: number, key: RandomKey): Tensor {
  const t = toTensor(x)
  if (rate === 0) return t
  return where(greaterEqual(randomUniform(t.shape, key), rate), div(t, 1 - rate), 0)
}

export const randomOps = [uniformOp, normalOp] as const
