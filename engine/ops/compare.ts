// Questions, answered with u8: 1 where true, 0 where not. And the choice between two values by such an answer.

import { isNaNBits } from '../../shaders/math.ts'
import { isFloat } from '../dtype.ts'
import { apply, none, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { binary, jointShape, type Operand, one, pointwise, two, unary } from './pointwise.ts'
import { toTensor, toTensors } from './source.ts'

const truth = (condition: string) => `select(vec4u(0u), vec4u(1u), ${condition})`

const compare = (name: string, symbol: string, test: (a: number, b: number) => boolean) =>
  binary(name, {
    source: 'NumPy, giving u8',
    rule: 'compare',
    steps: 5,
    error: 'exact',
    wgsl: (a, b) => truth(`${a} ${symbol} ${b}`),
    reference: (a, b) => (test(a, b) ? 1 : 0),
    vjp: none('a comparison is piecewise constant'),
  })
const equalDef = compare('equal', '==', (a, b) => a === b)
const notEqualDef = compare('notEqual', '!=', (a, b) => a !== b)
const lessDef = compare('less', '<', (a, b) => a < b)
const lessEqualDef = compare('lessEqual', '<=', (a, b) => a <= b)
const greaterDef = compare('greater', '>', (a, b) => a > b)
const greaterEqualDef = compare('greaterEqual', '>=', (a, b) => a >= b)

/** u8: 1 where a = b. Comparisons broadcast, and take any dtype; what they say of NaN follows the adapter (`isNaN` asks
 * for it). */
export const equal = two(equalDef)
/** u8: 1 where a ≠ b. */
export const notEqual = two(notEqualDef)
/** u8: 1 where a < b. */
export const less = two(lessDef)
/** u8: 1 where a ≤ b. */
export const lessEqual = two(lessEqualDef)
/** u8: 1 where a > b. */
export const greater = two(greaterDef)
/** u8: 1 where a ≥ b. */
export const greaterEqual = two(greaterEqualDef)

// No symbol is both short and right on numbers other than 0 and 1: `&` of 1 and 2 is 0.
const logical = (name: string, symbol: string, test: (a: boolean, b: boolean) => boolean) =>
  binary(name, {
    source: 'NumPy, giving u8',
    rule: 'logical',
    error: 'exact',
    wgsl: (a, b) => truth(`(${a} != vec4u()) ${symbol} (${b} != vec4u())`),
    reference: (a, b) => (test(a !== 0, b !== 0) ? 1 : 0),
    vjp: none('logic is piecewise constant'),
  })
const andDef = logical('logicalAnd', '&', (a, b) => a && b)
const orDef = logical('logicalOr', '|', (a, b) => a || b)
const xorDef = logical('logicalXor', '!=', (a, b) => a !== b)
const notDef = unary('logicalNot', {
  source: 'NumPy, giving u8',
  rule: 'logical',
  error: 'exact',
  wgsl: (x) => truth(`${x} == vec4u()`),
  reference: (x) => (x === 0 ? 1 : 0),
  vjp: none('logic is piecewise constant'),
})

/** u8: 1 where both are true, that is, not 0. Logic takes u8 only and broadcasts. Throws ShapeError for others. */
export const logicalAnd = two(andDef)
/** u8: 1 where one of them or both are true. */
export const logicalOr = two(orDef)
/** u8: 1 where exactly one is true. */
export const logicalXor = two(xorDef)
/** u8: 1 where x is 0. */
export const logicalNot = one(notDef)

const test = (name: string, condition: (x: string) => string, reference: (x: number) => boolean) =>
  unary(name, {
    source: 'IEEE 754, by the bits',
    error: 'exact',
    infer: ([x], _, refuse) => {
      if (!isFloat(x.dtype))
        refuse('a floating-point dtype is needed', 'integers are always finite')
      return [{ dtype: 'u8', shape: x.shape }]
    },
    wgsl: (x) => truth(condition(x)),
    reference: (x) => (reference(x) ? 1 : 0),
    vjp: none('a test is piecewise constant'),
  })
const isNaNDef = test('isNaN', isNaNBits, Number.isNaN)
const isFiniteDef = test(
  'isFinite',
  (x) => `(bitcast<vec4u>(${x}) & vec4u(0x7fffffffu)) < vec4u(0x7f800000u)`,
  Number.isFinite,
)

/** u8: 1 where the element is NaN. */
export const isNaN = one(isNaNDef)
/** u8: 1 where the element is neither NaN nor infinite. */
export const isFinite = one(isFiniteDef)

const whereOp = pointwise('where', {
  source: 'NumPy',
  error: 'exact',
  infer: (types, _, refuse) => {
    const [condition, a, b] = types
    if (condition.dtype !== 'u8') refuse('the condition must be u8', 'comparisons give u8')
    if (a.dtype !== b.dtype) refuse('both branches must have one dtype', 'use cast()')
    return [{ dtype: a.dtype, shape: jointShape(types, refuse) }]
  },
  wgsl: ([c, a, b]) => `select(${b}, ${a}, ${c} != vec4u(0u))`,
  reference: ([c, a, b]) => (c !== 0 ? a : b),
  vjp: ({ inputs: [c] }, [dy]) => [undefined, dy && where(c, dy, 0), dy && where(c, 0, dy)],
  samples: [
    {
      inputs: [{ dtype: 'u8', shape: [2, 3, 5], range: [0, 1] }, sample([2, 3, 5]), sample([5])],
      attrs: {},
    },
    {
      inputs: [{ dtype: 'u8', shape: [4, 4], range: [0, 1] }, sample([]), sample([4, 4])],
      attrs: {},
    },
  ],
})

/** `a` where the u8 condition is not 0, else `b`; all three broadcast. The gradient of what is not chosen is 0, but what
 * it is computed from is computed: where(x > 0, log(x), 0) has a NaN gradient at 0, log(where(x > 0, x, 1)) has none. */
export function where(condition: TensorLike, a: Operand, b: Operand): Tensor {
  const [x, y] = toTensors([a, b], 'where')
  return apply(whereOp, [toTensor(condition, 'where'), x, y], {})[0]
}

export const compareOps = [
  ...[equalDef, notEqualDef, lessDef, lessEqualDef, greaterDef, greaterEqualDef].map((d) => d.op),
  ...[andDef, orDef, xorDef, notDef, isNaNDef, isFiniteDef].map((d) => d.op),
  whereOp,
] as const
