// Random numbers as a pure function of (seed, step, which op, which element): no state, so a recomputed value is the
// same value, and no pass can change a draw. Words come from Threefry-4x32-20 (shaders/random.ts) with the key (seed,
// step, salt, 0), where the salt says which op, or (seed, step, salt, 1) where an element needs a second word.

import { broadcastShapes, isFloat, type Shape, sameShape, type TensorType } from '../dtype.ts'
import { apply, none, type PointwiseOp, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { currentPath, currentTrace, partOf } from '../trace.ts'
import { div } from './arithmetic.ts'
import { greaterEqual, less, where } from './compare.ts'
import { cast } from './convert.ts'
import { optionsOf } from './options.ts'
import { type PointwiseSpec, pointwise } from './pointwise.ts'
import { checkShape, refuse, refuseOption, shown } from './refuse.ts'
import { reshape } from './shape.ts'
import { sortOrder } from './sort.ts'
import { toTensor } from './source.ts'
import { threefry } from './threefry.ts'

/** What changes from run to run: two u32 scalars, given to the program as arguments. */
export interface RandomKey {
  readonly seed: TensorLike
  readonly step: TensorLike
  /** Tells draws of one module apart in place of their order: draws of one name are the same numbers. Needed outside
   * programs, where lazy tensors have no order. */
  readonly name?: string
}

type RandomAttrs = { readonly shape: Shape; readonly salt: number }
type Spec = PointwiseSpec<RandomAttrs>

/** WGSL of the words of four elements; `stream` is 0 or 1. */
const bitsOf = (
  [seed, step]: readonly string[],
  { index, constants: [high, low] }: { index: string; constants: readonly string[] },
  stream = 0,
) => {
  const salt = `u32((${high}).x) * 65536u + u32((${low}).x)`
  return `random_bits(${index}, vec4u((${seed}).x, (${step}).x, ${salt}, ${stream}u))`
}

/** The same for one element on the host. */
const wordOf = (args: readonly number[], { salt }: RandomAttrs, index: number, stream = 0) =>
  threefry([Math.floor(index / 4), 0, 0, 0], [args[0], args[1], salt, stream])[index % 4]
const unitOf = (word: number) => (word >>> 8) / 2 ** 24

const draws = (
  name: string,
  dtype: 'f32' | 'u32',
  spec: Pick<Spec, 'wgsl' | 'reference' | 'error'>,
): PointwiseOp<RandomAttrs> =>
  pointwise<RandomAttrs>(name, {
    ...spec,
    indexed: true,
    flops: 60,
    source: 'Threefry-4x32-20, Salmon et al. 2011',
    infer: ([seed, step]: readonly TensorType[], { shape }, refuse) => {
      if ([seed, step].some((t) => t.dtype !== 'u32' || t.shape.length > 0))
        refuse(
          'seed and step must be u32 scalars',
          "make them arguments of the program, or as scalar(7, 'u32')",
        )
      return [{ dtype, shape }]
    },
    // A whole number travels as its two halves, since run-time numbers are f32.
    constants: ({ salt }) => [Math.floor(salt / 65536), salt % 65536],
    vjp: none(`${name} does not depend on any differentiable input`),
    samples: [[4, 5], [3, 8], [1], [7]].map((shape) => ({
      inputs: [
        { dtype: 'u32' as const, shape: [], range: [0, 2 ** 32 - 1] as const },
        { dtype: 'u32' as const, shape: [], range: [0, 1000] as const },
      ],
      attrs: { shape, salt: 3123456789 },
    })),
  })

const bitsOp = draws('randomBits', 'u32', {
  error: 'exact',
  wgsl: (args, env) => bitsOf(args, env),
  reference: (args, attrs, index) => wordOf(args, attrs, index),
})

const uniformOp = draws('randomUniform', 'f32', {
  error: 'exact',
  wgsl: (args, env) => `random_unit(${bitsOf(args, env)})`,
  reference: (args, attrs, index) => unitOf(wordOf(args, attrs, index)),
})

const normalOp = draws('randomNormal', 'f32', {
  // The sine of an angle that is rounded times √(−2 log u), at most 5.8: 7.6e-7 was the most in 2²⁰ draws.
  error: { absolute: 2 ** -20 },
  wgsl: (args, env) => `random_gauss(${bitsOf(args, env)}, ${bitsOf(args, env, 1)})`,
  reference: (args, attrs, index) => {
    const [u, v] = [0, 1].map((stream) => unitOf(wordOf(args, attrs, index, stream)))
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
    return refuse(
      op,
      'outside programs a draw needs a name',
      [],
      'give the key a name of its own for each draw, { seed, step, name }, or draw inside device.compile',
    )
  const ordinal = counters.get(path) ?? 0
  counters.set(path, ordinal + 1)
  return ordinal
}

function draw(op: typeof uniformOp, shape: Shape, key: RandomKey): Tensor {
  checkShape(op.name, shape)
  const none = { seed: undefined, step: undefined, name: undefined }
  const { seed, step, name } = optionsOf(op.name, key, none)
  if (name !== undefined && typeof name !== 'string')
    refuseOption(op.name, `name ${shown(name)} is no text`, 'it tells draws apart')
  const words = [seed, step].map((word) => toTensor(word, op.name))
  return apply(op, words, { shape, salt: nextSalt(op.name, name) })[0]
}

/** u32 words, all 2³² equally likely. Throws ShapeError outside programs for a key without a name, as all draws do. */
export const randomBits = (shape: Shape, key: RandomKey): Tensor => draw(bitsOp, shape, key)

/** f32 in [0, 1), one of 2²⁴ equally likely values per element. Throws ShapeError outside programs for a key without
 * a name. */
export const randomUniform = (shape: Shape, key: RandomKey): Tensor => draw(uniformOp, shape, key)

/** f32 from the normal distribution of mean 0 and variance 1, none farther than 5.8 from 0 (Box and Muller's transform
 * of two uniform numbers). Throws ShapeError outside programs for a key without a name. */
export const randomNormal = (shape: Shape, key: RandomKey): Tensor => draw(normalOp, shape, key)

/** u8: 1 with probability p, else 0. p is a number or f32 that broadcasts to the shape; what is 1 or more gives always 1, 0 or less
 * and NaN never. Throws ShapeError outside programs for a key without a name. */
export function bernoulli(shape: Shape, p: TensorLike | number, key: RandomKey): Tensor {
  return partOf('bernoulli', () => {
    const [draws, odds] = [randomUniform(shape, key), toTensor(p, 'bernoulli')]
    const joint = broadcastShapes([shape, odds.shape])
    if (!joint || !sameShape(joint, shape))
      refuse(
        'bernoulli',
        `probabilities of [${odds.shape}] do not broadcast to [${shape}]`,
        [odds],
        'their sizes are those of the draw, or 1',
      )
    return less(draws, odds)
  })
}

/** The numbers 0 … n − 1 in random order, i32 [n]: the order of n random u32 words, where equal words (for n = 10⁶ about
 * a hundred pairs) stay in their order. Throws ShapeError for n below 1, and outside programs for a key without a name. */
export function permutation(n: number, key: RandomKey): Tensor {
  if (!Number.isInteger(n) || n < 1)
    refuse(
      'permutation',
      `n must be a whole number from 1, not ${shown(n)}`,
      [],
      'indexSelect(x, permutation(n, key), 0) shuffles the n rows of x',
    )
  return partOf('permutation', () => cast(reshape(sortOrder(randomBits([1, n], key)), [n]), 'i32'))
}

/** Zero with probability `rate`, else x / (1 − rate). The mask is never stored: its draw can be repeated. With `channels` one
 * draw decides for all of a channel of an image: x is [n, …, c], and each of its n·c maps is kept or zero.
 * x is floating-point. Throws ShapeError, and OptionError for a rate that is not from 0 to below 1. */
export function dropout(
  x: TensorLike,
  rate: number,
  key: RandomKey,
  options: { readonly channels?: boolean } = {},
): Tensor {
  const t = toTensor(x, 'dropout')
  const { channels } = optionsOf('dropout', options, { channels: false })
  checkRate('dropout', rate)
  if (!isFloat(t.dtype)) refuse('dropout', 'floating-point numbers are needed', [t], 'use cast()')
  if (channels && t.shape.length < 2)
    refuse('dropout', 'whole channels need [n, …, c]', [t], 'leave `channels` out')
  if (rate === 0) return t
  const ends = [0, t.shape.length - 1]
  const shape = channels ? t.shape.map((n, a) => (ends.includes(a) ? n : 1)) : t.shape
  return partOf('dropout', () =>
    where(greaterEqual(randomUniform(shape, key), rate), div(t, 1 - rate), 0),
  )
}

/** Throws OptionError for a probability of dropping that would drop all, and what is none. */
export function checkRate(op: string, rate: unknown): void {
  if (!(typeof rate === 'number' && rate >= 0 && rate < 1))
    refuseOption(op, `${shown(rate)} is no rate`, 'use at least 0 and less than 1')
}

export const randomOps = [bitsOp, uniformOp, normalOp] as const
