// The same values in another form: another dtype, another shape, or with another derivative.

import { isNaNBits } from '../../shaders/math.ts'
import {
  broadcastShapes,
  type DType,
  dtypeHint,
  isDType,
  isFloat,
  type Shape,
  sameShape,
} from '../dtype.ts'
import { apply, none, type PointwiseEnv, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { mul } from './arithmetic.ts'
import { type Operand, pointwise } from './pointwise.ts'
import { checkShape, shown } from './refuse.ts'
import { toTensor } from './source.ts'

const castOp = pointwise<{ to: DType }>('cast', {
  error: 'exact',
  infer: ([x], { to }, refuse) => {
    if (!isDType(to)) refuse(`there is no dtype ${shown(to)}`, dtypeHint)
    return [{ dtype: to, shape: x.shape }]
  },
  wgsl: ([x], env) => conversion(x, env),
  reference: ([x], { to }, _, { types: [from] }) => convert(x, from, to),
  vjp: ({ inputs: [x] }, [dy]) => [dy && isFloat(x.dtype) ? cast(dy, x.dtype) : undefined],
  samples: [
    { inputs: [sample([3, 5], [-99, 400])], attrs: { to: 'u8' } },
    { inputs: [sample([3, 5], [-9, 9])], attrs: { to: 'i32' } },
    { inputs: [sample([7], [-9, 9])], attrs: { to: 'u32' } },
    { inputs: [{ dtype: 'u8', shape: [7], range: [0, 255] }], attrs: { to: 'f32' } },
    { inputs: [{ dtype: 'i32', shape: [5], range: [-999, 999] }], attrs: { to: 'u8' } },
    { inputs: [sample([2, 3])], attrs: { to: 'f32' } },
  ],
  source: 'WGSL: floats are cut towards zero and saturate; integers wrap',
})

/** Bounds of the integers as f32 numbers, the upper one being what f32 has below it. */
const bounds = {
  i32: ['vec4i', -2147483648, 2147483520, '2147483647'],
  u32: ['vec4u', 0, 4294967040, '4294967295u'],
  u8: ['vec4u', 0, 255, '255u'],
} as const

function conversion(x: string, { types: [from], out }: PointwiseEnv): string {
  // SwiftShader rounds u32 twice. The sum of two halves rounds once.
  const float =
    from === 'u32'
      ? `(vec4f(${x} >> vec4u(16u)) * 65536.0 + vec4f(${x} & vec4u(0xffffu)))`
      : `vec4f(${x})`
  if (out === 'f32') return float
  if (out === 'f16') return `math_half(${float})`
  const [type, low, high, most] = bounds[out]
  if (!isFloat(from)) return out === 'u8' ? `(vec4u(${x}) & vec4u(255u))` : `${type}(${x})`
  // Written out, since NaN and what is out of range are left to the driver by SPIR-V.
  const inside = `${type}(clamp(${x}, vec4f(${low}.0), vec4f(${high}.0)))`
  const full = `select(${inside}, ${type}(${most}), ${x} > vec4f(${high}.0))`
  return `select(${full}, ${type}(), ${isNaNBits(x)})`
}

function convert(x: number, from: DType, to: DType): number {
  // Of integers f32 has the nearest; floats are never rounded here.
  if (to === 'f32') return isFloat(from) ? x : Math.fround(x)
  if (to === 'f16') return nearestHalf(x)
  if (!isFloat(from)) return x
  const [, low, , most] = bounds[to]
  return Number.isNaN(x) ? 0 : Math.trunc(Math.min(Math.max(x, low), Number.parseInt(most, 10)))
}

/** The nearest number that f16 has, ties to even. */
export function nearestHalf(x: number): number {
  const size = Math.abs(x)
  if (size >= 65520 || Number.isNaN(x)) return Math.sign(x) * Number.POSITIVE_INFINITY
  const unit = 2 ** Math.max(-24, Math.floor(Math.log2(size)) - 10)
  const down = Math.floor(size / unit)
  const rest = size / unit - down
  const up = rest > 0.5 || (rest === 0.5 && down % 2 !== 0)
  return Math.sign(x) * (up ? down + 1 : down) * unit
}

/** The same values in another dtype. Floats become integers by being cut towards zero; what is out of range becomes the
 * nearest that is in it (u8 too: −1 gives 0 and 300 gives 255), NaN becomes 0. Integers become integers by their low
 * bits, as in memory (−1 gives 255 as u8), and floats by rounding to nearest even, as f32 does to f16, where from 65520
 * on there is infinity. f16 needs an adapter that has it. */
export function cast(x: TensorLike, to: DType): Tensor {
  const t = toTensor(x, 'cast')
  return t.dtype === to ? t : apply(castOp, [t], { to })[0]
}

const broadcastOp = pointwise<{ shape: Shape }>('broadcastTo', {
  source: 'NumPy',
  error: 'exact',
  infer: ([x], { shape }, refuse) => {
    const joint = broadcastShapes([x.shape, shape])
    if (!joint || !sameShape(joint, shape))
      refuse(
        `does not broadcast to [${shape}]`,
        'only axes of size 1, and new ones in front, are repeated',
      )
    return [{ dtype: x.dtype, shape }]
  },
  wgsl: ([x]) => x,
  reference: ([x]) => x,
  vjp: (_, [dy]) => [dy],
  samples: [
    { inputs: [sample([3, 1])], attrs: { shape: [2, 3, 4] } },
    { inputs: [sample([5])], attrs: { shape: [3, 5] } },
  ],
})

/** `x` repeated along axes of size 1 (and new leading ones) to `shape`. */
export function broadcastTo(x: TensorLike, shape: Shape): Tensor {
  const t = toTensor(x, 'broadcastTo')
  checkShape('broadcastTo', shape, [t])
  return sameShape(t.shape, shape) ? t : apply(broadcastOp, [t], { shape })[0]
}

const stopOp = pointwise('stopGradient', {
  source: 'JAX: stop_gradient',
  error: 'exact',
  rule: 'number',
  wgsl: ([x]) => x,
  reference: ([x]) => x,
  vjp: none('that is its purpose'),
  samples: [{ inputs: [sample([4])], attrs: {}, wrt: [] }],
})

/** `x` as a constant for differentiation. */
export const stopGradient = (x: TensorLike): Tensor =>
  apply(stopOp, [toTensor(x, 'stopGradient')], {})[0]

// Like stopGradient it is gone once differentiation is over, so that neither x nor g is read for it.
const gateOp = pointwise('gate', {
  source: 'Wu, Shen and van den Hengel 2016, section 6.3',
  error: 'exact',
  infer: ([x, g], _, refuse) => {
    if (!isFloat(x.dtype)) refuse('x must be floating-point', 'integers have no gradient')
    if (g.dtype !== 'f32') refuse('g must be f32', 'use cast()')
    const joint = broadcastShapes([x.shape, g.shape])
    if (!joint || !sameShape(joint, x.shape))
      refuse('g does not broadcast to the shape of x', 'its sizes must be those of x, or 1')
    return [{ dtype: x.dtype, shape: x.shape }]
  },
  wgsl: ([x]) => x,
  reference: ([x]) => x,
  // The value does not depend on g, so g has no gradient.
  vjp: ({ inputs: [, g] }, [dy]) => [dy && mul(dy, cast(g, dy.dtype)), undefined],
  // With g = 1 the gradient is the slope.
  samples: [
    { inputs: [sample([2, 3, 4]), sample([3, 1], [1, 1])], attrs: {}, wrt: [0] },
    { inputs: [sample([5]), sample([], [1, 1])], attrs: {}, wrt: [0] },
  ],
})

/** x itself, whose gradient is multiplied by `g` on its way back: 0 stops it, −1 turns it round. g is an f32 tensor that
 * broadcasts to x's shape, an argument of the program for instance, so that it may change from step to step; a number
 * will do too. The value does not depend on g, so g gets no gradient from it. It costs nothing forward.
 * Throws ShapeError where g has another dtype or a shape that does not broadcast to x's. */
export const gate = (x: TensorLike, g: Operand): Tensor =>
  apply(gateOp, [toTensor(x, 'gate'), toTensor(g, 'gate')], {})[0]

export const convertOps = [castOp, broadcastOp, stopOp, gateOp] as const
