// Arithmetic of two operands, with broadcasting. A JS number takes the dtype of the tensor beside it. Integers wrap as
// memory does. The other elementwise families are exported from here too.
//
// What NaN does where nothing is said of it follows the adapter: shader compilers may assume that there is none.

import { isNaNBits } from '../../shaders/math.ts'
import { isFloat } from '../dtype.ts'
import { isTensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { equal, greater, logicalAnd, logicalNot, where } from './compare.ts'
import { cast } from './convert.ts'
import { log, neg, reciprocal, round, rsqrt, sqrt, square } from './functions.ts'
import { binary, type Operand, two } from './pointwise.ts'
import { scalarOp, toTensor } from './source.ts'

export * from './activation.ts'
export * from './compare.ts'
export * from './convert.ts'
export * from './functions.ts'

const addDef = binary('add', {
  source: 'NumPy: broadcasting; integers wrap',
  rule: 'number',
  wgsl: (a, b) => `(${a} + ${b})`,
  reference: (a, b) => a + b,
  vjp: (_, [dy]) => [dy, dy],
})
const subDef = binary('sub', {
  source: 'NumPy: broadcasting; integers wrap',
  rule: 'number',
  wgsl: (a, b) => `(${a} - ${b})`,
  reference: (a, b) => a - b,
  vjp: (_, [dy]) => [dy, dy && neg(dy)],
})
const mulDef = binary('mul', {
  source: 'NumPy: broadcasting; integers wrap',
  rule: 'number',
  wgsl: (a, b) => `(${a} * ${b})`,
  // Products of 32-bit integers have more digits than a double.
  reference: (a, b, { out }) => (isFloat(out) ? a * b : Math.imul(a, b)),
  vjp: ({ inputs: [a, b] }, [dy]) => [dy && mul(dy, b), dy && mul(dy, a)],
})
const divDef = binary('div', {
  rule: 'number',
  wgsl: (a, b) => `(${a} / ${b})`,
  reference: (a, b, { out }) => (isFloat(out) ? a / b : b === 0 ? a : Math.trunc(a / b)),
  range: [0.5, 2],
  vjp: ({ inputs: [, b], outputs: [y] }, [dy]) => {
    if (!dy) return []
    const da = div(dy, b)
    return [da, neg(mul(da, y))]
  },
  source: 'WGSL: integers are cut towards zero, and x / 0 is x',
})
const modDef = binary('mod', {
  rule: 'number',
  flops: 24,
  wgsl: (a, b, { out }) =>
    isFloat(out)
      ? `math_mod(${a}, ${b})`
      : out === 'i32'
        ? `math_mod_signed(${a}, ${b})`
        : `(${a} % ${b})`,
  reference: (a, b, { out }) => {
    if (b === 0 && !isFloat(out)) return 0
    const rest = a % b
    if (rest === 0) return b < 0 ? -0 : 0
    return rest < 0 !== b < 0 ? rest + b : rest
  },
  range: [0.5, 2],
  rangeOfB: [-0.9, -0.2],
  // (a − y) / b is ⌊a/b⌋ but for its roundings.
  vjp: ({ inputs: [a, b], outputs: [y] }, [dy]) => [
    dy,
    dy && neg(mul(dy, round(div(sub(a, y), b)))),
  ],
  source: 'Python and PyTorch: the sign of the divisor',
})
const powDef = binary('pow', {
  flops: 40,
  wgsl: (a, b) => `math_pow(${a}, ${b})`,
  reference: power,
  range: [0.5, 2],
  vjp: ({ inputs: [a, b], outputs: [y] }, [dy]) => {
    if (!dy) return []
    const positive = greater(a, 0)
    const db = mul(dy, where(positive, mul(y, log(where(positive, a, 1))), 0))
    const n = b.node.op.name === scalarOp.name ? (b.node.attrs.value as number) : undefined
    if (n !== undefined) return [n === 0 ? undefined : mul(dy, mul(pow(a, n - 1), n)), db]
    // b·a^(b−1) is 0 where b is 0, whatever a is: a^0 is 1 even for a = 0 and NaN.
    const unsafe = logicalAnd(equal(b, 0), logicalNot(positive))
    return [mul(dy, mul(b, pow(a, where(unsafe, 0, sub(b, 1))))), db]
  },
  source: 'IEEE 754-2019, 9.2: pow',
})

/** a^b as IEEE 754 says it; in JavaScript 1^NaN and (±1)^∞ are NaN. */
function power(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY)) return 1
  return a ** b
}

/** max lets NaN through: `a < b` is false for NaN, so NaN in `a` stays, and NaN in `b` is tested by its bits. */
const extreme = (name: 'maximum' | 'minimum', sign: '<' | '>') => {
  const better = (a: number, b: number) =>
    Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : (sign === '<' ? a < b : a > b) ? b : a
  return binary(name, {
    rule: 'number',
    steps: 5,
    error: 'exact',
    wgsl: (a, b, { out }) =>
      isFloat(out)
        ? `select(${a}, ${b}, (${a} ${sign} ${b}) | ${isNaNBits(b)})`
        : `select(${a}, ${b}, ${a} ${sign} ${b})`,
    reference: better,
    vjp: ({ inputs: [a, b] }, [dy]) => {
      if (!dy) return []
      const wins = add(cast(greater(a, b), dy.dtype), mul(cast(equal(a, b), dy.dtype), 0.5))
      const toA = sign === '<' ? wins : sub(1, wins)
      const da = mul(dy, toA)
      return [da, sub(dy, da)]
    },
    source: 'a tie gives half of the gradient to each side',
  })
}
const maximumDef = extreme('maximum', '<')
const minimumDef = extreme('minimum', '>')

/** a + b. Arithmetic broadcasts as NumPy does, and takes two tensors of one dtype or a tensor and a number that its dtype
 * holds; throws ShapeError for others. What becomes of NaN follows the adapter, whose compiler may assume that there is
 * none; ops that promise something about NaN say so. */
export const add = two(addDef)
/** a − b. */
export const sub = two(subDef)
/** a · b, element by element. */
export const mul = two(mulDef)
/** a / b. Integers are cut towards zero; an integer divided by 0 is itself, and the least i32 by −1 too. */
export const div = two(divDef)
/** a − b·⌊a/b⌋: the remainder with the sign of the divisor, as in Python and PyTorch. Floats: exact but for one
 * rounding where the signs differ, whatever the quotient; NaN for b = 0 (and for |b| below 2⁻¹²⁶), for NaN and for an
 * infinite a. Integers: 0 for b = 0. Its gradient takes ⌊a/b⌋ for a constant. */
export const mod = two(modDef)
/** The larger one, with NaN if either is. A tie gives half of the gradient to each side. */
export const maximum = two(maximumDef)
/** The smaller one, with NaN if either is. A tie gives half of the gradient to each side. */
export const minimum = two(minimumDef)

/** Exponents that have a shorter way. */
const powers: Readonly<Record<number, (x: Tensor) => Tensor>> = {
  [-2]: (x) => square(reciprocal(x)),
  [-1]: (x) => reciprocal(x),
  [-0.5]: (x) => rsqrt(x),
  0.5: (x) => sqrt(x),
  1: (x) => x,
  2: (x) => square(x),
  3: (x) => mul(square(x), x),
  4: (x) => square(square(x)),
}

/** a^b, good to 2 units in the last place. As in IEEE 754: a negative base with a whole exponent has the sign that the
 * exponent's parity gives, and is NaN with any other; x⁰ = 1 for every x, even NaN, and 1^y = 1; 0^y is 0 for y > 0 and
 * infinite for y < 0, negative for −0 with an odd y. Some exponents that are JS numbers (½, ±1, ±2, 3 …) are computed
 * as roots, products and reciprocals, with gradients to match; (−∞)^½ is NaN then.
 * The gradient for b is 0 where a is not positive. Throws ShapeError for integers. */
export function pow(a: Operand, b: Operand): Tensor {
  const short = typeof b === 'number' ? powers[b] : undefined
  if (short && isTensorLike(a) && isFloat(a.dtype)) return short(toTensor(a, 'pow'))
  return general(a, b)
}
const general = two(powDef)

export const arithmeticOps = [
  addDef,
  subDef,
  mulDef,
  divDef,
  modDef,
  powDef,
  maximumDef,
  minimumDef,
].map((d) => d.op)
