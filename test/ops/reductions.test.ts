// Folds over axes: how exactly they sum, what they do with ties, NaN, infinities and integers, and what they refuse.

import * as assert from 'uvu/assert'
import {
  add,
  all,
  any,
  argmax,
  argmin,
  cast,
  constant,
  countNonzero,
  cumsum,
  equal,
  grad,
  greater,
  type HostArray,
  iota,
  logSoftmax,
  logSumExp,
  max,
  mean,
  min,
  mul,
  reshape,
  ShapeError,
  scalar,
  softmax,
  sum,
  type Tensor,
  variance,
} from '../../engine/index.ts'
import { interpret } from '../../engine/reference/index.ts'
import { agree, becomes, drawn, f32 as f32Type } from '../agree.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const { NaN: nan, POSITIVE_INFINITY: inf } = Number
const f32 = (values: readonly number[], shape = [values.length]) =>
  constant(Float32Array.from(values), shape)

/** The device and the interpreter both give exactly this. */
async function gives(t: Tensor, ...expected: number[]): Promise<void> {
  assert.equal(Array.from(interpret([t])[0]), expected, 'interpreter')
  assert.equal(Array.from(await (await testDevice()).read(t)), expected, 'device')
}

const refused = (f: () => unknown, message = '') =>
  assert.throws(f, (e: Error) => e instanceof ShapeError && e.message.startsWith(message), message)

// ---- any axes

const everyAxes = [[0], [1], [2], [3], [0, 1], [0, 2], [1, 3], [0, 1, 3], [0, 2, 3], [-1, 0], []]

test('folds: every set of axes, kept or not, with gradients', async () => {
  for (const [k, f] of [sum, mean, max, min, logSumExp, variance].entries())
    await agree(
      (x) =>
        everyAxes.flatMap((axes, i) => {
          const y = f(x, axes, { keepDims: i % 2 === k % 2 })
          return [y, ...grad(sum(mul(y, y)), [x])]
        }),
      drawn([f32Type(2, 3, 4, 5)], k),
    )
})

test('folds: shapes, with negative axes and axes of size 1', () => {
  const x = constant(new Float32Array(24), [2, 1, 3, 4])
  assert.equal(sum(x).shape, [])
  assert.equal(sum(x, [-1, 0]).shape, [1, 3])
  assert.equal(max(x, [-1, 0], { keepDims: true }).shape, [1, 1, 3, 1])
  assert.equal(mean(x, [1]).shape, [2, 3, 4])
  assert.equal(logSumExp(x, []).shape, [2, 1, 3, 4])
  assert.equal(variance(x, [1, 2], { keepDims: true }).shape, [2, 1, 1, 4])
  assert.equal(argmax(x, -2, { keepDims: true }).shape, [2, 1, 1, 4])
  assert.equal(argmin(x).shape, [2, 1, 3])
  assert.equal(any(x, [0, 3]).shape, [1, 3])
  assert.equal(cumsum(x, -3).shape, [2, 1, 3, 4])
})

test('folds: neighbours with only axes of size 1 between them are one kernel', () =>
  becomes((x) => [sum(x, [0, 2]), max(x)], [f32Type(4, 1, 8, 4)], ['sum', 'max']))

test('folds: scalars and axes of size 1 stay as they are, and integers become what sums are', async () => {
  const bytes = constant(Uint8Array.of(255), [1])
  await gives(sum(scalar(3)), 3)
  await gives(mean(f32([5], [1, 1]), [0]), 5)
  await gives(variance(f32([5], [1, 1])), 0)
  await gives(argmax(f32([5, 6], [2, 1])), 0, 0)
  await gives(add(sum(bytes), 1), 256)
  assert.is(sum(bytes).dtype, 'u32')
  await gives(countNonzero(scalar(-0)), 0)
  await gives(cumsum(f32([2, 3], [2, 1]), 1), 2, 3)
})

test('max and min: over axes that are no neighbours, the first of equals in row-major order has the gradient', async () => {
  // Over axes 0 and 2; axis 1 has two groups.
  const x = f32([1, 3, 9, 9, 3, 3, 9, 0], [2, 2, 2])
  const slope = (f: typeof max) => grad(sum(mul(f(x, [0, 2]), f32([10, 20]))), [x])[0]
  await gives(slope(max), 0, 10, 20, 0, 0, 0, 0, 0)
  await gives(slope(min), 10, 0, 0, 0, 0, 0, 0, 20)
  const same = f32(new Array(12).fill(2), [3, 2, 2])
  await gives(grad(sum(max(same, [0, 2])), [same])[0], 1, 0, 1, ...new Array(9).fill(0))
})

test('max: its gradient is one pass for the place and one for the rest', () =>
  becomes(
    (x) => grad(sum(mul(max(x, [1]), 2)), [x]),
    [f32Type(6, 40)],
    ['broadcastTo mul', 'argmax', 'onlyAt'],
  ))

test('max: the gradient goes to the first NaN', async () => {
  const x = f32([1, nan, nan, 5], [1, 4])
  await gives(grad(sum(max(x, [1])), [x])[0], 0, 1, 0, 0)
  await gives(grad(sum(min(x, [1])), [x])[0], 0, 1, 0, 0)
})

// ---- places

test('argmax and argmin: the first of equals, the first NaN, on any axis', async () => {
  const x = f32([3, 1, 3, -0, 0, 5, -inf, nan, 2, nan, 1, inf], [3, 4])
  await gives(argmax(x), 0, 3, 1)
  await gives(argmin(x), 3, 3, 1)
  await gives(argmax(x, 0), 0, 2, 0, 1)
  await gives(argmin(x, 0), 1, 2, 1, 1)
  await gives(argmax(f32([nan, -nan, nan])), 0)
  await gives(argmax(f32([-0, 0])), 0)
  await gives(argmin(f32([0, -0])), 0)
  await gives(argmax(f32(new Array(7).fill(-inf))), 0)
  await gives(argmin(f32(new Array(700).fill(inf))), 0)
})

test('argmax and argmin: u8 for 256 places, i32 for more, at the very end of long rows', async () => {
  for (const [n, dtype] of [
    [256, 'u8'],
    [257, 'i32'],
    [100003, 'i32'],
  ] as const) {
    const x = new Float32Array(3 * n)
    for (const row of [0, 1, 2]) x[row * n + n - 1 - row] = row === 1 ? nan : 1
    const rows = constant(x, [3, n])
    assert.is(argmax(rows).dtype, dtype)
    await gives(argmax(rows), n - 1, n - 2, n - 3)
    await gives(argmin(mul(rows, -1)), n - 1, n - 2, n - 3)
    await gives(argmax(reshape(rows, [3 * n, 1]), 0), 2 * n - 2)
  }
})

test('argmax and argmin: integers, with the ends of their ranges', async () => {
  const arrays: HostArray[] = [
    Int32Array.of(0, -(2 ** 31), 5, 2 ** 31 - 1, -(2 ** 31), 2 ** 31 - 1),
    Uint32Array.of(2 ** 31, 0, 5, 2 ** 32 - 1, 0, 2 ** 32 - 1),
    Uint8Array.of(7, 0, 5, 255, 0, 255),
  ]
  for (const data of arrays) {
    await gives(argmax(constant(data)), 3)
    await gives(argmin(constant(data)), 1)
    await gives(argmin(constant(data.slice(3, 4))), 0)
  }
  await gives(argmax(constant(new Int32Array(300).fill(-(2 ** 31)))), 0)
})

// ---- integers

test('sum, max, min: integers stay integers, sums wrap, sums of bytes are u32', async () => {
  const i32 = constant(Int32Array.of(2 ** 31 - 1, 1, -5), [3])
  await gives(sum(i32), 2 ** 31 - 5)
  await gives(sum(constant(Int32Array.of(2 ** 31 - 1, 1))), -(2 ** 31))
  await gives(sum(constant(Uint32Array.of(2 ** 32 - 1, 3))), 2)
  await gives(max(i32), 2 ** 31 - 1)
  await gives(min(i32), -5)
  const bytes = constant(new Uint8Array(3001).fill(255), [3001])
  await gives(sum(bytes), 3001 * 255)
  for (const [t, dtype] of [
    [sum(i32), 'i32'],
    [sum(bytes), 'u32'],
    [max(bytes), 'u8'],
    [cumsum(bytes, 0), 'u32'],
  ] as const)
    assert.is(t.dtype, dtype)
  const square = constant(Uint8Array.of(1, 200, 3, 4, 5, 6, 7, 255, 9), [3, 3])
  await gives(max(square, [0]), 7, 255, 9)
  await gives(min(square, [1]), 1, 4, 7)
  await gives(sum(square, [0]), 12, 460, 18)
})

test('any, all, countNonzero: every dtype; NaN and subnormals are not zero, −0 is', async () => {
  const x = f32([0, -0, nan, 1e-40, 0, 0, inf, -3, 5], [3, 3])
  await gives(any(x, [1]), 1, 1, 1)
  await gives(all(x, [1]), 0, 0, 1)
  await gives(countNonzero(x), 5)
  await gives(countNonzero(x, [0]), 2, 1, 2)
  await gives(any(f32([0, -0, 0, -0, 0])), 0)
  for (const data of [Int32Array.of(0, -1), Uint32Array.of(0, 2 ** 31), Uint8Array.of(0, 128)]) {
    await gives(any(constant(data)), 1)
    await gives(all(constant(data)), 0)
    await gives(countNonzero(constant(data)), 1)
  }
  await gives(all(cast(f32([1, 0.5]), 'u8')), 0)
})

test('any: a condition is tested where it is loaded', () =>
  becomes(
    (x) => [any(greater(x, 0.5), [1]), countNonzero(equal(x, 0))],
    [f32Type(6, 40)],
    ['greater nonzero max', 'equal nonzero sum'],
  ))

test('mean: one kernel, the factor included', () =>
  becomes((x) => [mean(mul(x, x), [0])], [f32Type(60, 8)], ['mul mean']))

// ---- infinities

test('logSumExp: infinities and NaN, and finite gradients', async () => {
  const x = f32([-inf, -inf, -inf, 0, inf, 1, 2, -inf, 2, 1, nan, 0], [4, 3])
  const y = logSumExp(x, [1])
  const found = Array.from(await (await testDevice()).read(y))
  assert.is(found[0], -inf)
  assert.is(found[1], inf)
  assert.ok(Math.abs(found[2] - (2 + Math.log(2))) < 1e-6)
  assert.ok(Number.isNaN(found[3]))
  const dx = await (await testDevice()).read(grad(sum(y), [x])[0])
  const expected = [0, 0, 0, 0, 1, 0, 0.5, 0, 0.5]
  for (const [i, v] of expected.entries()) assert.ok(Math.abs(dx[i] - v) < 1e-6, `${i}: ${dx[i]}`)
  assert.equal(Array.from(interpret([grad(sum(y), [x])[0]])[0].slice(0, 6)), expected.slice(0, 6))
})

test('logSumExp: numbers that overflow, and many of them', async () => {
  const d = await testDevice()
  for (const at of [-1000, 0, 88, 3e5]) {
    const [y] = await d.read(logSumExp(add(mul(iota([70001], 0), 0), at)))
    const exact = at + Math.log(70001)
    assert.ok(Math.abs(y - exact) <= 1e-6 * Math.max(10, Math.abs(exact)), `${at}: ${y}`)
  }
})

test('variance: a correction divides by less', async () => {
  const x = f32([1, 2, 3, 6], [2, 2])
  await gives(variance(x), 3.5)
  await gives(variance(x, [1], { correction: 1 }), 0.5, 4.5)
  refused(
    () => variance(x, [], { correction: 1 }),
    'variance: 1 values less a correction of 1 leave no divisor; got f32[2,2]',
  )
})

// ---- what is refused

test('folds: empty tensors, axes that are not there or named twice, and f16', () => {
  const x = f32([1, 2, 3, 4], [2, 2])
  const empty = constant(new Float32Array(0), [0, 3])
  const half = cast(x, 'f16')
  const bytes = constant(Uint8Array.of(1, 2))
  const folds = { sum, mean, max, min, logSumExp, variance, any, all, countNonzero }
  for (const [name, f] of Object.entries(folds)) {
    refused(() => f(empty))
    refused(() => f(x, [2]))
    refused(() => f(x, [1, -1]), `${name}: [1,-1] are not axes`)
  }
  for (const f of [sum, mean, max, min, logSumExp, variance]) refused(() => f(half))
  for (const f of [mean, logSumExp, variance]) refused(() => f(bytes))
  for (const f of [argmax, argmin, cumsum, softmax, logSoftmax]) {
    refused(() => f(empty, 0))
    refused(() => f(half, 0))
    refused(() => f(x, 2))
    refused(() => f(x, 0.5))
  }
  refused(() => mean(bytes), 'mean: takes f32, not u8; got u8[2]\n  hint: use cast()')
})
