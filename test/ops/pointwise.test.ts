// Elementwise ops at the edges of what they take: bounds, zeros, infinities, NaN, whole exponents. Device and
// interpreter must both give exactly what is written here.

import * as assert from 'uvu/assert'
import * as a from '../../engine/index.ts'
import { OptionError, ShapeError, type Tensor } from '../../engine/index.ts'
import { interpret } from '../../engine/reference/index.ts'
import { agree, drawn, f32 as type } from '../agree.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const { NaN: nan, POSITIVE_INFINITY: inf } = Number
const f32 = (...values: number[]) => a.constant(Float32Array.from(values))
const u8 = (...values: number[]) => a.constant(Uint8Array.from(values))

/** The device and the interpreter both give exactly this. */
async function gives(t: Tensor, ...expected: number[]): Promise<void> {
  const rounded = t.dtype === 'f32' ? expected.map(Math.fround) : expected
  const near = interpret([t])[0]
  assert.equal(Array.from(t.dtype === 'f32' ? near.map(Math.fround) : near), rounded, 'interpreter')
  assert.equal(Array.from(await (await testDevice()).read(t)), rounded, 'device')
}

/** As `gives`, for the gradient of the sum of f(x). */
const slope = (f: (x: Tensor) => Tensor, x: Tensor, ...expected: number[]) =>
  gives(a.grad(a.sum(f(x)), [x])[0], ...expected)

const refuses = (f: () => unknown, kind: typeof ShapeError | typeof OptionError, part: string) =>
  assert.throws(f, (e: Error) => e instanceof kind && e.message.includes(part), part)

/** a, b and aᵇ. */
const powers = [
  [
    [2, 10, 1024],
    [-2, 3, -8],
    [-2, 2, 4],
    [-2, -1, -0.5],
    [-2, -2, 0.25],
    [4, 0.5, 2],
  ],
  [
    [-2, 0.5, nan],
    [-1, 1e9, 1],
    [-1, 2 ** 24 - 1, -1],
    [-1, 2 ** 25, 1],
    [-0.5, 125, -(2 ** -125)],
  ],
  [
    [nan, 0, 1],
    [0, 0, 1],
    [-0, 0, 1],
    [inf, 0, 1],
    [-inf, -0, 1],
    [1, nan, 1],
    [1, inf, 1],
  ],
  [
    [-1, inf, 1],
    [-1, -inf, 1],
    [nan, 1, nan],
    [2, nan, nan],
    [nan, nan, nan],
  ],
  [
    [0, 3, 0],
    [-0, 3, -0],
    [-0, 2, 0],
    [0, 0.1, 0],
    [-0, 0.1, 0],
    [0, inf, 0],
  ],
  [
    [0, -3, inf],
    [-0, -3, -inf],
    [-0, -2, inf],
    [0, -0.1, inf],
    [0, -inf, inf],
  ],
  [
    [inf, 0.5, inf],
    [inf, -0.5, 0],
    [-inf, 3, -inf],
    [-inf, 2, inf],
    [-inf, -3, -0],
    [-inf, -2, 0],
  ],
  [
    [-inf, 0.5, inf],
    [-inf, -0.5, 0],
    [2, inf, inf],
    [2, -inf, 0],
    [0.5, inf, 0],
    [0.5, -inf, inf],
  ],
  [
    [-2, inf, inf],
    [-2, -inf, 0],
    [2, 128, inf],
    [-2, 129, -inf],
    [2, 127, 2 ** 127],
  ],
  [
    [2, -126, 2 ** -126],
    [2, 1e30, inf],
    [2, -1e30, 0],
    [0.5, 1e38, 0],
    [1 - 2 ** -24, 1e30, 0],
  ],
].flat()

test('pow: whole exponents of negative bases, and every special case of IEEE 754', async () => {
  const column = (k: number) => f32(...powers.map((c) => c[k]))
  const y = a.pow(column(0), column(1))
  // Signs of zeros included.
  const shown = (xs: ArrayLike<number>) =>
    Array.from(xs, (x, i) => `${powers[i][0]} ^ ${powers[i][1]} = ${Object.is(x, -0) ? '-0' : x}`)
  const expected = shown(powers.map((c) => c[2]))
  assert.equal(shown(interpret([y])[0].map(Math.fround)), expected)
  assert.equal(shown(await (await testDevice()).read(y)), expected)
})

test('pow: exponents that are numbers, with their gradients', async () => {
  const x = f32(-2, 0.5, 4)
  for (const n of [-3, -2, -1, 0, 1, 2, 3, 4, 5]) {
    await gives(a.pow(x, n), ...[-2, 0.5, 4].map((v) => v ** n))
    await slope((t) => a.pow(t, n), x, ...[-2, 0.5, 4].map((v) => n * v ** (n - 1)))
  }
  await gives(a.pow(f32(4, 0.25, 0, -1), 0.5), 2, 0.5, 0, nan)
  await gives(a.pow(f32(4, 0.25, 0, -1), -0.5), 0.5, 2, inf, nan)
  await slope((t) => a.pow(t, 0.5), f32(4, 0.25), 0.25, 1)
  await slope((t) => a.pow(t, 0), f32(0, nan, inf, -3), 0, 0, 0, 0)
  // Above 0 the derivative of xⁿ at 0 is 0 from n = 1 on.
  await slope((t) => a.pow(t, 2.5), f32(0, 4), 0, 20)
  await slope((t) => a.pow(t, 3), f32(0), 0)
  await gives(a.pow(2, f32(-1, 0, 3)), 0.5, 1, 8)
})

test('pow: gradients of base and exponent, once and twice', async () => {
  const x = f32(0, nan, -2, 0, 0, -2, 1, 2)
  const y = f32(0, 0, 3, 2, 1, 0, 5, 2)
  const [dx, dy] = a.grad(a.sum(a.pow(x, y)), [x, y])
  await gives(dx, 0, 0, 12, 0, 1, 0, 5, 4)
  const log = [0, 0, 0, 0, 0, 0, 0, 4 * Math.log(2)]
  close(interpret([dy])[0], log, 1e-15, 'interpreter')
  close(await (await testDevice()).read(dy), log, 1e-6, 'device')
  const base = f32(0, 0, 2, -2, 3)
  const exponent = f32(2, 0, 3, 3, 1)
  const [first] = a.grad(a.sum(a.pow(base, exponent)), [base])
  await gives(a.grad(a.sum(first), [base])[0], 2, 0, 12, -12, 0)
})

test('mod: the sign of the divisor, and the same for integers', async () => {
  const cases = [
    [
      [7, 3, 1],
      [-7, 3, 2],
      [7, -3, -2],
      [-7, -3, -1],
      [6, 3, 0],
      [-6, 3, 0],
      [5.5, 2, 1.5],
    ],
    [
      [-0.25, 1, 0.75],
      [3, 0, nan],
      [inf, 2, nan],
      [nan, 1, nan],
      [1, nan, nan],
      [-1, inf, inf],
    ],
    [
      [1, inf, 1],
      [-1, -inf, -1],
      [1e30, 7, Math.fround(1e30) % 7],
      [-(2 ** -60), 3, 3],
    ],
  ].flat()
  const column = (k: number) => f32(...cases.map((c) => c[k]))
  await gives(a.mod(column(0), column(1)), ...cases.map((c) => c[2]))
  const [x, y] = [f32(7, -7, 7, 5.5), f32(3, 3, -3, 2)]
  const [dx, dy] = a.grad(a.sum(a.mod(x, y)), [x, y])
  await gives(dx, 1, 1, 1, 1)
  await gives(dy, -2, 3, 3, -2)
  const i32 = (...v: number[]) => a.constant(Int32Array.from(v))
  await gives(a.mod(i32(7, -7, 7, -7, 6, 5), i32(3, 3, -3, -3, 3, 0)), 1, 2, -2, -1, 0, 0)
  await gives(a.mod(u8(200, 7, 9), u8(7, 7, 0)), 4, 0, 0)
})

test('floor, ceil, round and trunc', async () => {
  const x = f32(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, 8388607.5, 16777217, -1e30, inf, -inf)
  const big = [16777216, -1e30, inf, -inf]
  await gives(a.floor(x), -3, -2, -1, 0, 1, 2, 0, 8388607, ...big)
  await gives(a.ceil(x), -2, -1, 0, 1, 2, 3, 1, 8388608, ...big)
  await gives(a.round(x), -2, -2, 0, 0, 2, 2, 0, 8388608, ...big)
  await gives(a.trunc(x), -2, -1, 0, 0, 1, 2, 0, 8388607, ...big)
  await slope(a.round, f32(0.3), 0)
  refuses(() => a.floor(u8(1)), ShapeError, 'a floating-point dtype is needed')
  refuses(() => a.pow(u8(1), 2), ShapeError, 'a floating-point dtype is needed')
})

test('functions at 0 and at infinity', async () => {
  const x = f32(0, inf, -inf)
  await gives(a.exp(f32(0, inf, -inf, 89, -110)), 1, inf, 0, inf, 0)
  await gives(a.expm1(f32(0, inf, -inf, 89, -50)), 0, inf, -1, inf, -1)
  await gives(a.log(f32(0, -0, 1, inf, -1, -inf)), -inf, -inf, 0, inf, nan, nan)
  await gives(a.log1p(f32(-1, 0, inf, -2, -inf)), -inf, 0, inf, nan, nan)
  await gives(a.sin(x), 0, nan, nan)
  await gives(a.cos(x), 1, nan, nan)
  await gives(a.tanh(x), 0, 1, -1)
  await gives(a.sigmoid(x), 0.5, 1, 0)
  await gives(a.softplus(f32(inf, -inf, 100)), inf, 0, 100)
  await gives(a.reciprocal(f32(0, -0, inf, -4)), inf, -inf, 0, -0.25)
})

test('NaN stays NaN, whatever its sign and payload', async () => {
  const patterns = Uint32Array.of(0x7f800001, 0xffc00000, 0xff800001, 0x7fffffff)
  const x = a.constant(new Float32Array(patterns.buffer))
  const { exp, expm1, log, log1p, sin, cos, tanh, sigmoid, softplus, relu, leakyRelu, clamp } = a
  const functions = [exp, expm1, log, log1p, sin, cos, tanh, sigmoid, softplus, relu]
  const two = [a.maximum, a.minimum, a.pow, a.mod].flatMap((f) => [f(x, 2), f(2, x), f(-1, x)])
  const bounded = [clamp(x, 0, 1), clamp(x, 0), clamp(x, -inf, 1), leakyRelu(x), leakyRelu(x, -3)]
  const rounded = [a.floor, a.ceil, a.round, a.trunc, a.neg, a.abs].map((f) => f(x))
  const all = [...functions.map((f) => f(x)), ...two, ...bounded, ...rounded]
  for (const y of all) await gives(a.isNaN(y), 1, 1, 1, 1)
})

test('clamp: within its bounds, which pass the gradient', async () => {
  const x = f32(-2, -0.5, 0, 0.75, 3, inf, -inf, nan)
  await gives(a.clamp(x, -0.5, 0.75), -0.5, -0.5, 0, 0.75, 0.75, 0.75, -0.5, nan)
  await gives(a.clamp(x, -0.5), -0.5, -0.5, 0, 0.75, 3, inf, -0.5, nan)
  await gives(a.clamp(x, undefined, 0.75), -2, -0.5, 0, 0.75, 0.75, 0.75, -inf, nan)
  assert.is(a.clamp(x), x)
  const within = f32(-2, -0.5, 0, 0.75, 3)
  await slope((t) => a.clamp(t, -0.5, 0.75), within, 0, 1, 1, 1, 0)
  await slope((t) => a.clamp(t, -0.5), within, 0, 1, 1, 1, 1)
  await slope((t) => a.clamp(t, -inf, 0.75), within, 1, 1, 1, 1, 0)
  await gives(
    a.clamp(a.constant(Int32Array.of(-9, 3, 2 ** 30)), -1, 2 ** 29 + 1),
    -1,
    3,
    2 ** 29 + 1,
  )
  await gives(a.clamp(u8(1, 7, 200), 2, 100), 2, 7, 100)
  refuses(() => a.clamp(x, 1, 0), OptionError, 'clamp: 1 to 0 is no range')
  refuses(() => a.clamp(x, nan), OptionError, 'is no range')
  refuses(() => a.clamp(u8(1), -1, 5), ShapeError, 'u8 cannot hold -1')
})

test('leakyRelu: its slope below 0 and at 0', async () => {
  const x = f32(-2, 0, 3, inf, -inf)
  await gives(a.leakyRelu(x, 0.25), -0.5, 0, 3, inf, -inf)
  await slope((t) => a.leakyRelu(t, 0.25), f32(-2, 0, 3), 0.25, 0.25, 1)
  await gives(a.leakyRelu(f32(-100)), -100 * Math.fround(0.01))
  refuses(() => a.leakyRelu(x, nan), OptionError, 'slope NaN is no finite number')
})

test('logic: what is not 0 is true', async () => {
  const [x, y] = [u8(0, 0, 1, 2, 255), u8(0, 4, 0, 1, 2)]
  await gives(a.logicalAnd(x, y), 0, 0, 0, 1, 1)
  await gives(a.logicalOr(x, y), 0, 1, 1, 1, 1)
  await gives(a.logicalXor(x, y), 0, 1, 1, 0, 0)
  await gives(a.logicalNot(x), 1, 1, 0, 0, 0)
  await gives(a.logicalAnd(x, 1), 0, 0, 1, 1, 1)
  refuses(() => a.logicalNot(f32(1)), ShapeError, 'u8 is needed')
  refuses(() => a.logicalOr(u8(1), a.constant(Int32Array.of(1))), ShapeError, 'dtypes differ')
})

test('functions ride on a convolution and inside a reduction', async () => {
  await agree(
    (x, w) => {
      const y = a.conv2d(x, w, { padding: 1 })
      return [a.clamp(a.softplus(a.tanh(y)), 0.1), a.sum(a.pow(a.exp(a.sin(y)), x), [1, 2])]
    },
    drawn([type(1, 6, 5, 4), type(3, 3, 4, 4)]),
  )
  await agree((x) => [a.sum(a.log1p(a.exp(x)), [0]), a.mean(a.mod(x, 0.3))], drawn([type(7, 8)]))
})
