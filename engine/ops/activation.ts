// What networks put between their layers. All let NaN through: it would be hidden otherwise.

import { type DType, isFloat } from '../dtype.ts'
import { apply, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { maximum, minimum, mul, sub } from './arithmetic.ts'
import { greater, greaterEqual, lessEqual, logicalAnd, where } from './compare.ts'
import { square } from './functions.ts'
import { one, pointwise, unary } from './pointwise.ts'
import { refuseOption, shown } from './refuse.ts'
import { toTensor } from './source.ts'

const zero = (dtype: DType) =>
  isFloat(dtype) ? 'vec4f()' : dtype === 'i32' ? 'vec4i()' : 'vec4u()'

/** select, not max(x, 0): max gives 0 for NaN on some drivers and would hide a divergence. */
const reluDef = unary('relu', {
  source: 'PyTorch: the gradient at 0 is 0',
  error: 'exact',
  rule: 'number',
  wgsl: (x, { out }) => `select(${x}, ${zero(out)}, ${x} < ${zero(out)})`,
  reference: (x) => (x < 0 ? 0 : x),
  range: [-1, 1],
  // The output tells the sign, so the input need not be kept alive. relu'(0) = 0.
  vjp: ({ outputs: [y] }, [dy]) => [dy && where(greater(y, 0), dy, 0)],
})
const leakyReluOp = pointwise<{ slope: number }>('leakyRelu', {
  constants: ({ slope }) => [slope],
  wgsl: ([x], { constants: [slope] }) => `select(${x}, ${x} * ${slope}, ${x} < vec4f())`,
  reference: ([x], { slope }) => (x < 0 ? x * slope : x),
  // As for relu, unless the slope changes the sign.
  vjp: ({ inputs: [x], outputs: [y], attrs: { slope } }, [dy]) => [
    dy && where(greater(slope < 0 ? x : y, 0), dy, mul(dy, slope)),
  ],
  samples: [
    { inputs: [sample([2, 3, 5])], attrs: { slope: 0.01 } },
    { inputs: [sample([8, 4])], attrs: { slope: -0.5 } },
  ],
  source: 'PyTorch: the gradient at 0 is the slope',
})
const sigmoidDef = unary('sigmoid', {
  source: 'its definition, without overflow',
  flops: 10,
  wgsl: (x) => `(vec4f(1.0) / (vec4f(1.0) + math_exp(-${x})))`,
  reference: (x) => 1 / (1 + Math.exp(-x)),
  vjp: ({ outputs: [y] }, [dy]) => [dy && mul(dy, mul(y, sub(1, y)))],
})
const tanhDef = unary('tanh', {
  source: 'its definition, from expm1',
  flops: 10,
  wgsl: (x) => `math_tanh(${x})`,
  reference: Math.tanh,
  vjp: ({ outputs: [y] }, [dy]) => [dy && mul(dy, sub(1, square(y)))],
})
const softplusDef = unary('softplus', {
  source: 'its definition, without overflow',
  flops: 20,
  wgsl: (x) => `(max(${x}, vec4f()) + math_log1p(math_exp(-abs(${x}))))`,
  reference: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  vjp: ({ inputs: [x] }, [dy]) => [dy && mul(dy, sigmoid(x))],
})

interface Bounds extends Record<string, unknown> {
  readonly min: number
  readonly max: number
}
const { NEGATIVE_INFINITY: below, POSITIVE_INFINITY: above } = Number
const clampOp = pointwise<Bounds>('clamp', {
  error: 'exact',
  // WGSL has no word for infinities: a bound that is one is left out.
  constants: ({ min, max }) => [min, max].filter(Number.isFinite),
  wgsl: ([x], { constants }, { min, max }) => {
    const raised = min === below ? x : `select(${x}, ${constants[0]}, ${x} < ${constants[0]})`
    const bound = constants[constants.length - 1]
    return max === above ? raised : `select(${raised}, ${bound}, ${x} > ${bound})`
  },
  // The bounds that the device sees.
  reference: ([x], { min, max }) => {
    const [low, high] = [Math.fround(min), Math.fround(max)]
    return x < low ? low : x > high ? high : x
  },
  vjp: ({ inputs: [x], attrs: { min, max } }, [dy]) => {
    const inside = [
      ...(min === below ? [] : [greaterEqual(x, min)]),
      ...(max === above ? [] : [lessEqual(x, max)]),
    ]
    return [
      dy &&
        where(
          inside.reduce((a, b) => logicalAnd(a, b)),
          dy,
          0,
        ),
    ]
  },
  samples: [
    { inputs: [sample([2, 3, 5])], attrs: { min: -0.5, max: 0.8 } },
    { inputs: [sample([8, 4])], attrs: { min: 0.1, max: above } },
    { inputs: [sample([7])], attrs: { min: below, max: 0.3 } },
  ],
  source: 'the gradient passes on the bounds too',
})

/** max(x, 0), with NaN where x is NaN; its gradient at 0 is 0. */
export const relu = one(reluDef)
/** 1 / (1 + e⁻ˣ), good to 3 units in the last place. */
export const sigmoid = one(sigmoidDef)
/** The hyperbolic tangent, good to 4 units in the last place, near 0 too. */
export const tanh = one(tanhDef)
/** log(1 + eˣ), good to 4 units in the last place. */
export const softplus = one(softplusDef)

/** x, or slope·x where x is negative; NaN where x is NaN. The gradient at 0 is the slope. Throws OptionError for a slope
 * that is no finite number, ShapeError for integers. */
export function leakyRelu(x: TensorLike, slope = 0.01): Tensor {
  if (!Number.isFinite(slope))
    refuseOption('leakyRelu', `slope ${shown(slope)} is no finite number`, 'the default is 0.01')
  return apply(leakyReluOp, [toTensor(x, 'leakyRelu')], { slope })[0]
}

/** x, but no less than min and no more than max; NaN where x is NaN. An infinite bound is none. The gradient passes where
 * min ≤ x ≤ max. Throws OptionError where min > max or one is NaN, ShapeError for bounds that an integer dtype does not
 * hold. */
export function clamp(x: TensorLike, min = below, max = above): Tensor {
  if (
    typeof min !== 'number' ||
    typeof max !== 'number' ||
    !(min <= max) ||
    min === above ||
    max === below
  )
    refuseOption(
      'clamp',
      `${shown(min)} to ${shown(max)} is no range`,
      'two numbers, of which min comes first and is no more; for bounds that are tensors use maximum() and minimum()',
    )
  const t = toTensor(x, 'clamp')
  if (isFloat(t.dtype))
    return min === below && max === above ? t : apply(clampOp, [t], { min, max })[0]
  return partOf('clamp', () => {
    const raised = min === below ? t : maximum(t, min)
    return max === above ? raised : minimum(raised, max)
  })
}

export const activationOps = [
  ...[reluDef, sigmoidDef, tanhDef, softplusDef].map((d) => d.op),
  leakyReluOp,
  clampOp,
] as const
