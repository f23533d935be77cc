// Rules that hold across ops: what NaN does, and what integers do.

import * as assert from 'uvu/assert'
import {
  abs,
  add,
  argmax,
  constant,
  conv2d,
  DeviceError,
  div,
  grad,
  type HostArray,
  isFinite,
  isNaN,
  less,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  mod,
  moments,
  mul,
  neg,
  none,
  normalize,
  ops,
  pad,
  permute,
  pointwise,
  relu,
  resizeBilinear,
  ShapeError,
  scalar,
  selectLargest,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  where,
} from '../../engine/index.ts'
import { apply, type Op } from '../../engine/op.ts'
import { interpret } from '../../engine/reference/index.ts'
import { agree, drawn, f32 as f32Type } from '../agree.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const f32 = (...values: number[]) => constant(Float32Array.from(values))
const { NaN: nan, POSITIVE_INFINITY: inf } = Number

/** The device and the interpreter both give exactly this. */
async function gives(t: Tensor, ...expected: number[]): Promise<void> {
  assert.equal(Array.from(interpret([t])[0]), expected, 'interpreter')
  assert.equal(Array.from(await (await testDevice()).read(t)), expected, 'device')
}

test('tanh lets NaN through, and is ±1 far out', async () => {
  await gives(tanh(f32(nan, inf, -inf, 0, 40, -3e38)), nan, 1, -1, 0, 1, -1)
  // The sign of a NaN is of no account, nor is its payload.
  const bits = Uint32Array.of(0x7f800001, 0xffc00000, 0xff800001, 0x7fffffff)
  await gives(tanh(constant(new Float32Array(bits.buffer))), nan, nan, nan, nan)
})

test('relu, maximum and minimum let NaN through', async () => {
  const x = f32(nan, -1, 0, 2, inf, -inf)
  await gives(relu(x), nan, 0, 0, 2, inf, 0)
  await gives(maximum(x, 0), nan, 0, 0, 2, inf, 0)
  await gives(maximum(0, x), nan, 0, 0, 2, inf, 0)
  await gives(minimum(x, 0), nan, -1, 0, 0, 0, -inf)
  await gives(minimum(0, x), nan, -1, 0, 0, 0, -inf)
})

test('max and min over an axis let NaN through, wherever it stands', async () => {
  const rows = [nan, 1, 2, 3, nan, 2, 1, 2, nan]
  await gives(max(constant(Float32Array.from(rows), [3, 3]), [1]), nan, nan, nan)
  await gives(min(constant(Float32Array.from(rows), [3, 3]), [1]), nan, nan, nan)
  const long = new Float32Array(1024).fill(-3)
  await gives(max(constant(long)), -3)
  const late = long.slice()
  late[1022] = nan
  await gives(max(constant(late)), nan)
  await gives(max(constant(new Float32Array(4).fill(-inf))), -inf)
  await gives(min(constant(new Float32Array(3).fill(inf))), inf)
})

test('max-pooling lets NaN through, with vectors of channels and without', async () => {
  for (const c of [1, 4]) {
    const data = Float32Array.from({ length: 4 * 4 * c }, (_, i) => (i === 5 * c ? nan : -i))
    const y = maxPool2d(constant(data, [1, 4, 4, c]), { kernel: 2 })
    const expected = interpret([y])[0]
    assert.is(expected.filter(Number.isNaN).length, 1)
    await gives(y, ...expected)
  }
})

test('isNaN and isFinite are exact', async () => {
  const x = f32(nan, inf, -inf, 0, -0, 3.4028234663852886e38, 1.1754943508222875e-38, 1)
  await gives(isNaN(x), 1, 0, 0, 0, 0, 0, 0, 0)
  await gives(isFinite(x), 0, 0, 0, 1, 1, 1, 1, 1)
})

test('argmax and selectLargest take NaN for the largest', async () => {
  await gives(argmax(constant(Float32Array.of(1, nan, 3, nan), [1, 4])), 1)
  const values = constant(Float32Array.of(1, nan, 3, 0, -0, -inf), [1, 6])
  const valid = constant(Uint8Array.of(1, 1, 1, 1, 1, 1), [1, 6])
  await gives(selectLargest(values, valid, 2).mask, 0, 1, 1, 0, 0, 0)
  await gives(selectLargest(values, valid, 4).mask, 1, 1, 1, 1, 0, 0)
  await gives(selectLargest(values, valid, 9).kept, 6)
})

const integers: HostArray[] = [
  Int32Array.of(-7, -1, 0, 1, 5, 9, 2147483647),
  Uint32Array.of(0, 1, 2, 5, 9, 70000, 4294967295),
  Uint8Array.of(0, 1, 2, 5, 9, 200, 255),
]

for (const data of integers) {
  const kind = data.constructor.name
  test(`integer arithmetic wraps as memory does: ${kind}`, async () => {
    const x = constant(data)
    const d = await testDevice()
    const results = [add(x, 3), sub(x, 3), mul(x, 2), maximum(x, 4), minimum(x, 4), relu(x)]
    for (const y of [...results, where(constant(new Uint8Array(7).fill(1)), x, 0)]) {
      const expected = interpret([y])[0]
      assert.equal(Array.from(await d.read(y)), Array.from(expected), y.node.op.name)
    }
  })

  test(`neg, abs, sign and square of integers: ${kind}`, async () => {
    const x = constant(data)
    const d = await testDevice()
    for (const name of ['neg', 'abs', 'sign', 'square']) {
      const op = ops.find((o) => o.name === name) as Op
      const y = attempt(() => apply(op, [x], {})[0])
      // Refused with a ShapeError, or right.
      if (!y) continue
      assert.equal(Array.from(await d.read(y)), Array.from(interpret([y])[0]), name)
    }
  })
}

test('rules: integer division and remainder are defined everywhere', async () => {
  const i32 = (...v: number[]) => constant(Int32Array.from(v))
  const least = -(2 ** 31)
  const [x, y] = [i32(7, -7, 7, -7, 5, least, least, 0), i32(2, 2, -2, -2, 0, -1, 0, 0)]
  await gives(div(x, y), 3, -3, -3, 3, 5, least, least, 0)
  await gives(mod(x, y), 1, 1, -1, -1, 0, 0, 0, 0)
  const u32 = (...v: number[]) => constant(Uint32Array.from(v))
  const [p, q] = [u32(2 ** 32 - 1, 2 ** 32 - 1, 7, 0), u32(2, 2 ** 32 - 2, 0, 3)]
  await gives(div(p, q), 2 ** 31 - 1, 1, 7, 0)
  await gives(mod(p, q), 1, 1, 0, 0)
  const u8 = (...v: number[]) => constant(Uint8Array.from(v))
  await gives(div(u8(255, 200, 9), u8(2, 200, 0)), 127, 1, 9)
  await gives(mod(u8(255, 200, 9), u8(16, 200, 0)), 15, 0, 0)
})

test('rules: products of integers keep their low bits', async () => {
  const x = constant(Int32Array.of(123456789, -987654321, 2 ** 31 - 1))
  await gives(square(x), ...[123456789, -987654321, 2 ** 31 - 1].map((v) => Math.imul(v, v)))
  await gives(
    mul(x, 1000003),
    ...[123456789, -987654321, 2 ** 31 - 1].map((v) => Math.imul(v, 1000003)),
  )
  const u = constant(Uint32Array.of(2 ** 32 - 5, 3000000019))
  await gives(mul(u, u), 25, Math.imul(3000000019, 3000000019) >>> 0)
})

function attempt<T>(f: () => T): T | undefined {
  try {
    return f()
  } catch (error) {
    if (error instanceof ShapeError) return undefined
    throw error
  }
}

test('rules: scalars of every dtype reach the device as they are', async () => {
  await gives(scalar(255, 'u8'), 255)
  await gives(scalar(-3, 'i32'), -3)
  await gives(scalar(16777217, 'u32'), 16777217)
  await gives(scalar(4294967295, 'u32'), 4294967295)
  await gives(neg(abs(scalar(-0.5))), -0.5)
})

test('rules: a number beside integers is one that they hold', async () => {
  const [i32, u32, u8] = [Int32Array.of(1), Uint32Array.of(1), Uint8Array.of(1)].map((d) =>
    constant(d),
  )
  await gives(add(i32, -(2 ** 31)), 1 - 2 ** 31)
  await gives(maximum(u32, 2 ** 32 - 1), 2 ** 32 - 1)
  await gives(maximum(u8, 255), 255)
  await gives(pad(u8, [1], [1], 9), 9, 1, 9)
  const bad: [() => unknown, string][] = [
    [() => add(i32, 0.5), 'i32 cannot hold 0.5'],
    [() => sub(2 ** 31, i32), 'i32 cannot hold 2147483648'],
    [() => mul(u32, -1), 'u32 cannot hold -1'],
    [() => less(u8, 300), 'u8 cannot hold 300'],
    [() => where(u8, u8, nan), 'u8 cannot hold NaN'],
    [() => where(u8, i32, inf), 'i32 cannot hold Infinity'],
    [() => pad(u8, [1], [1], 256), 'u8 cannot hold 256'],
  ]
  for (const [f, message] of bad)
    assert.throws(f, (e: Error) => e instanceof ShapeError && e.message.includes(message), message)
})

test('permute: axes may be counted from the end', async () => {
  const x = constant([1, 2, 3, 4, 5, 6], [2, 3])
  await gives(permute(x, [-1, -2]), 1, 4, 2, 5, 3, 6)
})

test('rules: second derivatives run on the device', async () => {
  const penalty = (build: (x: Tensor, w: Tensor) => Tensor) => (x: Tensor, w: Tensor) => {
    const loss = mean(square(tanh(build(x, w))))
    const slopes = grad(loss, [x, w])
    return grad(add(sum(square(slopes[0])), sum(square(slopes[1]))), [x, w])
  }
  await agree(
    penalty((x, w) =>
      resizeBilinear(maxPool2d(conv2d(x, w, { padding: 1, stride: 2 }), { kernel: 2 }), [5, 4]),
    ),
    drawn([f32Type(1, 8, 7, 3), f32Type(3, 3, 3, 4)]),
  )
  await agree(
    penalty((x, w) => softmax(matmul(permute(x, [0, 2, 1]), w))),
    drawn([f32Type(2, 5, 3), f32Type(5, 4)]),
  )
  await agree(
    penalty((x, w) => normalize(x, moments(x).mean, w, sub(w, moments(x).variance))),
    drawn([f32Type(2, 3, 4, 5), f32Type(5)]),
  )
})

// The largest element is found by comparing it with the maximum. Where both kernels compute the element anew, a
// compiler that contracts a product and a sum in one of them only would leave no equal element, and no gradient.
test('max: its gradient reaches one element a row, though the element is computed twice', async () => {
  const [a, b, c] = drawn([f32Type(40, 30), f32Type(40, 30), f32Type(30)])
  const program = (await testDevice()).compile((x: Tensor, y: Tensor, z: Tensor) => {
    const terms = add(mul(x, y), z)
    return grad(sum(max(terms, [1])), [terms])[0]
  })
  const result = await program.run(a, b, c)
  const slopes = await result.read()
  result.dispose()
  program.dispose()
  for (let row = 0; row < 40; row++) {
    const ones = Array.from(slopes.subarray(30 * row, 30 * row + 30)).filter((g) => g !== 0)
    assert.equal(ones, [1], `row ${row}`)
  }
})

test('zero and minus zero are two numbers', async () => {
  const d = await testDevice()
  const program = d.compile((x) => [div(x, 0), div(x, -0), div(x, 0)])
  const results = await program.run({ dtype: 'f32', shape: [], data: Float32Array.of(1) })
  const got: number[] = []
  for (const r of results) got.push((await r.read())[0])
  assert.equal(got, [inf, -inf, inf])
})

test('a remainder of huge numbers is finite', async () => {
  const [a, b] = [f32(3.2e38, 3.2e38, -3.2e38), f32(1.2e38, -1.2e38, 1.2e38)]
  const got = await (await testDevice()).read(mod(a, b))
  ;[8e37, -4e37, 4e37].forEach((want, i) => {
    assert.ok(Math.abs(got[i] / want - 1) < 1e-5, `${got[i]}`)
  })
})

test('a kernel that does not compile is told once, with the reason', async () => {
  const bad = pointwise('bad', {
    wgsl: ([x]) => `(${x} + undefined_name)`,
    reference: ([x]) => x,
    vjp: none('it is a test'),
    samples: [],
  })
  const d = await testDevice()
  const error = await d.read(apply(bad, [f32(1)], {})[0]).then(
    () => undefined,
    (e: Error) => e,
  )
  assert.ok(error instanceof DeviceError)
  assert.match(error.message, /undefined_name/)
  assert.equal(Array.from(await d.read(neg(f32(2)))), [-2])
})
