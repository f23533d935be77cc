// Rules that hold across ops: what NaN does, what integers do, and what a person reads who gives wrong shapes.

import * as assert from 'uvu/assert'
import {
  abs,
  add,
  argmax,
  assign,
  broadcastTo,
  concat,
  constant,
  conv2d,
  grad,
  type HostArray,
  isFinite,
  isNaN,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  min,
  minimum,
  moments,
  mul,
  neg,
  normalize,
  ops,
  pad,
  padReflect,
  permute,
  relu,
  repeatUpsample,
  reshape,
  resizeBilinear,
  ShapeError,
  scalar,
  scope,
  selectLargest,
  slice,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  takeLabel,
  tanh,
  Variable,
  where,
} from '../engine/index.ts'
import { apply, type Op } from '../engine/op.ts'
import { interpret } from '../engine/reference/index.ts'
import { agree, drawn, f32 as f32Type } from './agree.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'

const f32 = (...values: number[]) => constant(Float32Array.from(values))
const { NaN: nan, POSITIVE_INFINITY: inf } = Number

/** The device and the interpreter both give exactly this. */
async function gives(t: Tensor, ...expected: number[]): Promise<void> {
  assert.equal(Array.from(interpret([t])[0]), expected, 'interpreter')
  assert.equal(Array.from(await (await testDevice()).read(t)), expected, 'device')
}

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
      // Squares beyond 2⁵³ lose their low bits in float64.
      const from = name === 'square' ? 1 : 0
      const expected = Array.from(interpret([y])[0])
      const got = Array.from(await d.read(y))
      assert.equal(got.slice(0, 7 - from), expected.slice(0, 7 - from), name)
    }
  })
}

function attempt<T>(f: () => T): T | undefined {
  try {
    return f()
  } catch (error) {
    if (error instanceof ShapeError) return undefined
    throw error
  }
}

// ---- messages

const image = () => constant(new Float32Array(2 * 4 * 4 * 3), [2, 4, 4, 3])
const weight = () => constant(new Float32Array(3 * 3 * 4 * 8), [3, 3, 4, 8])
const vector = (n: number) => constant(new Float32Array(n))

/** Each likely misuse, with the sentence that a person gets. */
const misuses: [f: () => unknown, message: string][] = [
  [
    () => scope('encoder', () => scope('conv1', () => conv2d(image(), weight()))),
    'conv2d: input channels must equal weight channels; got f32[2,4,4,3], f32[3,3,4,8] (in encoder.conv1)\n  hint: weight is [kh, kw, in, out]; did you load a checkpoint of another width?',
  ],
  [
    () => conv2d(image(), constant(new Float32Array(5 * 5 * 3), [5, 5, 3, 1])),
    'conv2d: the padded input is smaller than the kernel (output 0×0); got f32[2,4,4,3], f32[5,5,3,1]',
  ],
  [
    () => add(vector(3), vector(4)),
    'add: shapes do not broadcast; got f32[3], f32[4]\n  hint: sizes must be equal or 1, counted from the last axis',
  ],
  [
    () => mul(vector(2), constant(Int32Array.of(1, 2))),
    'mul: dtypes differ; got f32[2], i32[2]\n  hint: use cast() to make them one; nothing is converted silently',
  ],
  [
    () => where(vector(2), vector(2), vector(2)),
    'where: the condition must be u8; got f32[2], f32[2], f32[2]\n  hint: comparisons give u8',
  ],
  [() => broadcastTo(vector(3), [3, 4]), 'broadcastTo: does not broadcast to [3,4]; got f32[3]'],
  [
    () => reshape(vector(6), [4, 2]),
    'reshape: cannot become [4,2]: the number of elements differs; got f32[6]',
  ],
  [
    () => permute(image(), [0, 1, 2]),
    'permute: [0,1,2] is not an order of the 4 axes; got f32[2,4,4,3]',
  ],
  [() => slice(vector(4), [2], [9]), 'slice: [2:9:1] is not inside axis 0; got f32[4]'],
  [() => pad(image(), [1], [1]), 'pad: amounts are needed for every axis; got f32[2,4,4,3]'],
  [
    () => padReflect(vector(3), [3], [0]),
    'padReflect: axis 0 has 3 elements and can be reflected by at most 2; got f32[3]',
  ],
  [
    () => concat([image(), vector(3)], 3),
    'concat: all sizes but that of axis 3 must agree; got f32[2,4,4,3], f32[3]',
  ],
  [() => sum(image(), [4]), 'sum: no such axes [4]; got f32[2,4,4,3]'],
  [
    () => sum(constant(Uint8Array.of(1, 2))),
    'sum: only f32 is reduced; got u8[2]\n  hint: use cast()',
  ],
  [
    () => matmul(constant(new Float32Array(6), [2, 3]), constant(new Float32Array(8), [2, 4])),
    'matmul: inner sizes differ; got f32[1,2,3], f32[1,2,4]',
  ],
  [() => moments(vector(3)), 'moments: an f32 tensor [..., c] is needed; got f32[3]'],
  [
    () => normalize(image(), vector(4), vector(3), vector(3)),
    'normalize: mean, scale and shift must be [3]; got f32[2,4,4,3], f32[4], f32[3], f32[3]',
  ],
  [
    () => maxPool2d(image(), { kernel: 5 }),
    'maxPool2d: the window is larger than the padded input; got f32[2,4,4,3]',
  ],
  [
    () => maxPool2d(vector(4), { kernel: 2 }),
    'maxPool2d: an f32 tensor [n, h, w, c] is needed; got f32[4]',
  ],
  [
    () => repeatUpsample(vector(4), [2, 2]),
    'repeatUpsample: an f32 tensor [n, h, w, c] is needed; got f32[4]',
  ],
  [() => resizeBilinear(image(), [0, 4]), 'resizeBilinear: 0×4 is no size; got f32[2,4,4,3]'],
  [
    () => takeLabel(image(), vector(32)),
    'takeLabel: scores must be f32 and labels u8, i32 or u32; got f32[2,4,4,3], f32[32]',
  ],
  [
    () => selectLargest(vector(4), vector(4), 2),
    'selectLargest: values must be f32 [rows, m]; got f32[4], f32[4]',
  ],
  [
    () => assign(new Variable({ dtype: 'f32', shape: [2] }, () => new Float32Array(2), 'w'), 0),
    'assign: assignments belong to a program; got w\n  hint: call assign inside the function that is given to device.compile',
  ],
  [
    () => constant([1, 2, 3], [2]),
    'tensor: the shape needs 2 elements and the data has 3; got f32[2]',
  ],
]

for (const [f, message] of misuses) {
  test(`message: ${message.split('\n')[0]}`, () => {
    let said = ''
    try {
      f()
    } catch (error) {
      assert.instance(error, ShapeError)
      said = (error as Error).message
    }
    assert.is(said, message)
  })
}

test('rules: scalars of every dtype reach the device as they are', async () => {
  await gives(scalar(255, 'u8'), 255)
  await gives(scalar(-3, 'i32'), -3)
  await gives(scalar(16777217, 'u32'), 16777217)
  await gives(scalar(4294967295, 'u32'), 4294967295)
  await gives(neg(abs(scalar(-0.5))), -0.5)
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
