// Functions of one number. Those that WGSL computes loosely are the library's own, in shaders/math.ts.

import { isFloat } from '../dtype.ts'
import { none } from '../op.ts'
import { add, div, mul } from './arithmetic.ts'
import { one, unary } from './pointwise.ts'

const negDef = unary('neg', {
  source: 'IEEE 754; integers wrap',
  error: 'exact',
  rule: 'number',
  // WGSL has no minus and no sign() for unsigned numbers.
  wgsl: (x, { out }) => (isUnsigned(out) ? `(vec4u() - ${x})` : `(-${x})`),
  reference: (x) => -x,
  vjp: (_, [dy]) => [dy && neg(dy)],
})
const absDef = unary('abs', {
  error: 'exact',
  rule: 'number',
  wgsl: (x) => `abs(${x})`,
  reference: Math.abs,
  range: [0.1, 1],
  vjp: ({ inputs: [x] }, [dy]) => [dy && mul(dy, sign(x))],
  source: 'the gradient at 0 is 0',
})
const signDef = unary('sign', {
  source: 'the gradient of |x|, 0 at 0',
  error: 'exact',
  rule: 'number',
  wgsl: (x, { out }) => (isUnsigned(out) ? `min(${x}, vec4u(1u))` : `sign(${x})`),
  reference: Math.sign,
  range: [0.1, 1],
  vjp: none('sign is piecewise constant'),
})
const isUnsigned = (dtype: string) => dtype === 'u8' || dtype === 'u32'

const squareDef = unary('square', {
  source: 'its definition',
  rule: 'number',
  wgsl: (x) => `(${x} * ${x})`,
  reference: (x, { out }) => (isFloat(out) ? x * x : Math.imul(x, x)),
  vjp: ({ inputs: [x] }, [dy]) => [dy && mul(mul(dy, 2), x)],
})
const reciprocalDef = unary('reciprocal', {
  source: 'IEEE 754',
  wgsl: (x) => `(vec4f(1.0) / ${x})`,
  reference: (x) => 1 / x,
  range: [0.5, 2],
  vjp: ({ outputs: [y] }, [dy]) => [dy && neg(mul(dy, square(y)))],
})
const sqrtDef = unary('sqrt', {
  source: 'IEEE 754',
  flops: 4,
  wgsl: (x) => `sqrt(${x})`,
  reference: Math.sqrt,
  range: [0.5, 2],
  vjp: ({ outputs: [y] }, [dy]) => [dy && div(mul(dy, 0.5), y)],
})
const rsqrtDef = unary('rsqrt', {
  source: 'IEEE 754',
  flops: 4,
  // Not inverseSqrt(): its error is up to 2 ulp by the standard, and one more division here costs nothing.
  wgsl: (x) => `(vec4f(1.0) / sqrt(${x}))`,
  reference: (x) => 1 / Math.sqrt(x),
  range: [0.5, 2],
  vjp: ({ inputs: [x], outputs: [y] }, [dy]) => [dy && div(mul(mul(dy, -0.5), y), x)],
})
const expDef = unary('exp', {
  source: 'Cody and Waite 1980: reduction, then a minimax polynomial',
  flops: 8,
  wgsl: (x) => `math_exp(${x})`,
  reference: Math.exp,
  vjp: ({ outputs: [y] }, [dy]) => [dy && mul(dy, y)],
})
const expm1Def = unary('expm1', {
  source: 'Cody and Waite 1980: reduction, then a minimax polynomial',
  flops: 10,
  wgsl: (x) => `math_expm1(${x})`,
  reference: Math.expm1,
  vjp: ({ outputs: [y] }, [dy]) => [dy && mul(dy, add(y, 1))],
})
const logDef = unary('log', {
  source: 'Cody and Waite 1980: reduction, then a minimax polynomial',
  flops: 8,
  wgsl: (x) => `math_log(${x})`,
  reference: Math.log,
  range: [0.5, 2],
  vjp: ({ inputs: [x] }, [dy]) => [dy && div(dy, x)],
})
const log1pDef = unary('log1p', {
  source: 'Cody and Waite 1980: reduction, then a minimax polynomial',
  flops: 10,
  wgsl: (x) => `math_log1p(${x})`,
  reference: Math.log1p,
  range: [-0.8, 2],
  vjp: ({ inputs: [x] }, [dy]) => [dy && div(dy, add(x, 1))],
})
const sinDef = unary('sin', {
  source: 'Cody and Waite 1980: reduction, then a minimax polynomial',
  flops: 10,
  wgsl: (x) => `math_sin(${x}, 0u)`,
  reference: Math.sin,
  range: [-9, 9],
  vjp: ({ inputs: [x] }, [dy]) => [dy && mul(dy, cos(x))],
})
const cosDef = unary('cos', {
  source: 'Cody and Waite 1980: reduction, then a minimax polynomial',
  flops: 10,
  wgsl: (x) => `math_sin(${x}, 1u)`,
  reference: Math.cos,
  range: [-9, 9],
  vjp: ({ inputs: [x] }, [dy]) => [dy && neg(mul(dy, sin(x)))],
})

const whole = (
  name: 'floor' | 'ceil' | 'round' | 'trunc',
  reference: (x: number) => number,
  source = 'IEEE 754',
) =>
  unary(name, {
    source,
    error: 'exact',
    wgsl: (x) => `${name}(${x})`,
    reference,
    range: [-9, 9],
    vjp: none(`${name} is piecewise constant`),
  })
const floorDef = whole('floor', Math.floor)
const ceilDef = whole('ceil', Math.ceil)
const roundDef = whole(
  'round',
  (x) => {
    const down = Math.floor(x)
    if (x - down === 0.5) return down % 2 === 0 ? down : down + 1
    return Math.round(x)
  },
  'WGSL and PyTorch: halves go to the even neighbour',
)
const truncDef = whole('trunc', Math.trunc)

/** −x. */
export const neg = one(negDef)
/** |x|; its gradient at 0 is 0. */
export const abs = one(absDef)
/** −1, 0 or 1. */
export const sign = one(signDef)
/** x². */
export const square = one(squareDef)
/** 1 / x. */
export const reciprocal = one(reciprocalDef)
/** √x; NaN below 0. */
export const sqrt = one(sqrtDef)
/** 1 / √x. */
export const rsqrt = one(rsqrtDef)
/** eˣ, good to 2 units in the last place. */
export const exp = one(expDef)
/** eˣ − 1, good to 2 units in the last place, near 0 too. */
export const expm1 = one(expm1Def)
/** The natural logarithm, good to 2 units in the last place, near 1 too; −∞ for 0 and NaN below. */
export const log = one(logDef)
/** log(1 + x), good to 3 units in the last place, near 0 too; −∞ for −1 and NaN below. */
export const log1p = one(log1pDef)
/** The sine, good to 2 units in the last place for |x| ≤ 10⁴ and 4 for |x| ≤ 10⁵; an absolute error of 2·10⁻⁷ for all x
 * beyond. NaN for infinities. */
export const sin = one(sinDef)
/** The cosine; see `sin`. */
export const cos = one(cosDef)
/** The largest whole number that is not above x. */
export const floor = one(floorDef)
/** The least whole number that is not below x. */
export const ceil = one(ceilDef)
/** The nearest whole number; halves go to the even neighbour. */
export const round = one(roundDef)
/** x without its fraction. */
export const trunc = one(truncDef)

export const functionOps = [
  ...[negDef, absDef, signDef, squareDef, reciprocalDef, sqrtDef, rsqrtDef, expDef, expm1Def],
  ...[logDef, log1pDef, sinDef, cosDef, floorDef, ceilDef, roundDef, truncDef],
].map((d) => d.op)
