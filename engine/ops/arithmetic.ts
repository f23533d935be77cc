// Arithmetic on elements, with broadcasting. A JS number takes the dtype of the tensor beside it.

import {
  broadcastShapes,
  type DType,
  isFloat,
  isShape,
  type Shape,
  sameShape,
  type TensorType,
} from '../dtype.ts'
import { apply, none, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { binary, pointwise, unary } from './pointwise.ts'
import { toTensor, toTensors } from './source.ts'

type Operand = TensorLike | number
const two = (f: (a: Tensor, b: Tensor) => Tensor) => (a: Operand, b: Operand) => {
  const [x, y] = toTensors([a, b])
  return f(x, y)
}
const one = (f: (x: Tensor) => Tensor) => (x: TensorLike) => f(toTensor(x))

const addDef = binary('add', {
  rule: 'number',
  wgsl: (a, b) => `(${a} + ${b})`,
  reference: (a, b) => a + b,
  vjp: (_, [dy]) => [dy, dy],
})
const subDef = binary('sub', {
  rule: 'number',
  wgsl: (a, b) => `(${a} - ${b})`,
  reference: (a, b) => a - b,
  vjp: (_, [dy]) => [dy, dy && neg(dy)],
})
const mulDef = binary('mul', {
  rule: 'number',
  wgsl: (a, b) => `(${a} * ${b})`,
  reference: (a, b) => a * b,
  vjp: ({ inputs: [a, b] }, [dy]) => [dy && mul(dy, b), dy && mul(dy, a)],
})
const divDef = binary('div', {
  rule: 'number',
  wgsl: (a, b) => `(${a} / ${b})`,
  reference: (a, b) => a / b,
  range: [0.5, 2],
  vjp: ({ inputs: [, b], outputs: [y] }, [dy]) => {
    if (!dy) return []
    const da = div(dy, b)
    return [da, neg(mul(da, y))]
  },
})
// Bits are looked at because shader compilers may assume that there is no NaN and fold `x != x` to false.
const bits = (x: string) => `(bitcast<vec4u>(${x}) & vec4u(0x7fffffffu))`
const isNaNBits = (x: string) => `(${bits(x)} > vec4u(0x7f800000u))`
/** max lets NaN through: `a < b` is false for NaN, so NaN in `a` stays, and NaN in `b` is tested by its bits. */
const extreme = (name: 'maximum' | 'minimum', sign: '<' | '>') => {
  const better = (a: number, b: number) =>
    Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : (sign === '<' ? a < b : a > b) ? b : a
  return binary(name, {
    rule: 'number',
    steps: 5,
    error: 'exact',
    wgsl: (a, b, { out }) =>
      out === 'f32' || out === 'f16'
        ? `select(${a}, ${b}, (${a} ${sign} ${b}) | ${isNaNBits(b)})`
        : `select(${a}, ${b}, ${a} ${sign} ${b})`,
    reference: better,
    // A tie gives half to each side.
    vjp: ({ inputs: [a, b] }, [dy]) => {
      if (!dy) return []
      const wins = add(cast(greater(a, b), dy.dtype), mul(cast(equal(a, b), dy.dtype), 0.5))
      const toA = sign === '<' ? wins : sub(1, wins)
      const da = mul(dy, toA)
      return [da, sub(dy, da)]
    },
  })
}
const maximumDef = extreme('maximum', '<')
const minimumDef = extreme('minimum', '>')

export const add = two(addDef.of)
export const sub = two(subDef.of)
export const mul = two(mulDef.of)
export const div = two(divDef.of)
export const maximum = two(maximumDef.of)
export const minimum = two(minimumDef.of)

const isUnsigned = (dtype: DType) => dtype === 'u8' || dtype === 'u32'
const negDef = unary('neg', {
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
})
const signDef = unary('sign', {
  error: 'exact',
  rule: 'number',
  wgsl: (x, { out }) => (isUnsigned(out) ? `min(${x}, vec4u(1u))` : `sign(${x})`),
  reference: Math.sign,
  range: [0.1, 1],
  vjp: none('sign is piecewise constant'),
})
const expDef = unary('exp', {
  // WGSL: 3 + 2·|x| ulp, where |x| is at most 8.
  error: { relative: 2 ** -20 },
  flops: 8,
  wgsl: (x) => `exp(${x})`,
  reference: Math.exp,
  vjp: ({ outputs: [y] }, [dy]) => [dy && mul(dy, y)],
})
const logDef = unary('log', {
  // WGSL: an absolute error of at most 2⁻²¹ when x is in [0.5, 2].
  error: { absolute: 2 ** -21 },
  flops: 8,
  wgsl: (x) => `log(${x})`,
  reference: Math.log,
  range: [0.5, 2],
  vjp: ({ inputs: [x] }, [dy]) => [dy && div(dy, x)],
})
const sqrtDef = unary('sqrt', {
  flops: 4,
  wgsl: (x) => `sqrt(${x})`,
  reference: Math.sqrt,
  range: [0.5, 2],
  vjp: ({ outputs: [y] }, [dy]) => [dy && div(mul(dy, 0.5), y)],
})
const rsqrtDef = unary('rsqrt', {
  flops: 4,
  // Not inverseSqrt(): its error is up to 2 ulp by the standard, and one more division here costs nothing.
  wgsl: (x) => `(vec4f(1.0) / sqrt(${x}))`,
  reference: (x) => 1 / Math.sqrt(x),
  range: [0.5, 2],
  vjp: ({ inputs: [x], outputs: [y] }, [dy]) => [dy && div(mul(mul(dy, -0.5), y), x)],
})
const squareDef = unary('square', {
  rule: 'number',
  wgsl: (x) => `(${x} * ${x})`,
  reference: (x) => x * x,
  vjp: ({ inputs: [x] }, [dy]) => [dy && mul(mul(dy, 2), x)],
})
const sigmoidDef = unary('sigmoid', {
  flops: 10,
  wgsl: (x) => `(vec4f(1.0) / (vec4f(1.0) + exp(-${x})))`,
  reference: (x) => 1 / (1 + Math.exp(-x)),
  vjp: ({ outputs: [y] }, [dy]) => [dy && mul(dy, mul(y, sub(1, y)))],
})
const tanhDef = unary('tanh', {
  // WGSL: at most 1e-5, or what sinh/cosh would inherit.
  error: { absolute: 1e-5 },
  flops: 10,
  // tanh() of some drivers overflows to NaN for large arguments; beyond ±9 the result is ±1 in f32 anyway. A NaN of
  // the argument itself, which clamp() may swallow, stays.
  wgsl: (x) => `select(tanh(clamp(${x}, vec4f(-15.0), vec4f(15.0))), ${x}, ${isNaNBits(x)})`,
  reference: Math.tanh,
  vjp: ({ outputs: [y] }, [dy]) => [dy && mul(dy, sub(1, square(y)))],
})
/** select, not max(x, 0): max gives 0 for NaN on some drivers and would hide a divergence. */
const reluDef = unary('relu', {
  error: 'exact',
  rule: 'number',
  wgsl: (x, { out }) => {
    const zero = out === 'i32' ? 'vec4i()' : out === 'f32' || out === 'f16' ? 'vec4f()' : 'vec4u()'
    return `select(${x}, ${zero}, ${x} < ${zero})`
  },
  reference: (x) => (x < 0 ? 0 : x),
  range: [-1, 1],
  // The output tells the sign, so the input need not be kept alive. relu'(0) = 0.
  vjp: ({ outputs: [y] }, [dy]) => [dy && where(greater(y, 0), dy, 0)],
})

export const neg = one(negDef.of)
export const abs = one(absDef.of)
export const sign = one(signDef.of)
export const exp = one(expDef.of)
export const log = one(logDef.of)
export const sqrt = one(sqrtDef.of)
export const rsqrt = one(rsqrtDef.of)
export const square = one(squareDef.of)
export const sigmoid = one(sigmoidDef.of)
export const tanh = one(tanhDef.of)
export const relu = one(reluDef.of)

const test = (name: string, condition: (x: string) => string, reference: (x: number) => boolean) =>
  unary(name, {
    infer: ([x], _, refuse) => {
      if (!isFloat(x.dtype))
        refuse('a floating-point dtype is needed', 'integers are always finite')
      return [{ dtype: 'u8', shape: x.shape }]
    },
    wgsl: (x) => `select(vec4u(0u), vec4u(1u), ${condition(x)})`,
    reference: (x) => (reference(x) ? 1 : 0),
    vjp: none('a test is piecewise constant'),
  })
const isNaNDef = test('isNaN', isNaNBits, Number.isNaN)
const isFiniteDef = test('isFinite', (x) => `${bits(x)} < vec4u(0x7f800000u)`, Number.isFinite)

/** u8: 1 where the element is NaN. */
export const isNaN = one(isNaNDef.of)
/** u8: 1 where the element is neither NaN nor infinite. */
export const isFinite = one(isFiniteDef.of)

const compare = (name: string, symbol: string, test: (a: number, b: number) => boolean) =>
  binary(name, {
    rule: 'compare',
    steps: 5,
    wgsl: (a, b) => `select(vec4u(0u), vec4u(1u), ${a} ${symbol} ${b})`,
    reference: (a, b) => (test(a, b) ? 1 : 0),
    vjp: none('a comparison is piecewise constant'),
  })
const equalDef = compare('equal', '==', (a, b) => a === b)
const notEqualDef = compare('notEqual', '!=', (a, b) => a !== b)
const lessDef = compare('less', '<', (a, b) => a < b)
const lessEqualDef = compare('lessEqual', '<=', (a, b) => a <= b)
const greaterDef = compare('greater', '>', (a, b) => a > b)
const greaterEqualDef = compare('greaterEqual', '>=', (a, b) => a >= b)

/** Comparisons give u8: 1 where true, 0 where not. */
export const equal = two(equalDef.of)
export const notEqual = two(notEqualDef.of)
export const less = two(lessDef.of)
export const lessEqual = two(lessEqualDef.of)
export const greater = two(greaterDef.of)
export const greaterEqual = two(greaterEqualDef.of)

const whereOp = pointwise('where', {
  error: 'exact',
  infer: (types, _, refuse) => {
    const [condition, a, b] = types
    if (condition.dtype !== 'u8') refuse('the condition must be u8', 'comparisons give u8')
    if (a.dtype !== b.dtype) refuse('both branches must have one dtype', 'use cast()')
    return [{ dtype: a.dtype, shape: inferShape(types, refuse) }]
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

function inferShape(types: readonly TensorType[], refuse: (problem: string) => never): Shape {
  return broadcastShapes(types.map((t) => t.shape)) ?? refuse('shapes do not broadcast')
}

/** `a` where the u8 condition is not 0, else `b`; all three broadcast. */
export function where(condition: TensorLike, a: Operand, b: Operand): Tensor {
  const [x, y] = toTensors([a, b])
  return apply(whereOp, [toTensor(condition), x, y], {})[0]
}

type DTypes = Tensor['dtype']
const castOp = pointwise<{ to: DTypes }>('cast', {
  error: 'exact',
  infer: ([x], { to }) => [{ dtype: to, shape: x.shape }],
  wgsl: ([x], { out }) =>
    out === 'f32' || out === 'f16'
      ? `vec4f(${x})`
      : out === 'i32'
        ? `vec4i(${x})`
        : out === 'u8'
          ? `(vec4u(${x}) & vec4u(255u))`
          : `vec4u(${x})`,
  reference: ([x], { to }) => (isFloat(to) ? x : to === 'u8' ? Math.trunc(x) & 255 : Math.trunc(x)),
  vjp: ({ inputs: [x] }, [dy]) => [dy && isFloat(x.dtype) ? cast(dy, x.dtype) : undefined],
  samples: [
    { inputs: [sample([3, 5], [0, 9])], attrs: { to: 'u8' } },
    { inputs: [sample([3, 5], [-9, 9])], attrs: { to: 'i32' } },
    { inputs: [{ dtype: 'u8', shape: [7], range: [0, 255] }], attrs: { to: 'f32' } },
    { inputs: [sample([2, 3])], attrs: { to: 'f32' } },
  ],
})

/** The same values in another dtype; floats are cut towards zero, as in C. */
export function cast(x: TensorLike, to: DTypes): Tensor {
  const t = toTensor(x)
  return t.dtype === to ? t : apply(castOp, [t], { to })[0]
}

const broadcastOp = pointwise<{ shape: Shape }>('broadcastTo', {
  error: 'exact',
  infer: ([x], { shape }, refuse) => {
    const joint = isShape(shape) && broadcastShapes([x.shape, shape])
    if (!joint || !sameShape(joint, shape)) refuse(`does not broadcast to [${shape}]`)
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
  const t = toTensor(x)
  return sameShape(t.shape, shape) ? t : apply(broadcastOp, [t], { shape })[0]
}

const stopOp = pointwise('stopGradient', {
  error: 'exact',
  rule: 'number',
  wgsl: ([x]) => x,
  reference: ([x]) => x,
  vjp: none('that is its purpose'),
  samples: [{ inputs: [sample([4])], attrs: {}, wrt: [] }],
})

/** `x` as a constant for differentiation. */
export const stopGradient = (x: TensorLike): Tensor => apply(stopOp, [toTensor(x)], {})[0]

export const arithmeticOps = [
  ...[
    addDef,
    subDef,
    mulDef,
    divDef,
    maximumDef,
    minimumDef,
    negDef,
    absDef,
    signDef,
    expDef,
    logDef,
  ],
  ...[sqrtDef, rsqrtDef, squareDef, sigmoidDef, tanhDef, reluDef, equalDef, notEqualDef, lessDef],
  ...[lessEqualDef, greaterDef, greaterEqualDef, isNaNDef, isFiniteDef],
].map((d) => d.op)
export const otherPointwiseOps = [whereOp, castOp, broadcastOp, stopOp] as const
