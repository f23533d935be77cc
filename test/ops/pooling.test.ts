// Pooling beyond what the samples of its ops show: every geometry, ties, NaN, positions, and the way back.

import * as assert from 'uvu/assert'
import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  cast,
  constant,
  globalAvgPool2d,
  grad,
  type HostArray,
  maxPool2d,
  maxPool2dWithIndices,
  maxUnpool2d,
  mul,
  type PoolOptions,
  ShapeError,
  square,
  sum,
  type Tensor,
} from '../../engine/index.ts'
import { interpret, randomFrom } from '../../engine/reference/index.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { skip, test } from '../harness.ts'

const { NaN: nan, NEGATIVE_INFINITY: low } = Number

/** The device and the interpreter both give exactly this. */
async function gives(t: Tensor, ...expected: number[]): Promise<void> {
  assert.equal(Array.from(interpret([t])[0]), expected, 'interpreter')
  assert.equal(Array.from(await (await testDevice()).read(t)), expected, 'device')
}

const geometries: PoolOptions[] = [
  { kernel: 1 },
  { kernel: 2 },
  { kernel: 2, ceil: true },
  { kernel: 3, stride: 2, ceil: true },
  { kernel: 3, stride: 2, padding: 1 },
  { kernel: 3, stride: 1, padding: 1 },
  { kernel: 3, stride: 2, padding: 1, ceil: true },
  { kernel: 3, stride: 1, padding: 2, dilation: 2 },
  { kernel: [1, 5], stride: [3, 1], padding: [0, 2] },
  { kernel: [3, 2], stride: [2, 3], padding: [1, 0, 0, 1], ceil: true },
  { kernel: [4, 3], stride: [5, 1], padding: [2, 1, 1, 0], dilation: [1, 2], ceil: true },
  { kernel: [17, 16], stride: 2, padding: [8, 7] },
]
const maps = [
  [1, 5, 7, 3],
  [2, 6, 9, 4],
  [1, 13, 8, 1],
]

/** Every pooling that fits x, its gradient, and that one's. */
const everyPool = (x: Tensor): Tensor[] =>
  geometries.flatMap((options) => {
    const { dilation: _, ...plain } = options
    const pools: (() => Tensor)[] = [
      () => maxPool2d(x, options),
      () => avgPool2d(x, plain),
      () => avgPool2d(x, { ...plain, countPadding: false }),
    ]
    return pools.flatMap((pool) => {
      const y = fits(pool)
      if (!y) return []
      const [dx] = grad(sum(square(y)), [x])
      return [y, dx, ...grad(sum(mul(square(dx), 0.5)), [x])]
    })
  })

for (const shape of maps)
  test(`pooling of [${shape}]: every geometry, its gradient and that one's`, () =>
    agree(everyPool, drawn([f32(...shape)], 3)))

test('pooling of maps that are larger than a binding', () =>
  withDevice({ bindingBytes: 2048, alignment: 256 }, async (device) => {
    await agree(everyPool, drawn([f32(1, 37, 6, 4)], 4), { device })
    await agree(
      (x) => {
        const options = { kernel: 3, stride: 2, padding: 1 }
        const { y, index } = maxPool2dWithIndices(x, options)
        return [y, index, ...grad(sum(square(adaptiveAvgPool2d(x, [3, 2]))), [x])]
      },
      drawn([f32(3, 7, 5, 6)], 5),
      { device },
    )
    for (const channels of [3, 4])
      await agree(
        (x) => [
          maxPool2dWithIndices(x, { kernel: [2, 1], stride: [3, 1] }).index,
          maxPool2dWithIndices(x, { kernel: 3, stride: 2, padding: 1 }).index,
        ],
        drawn([f32(1, 100, 7, channels)], 6),
        { device },
      )
  }))

function fits(build: () => Tensor): Tensor | undefined {
  try {
    return build()
  } catch (error) {
    if (error instanceof ShapeError) return undefined
    throw error
  }
}

test('max pooling: the first of equals, in the order of the window', async () => {
  const x = constant(new Float32Array(9).fill(2), [1, 3, 3, 1])
  const { y, index } = maxPool2dWithIndices(x, { kernel: 3, stride: 1, padding: 1 })
  assert.is(index.dtype, 'i32')
  await gives(y, ...new Array<number>(9).fill(2))
  await gives(index, 0, 0, 1, 0, 0, 1, 3, 3, 4)
})

test('max pooling: NaN wins, and −∞ is a value like any other', async () => {
  const x = constant(Float32Array.of(1, nan, 3, 4, low, low, low, low), [1, 2, 4, 1])
  const { y, index } = maxPool2dWithIndices(x, { kernel: [1, 2] })
  await gives(y, nan, 4, low, low)
  await gives(index, 1, 3, 4, 6)
  const all = constant(new Float32Array(2 * 2 * 4).fill(nan), [1, 2, 2, 4])
  await gives(maxPool2dWithIndices(all, { kernel: 2 }).index, 0, 0, 0, 0)
})

test('max pooling: values stand where the indices say, also of a window of 289 cells', () =>
  agree(
    (x) => {
      const big = maxPool2dWithIndices(x, { kernel: 17, stride: 1 })
      const small = maxPool2dWithIndices(x, { kernel: 3, stride: 2, padding: 1 })
      return [big.y, big.index, small.y, small.index, ...grad(sum(square(big.y)), [x])]
    },
    drawn([f32(2, 18, 19, 3)]),
  ))

const kinds: ((count: number) => HostArray)[] = [
  (count) => new Uint8Array(count),
  (count) => new Int32Array(count),
  (count) => new Uint32Array(count),
]
for (const make of kinds)
  for (const c of [3, 4])
    test(`max pooling and unpooling of ${make(1).constructor.name} with ${c} channels`, async () => {
      const random = randomFrom(c)
      const x = constant(
        make(5 * 7 * c).map(() => random() * 2 ** 32),
        [1, 5, 7, c],
      )
      const { y, index } = maxPool2dWithIndices(x, { kernel: 3, stride: 2, padding: 1 })
      assert.is(y.dtype, x.dtype)
      const back = maxUnpool2d(y, index, [5, 7])
      for (const t of [y, index, back]) await gives(t, ...interpret([t])[0])
    })

test('pooling of f16: exact for maxima, one rounding for means', async () => {
  const d = await testDevice()
  if (!d.caps.f16) skip('the adapter has no shader-f16')
  for (const c of [3, 8]) {
    const random = randomFrom(c)
    const data = Uint16Array.from({ length: 5 * 6 * c }, () => 0x3c00 + Math.floor(random() * 1024))
    const x = constant(data, [1, 5, 6, c])
    const { y, index } = maxPool2dWithIndices(x, { kernel: 3, stride: 2, padding: 1 })
    const [dx] = grad(sum(cast(y, 'f32')), [x])
    for (const t of [cast(y, 'f32'), cast(maxUnpool2d(y, index, [5, 6]), 'f32'), cast(dx, 'f32')])
      await gives(t, ...interpret([t])[0])
    for (const t of [
      avgPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
      adaptiveAvgPool2d(x, [2, 4]),
      ...grad(sum(cast(avgPool2d(x, { kernel: 2 }), 'f32')), [x]),
      ...grad(sum(cast(adaptiveAvgPool2d(x, [2, 4]), 'f32')), [x]),
    ]) {
      assert.is(t.dtype, 'f16')
      const wide = cast(t, 'f32')
      const want = interpret([wide])[0]
      const got = await d.read(wide)
      assert.ok(got.every((v, i) => Math.abs(v - want[i]) <= 2 ** -11 * 2))
    }
  }
})

test('unpooling: the last of equal positions stays, those outside are dropped', async () => {
  const x = constant([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])
  const at = constant(Int32Array.of(3, 0, 3, -1, 4, 0), [1, 2, 3, 1])
  await gives(maxUnpool2d(x, at, [2, 2]), 6, 0, 0, 3)
  // What was overwritten or dropped has no gradient.
  await gives(grad(sum(maxUnpool2d(x, at, [2, 2])), [x])[0], 0, 0, 1, 0, 0, 1)
})

test('unpooling undoes a pooling without overlap', async () => {
  const x = constant([1, 4, 2, 3, 8, 5, 6, 7], [1, 2, 4, 1])
  const { y, index } = maxPool2dWithIndices(x, { kernel: 2 })
  await gives(maxUnpool2d(y, index, [2, 4]), 0, 0, 0, 0, 8, 0, 0, 7)
})

test('unpooling: the same bits on every run, whoever comes first', async () => {
  const d = await testDevice()
  const random = randomFrom(9)
  const n = 64 * 64 * 5
  const x = constant(
    Float32Array.from({ length: n }, (_, i) => i + 1),
    [1, 64, 64, 5],
  )
  const at = constant(
    Int32Array.from({ length: n }, () => Math.floor(random() * 50)),
    [1, 64, 64, 5],
  )
  const y = maxUnpool2d(x, at, [7, 7])
  const want = Array.from(interpret([y])[0])
  for (let run = 0; run < 3; run++) assert.equal(Array.from(await d.read(y)), want)
})

test('mean pooling: of a constant, and what rounding up cuts', async () => {
  const ones = constant(new Float32Array(9).fill(1), [1, 3, 3, 1])
  await gives(
    avgPool2d(ones, { kernel: 2, padding: 1, countPadding: false }),
    ...new Array<number>(4).fill(1),
  )
  await gives(avgPool2d(ones, { kernel: 2, padding: 1 }), 0.25, 0.5, 0.5, 1)
  await gives(avgPool2d(ones, { kernel: 2, ceil: true }), 1, 1, 1, 1)
  const row = constant([1, 2, 3], [1, 1, 3, 1])
  const options = { kernel: [1, 3], stride: 2, padding: [0, 1], ceil: true } as const
  await gives(mul(avgPool2d(row, options), 6), 6, 10)
})

test('adaptive pooling: to one is the mean, to the same size nothing, to more repeats', async () => {
  const x = constant([1, 2, 3, 4, 5, 6], [1, 2, 3, 1])
  assert.is(adaptiveAvgPool2d(x, [2, 3]), x)
  await gives(adaptiveAvgPool2d(x, [1, 1]), 3.5)
  await gives(adaptiveAvgPool2d(x, [2, 2]), 1.5, 2.5, 4.5, 5.5)
  await gives(adaptiveAvgPool2d(x, [4, 3]), 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6)
})

test('global pooling is the mean of each channel, with its gradient', () =>
  agree(
    (x) => {
      const y = globalAvgPool2d(x)
      assert.equal(y.shape, [2, 1, 1, 5])
      return [y, ...grad(sum(square(add(y, adaptiveAvgPool2d(x, [1, 1])))), [x])]
    },
    drawn([f32(2, 7, 11, 5)]),
  ))
