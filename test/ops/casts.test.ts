// Casts between all pairs of dtypes, compared bit by bit: with the interpreter, and with what is written here.

import * as assert from 'uvu/assert'
import { cast, constant, type DType, type HostArray, mul, type Tensor } from '../../engine/index.ts'
import { interpret } from '../../engine/reference/index.ts'
import { testDevice } from '../device.ts'
import { skip, test } from '../harness.ts'

const { NaN: nan, POSITIVE_INFINITY: inf } = Number

const floats = [
  ...[0, -0, 0.5, -0.5, 1.5, -1.9999999, 254.5, 255, 256, 300, -1, 65503, 65519.996, 65520, -70000],
  ...[2049, 2051, 1.00048828125, 1.0014648, 6.1e-5, 5.96e-8, 2.98e-8, 2.99e-8, -8.9e-8, 1e-30],
  ...[16777217, 2147483520, 2147483648, -2147483648, -2147483904, 4294967040, 4294967296, 1e30],
  ...[-1e30, inf, -inf, nan],
]
const sources: Record<DType, HostArray> = {
  f32: Float32Array.from(floats),
  // 1, −2, 65504, ∞, −∞, NaN, the least subnormal number, the least normal one, 300, 0.1, −0
  f16: Uint16Array.of(
    ...[0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 1, 0x400, 0x5cb0, 0x2e66, 0x8000],
  ),
  i32: Int32Array.of(
    0,
    1,
    -1,
    255,
    256,
    -255,
    65519,
    65520,
    2049,
    2051,
    16777217,
    16777219,
    -(2 ** 31),
    2 ** 31 - 1,
    2 ** 31 - 65,
    -33554435,
  ),
  u32: Uint32Array.of(
    0,
    1,
    255,
    256,
    65519,
    65520,
    2051,
    16777217,
    16777219,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32 - 128,
    2 ** 32 - 129,
    2 ** 32 - 385,
  ),
  u8: Uint8Array.of(0, 1, 127, 128, 255),
}
const dtypes = Object.keys(sources) as DType[]

/** Numbers, with the sign of zeros. */
const shown = (xs: ArrayLike<number>) => Array.from(xs, (x) => (Object.is(x, -0) ? '-0' : `${x}`))
/** The numbers that a tensor's memory holds. */
const numbers = (data: HostArray): ArrayLike<number> =>
  data instanceof Uint16Array ? interpret([constant(data)])[0] : data
/** What memory holds of float64 numbers. */
const stored = (xs: Float64Array, dtype: DType) => (dtype === 'f32' ? Float32Array.from(xs) : xs)

async function read(t: Tensor): Promise<ArrayLike<number>> {
  return numbers(await (await testDevice()).read(t))
}

for (const from of dtypes)
  for (const to of dtypes.filter((d) => d !== from))
    test(`cast: ${from} to ${to}, the device as the interpreter`, async () => {
      if ([from, to].includes('f16') && !(await testDevice()).caps.f16)
        skip('the adapter has no shader-f16')
      const y = cast(constant(sources[from]), to)
      const expected = shown(stored(interpret([y])[0], to))
      assert.equal(shown(await read(y)), expected)
      // And in a kernel with other work around it.
      const inside = mul(cast(mul(constant(sources[from]), 1), to), 1)
      assert.equal(shown(await read(inside)), expected, 'inside a kernel')
    })

async function gives(y: Tensor, ...expected: number[]): Promise<void> {
  assert.equal(shown(interpret([y])[0]), shown(expected), 'interpreter')
  assert.equal(shown(await read(y)), shown(expected), 'device')
}

test('cast: floats are cut towards zero and saturate; NaN gives 0', async () => {
  const x = constant(Float32Array.of(1.9, -1.9, 255.9, 300, -1, 3e9, -3e9, 5e9, inf, -inf, nan))
  const most = 2 ** 31 - 1
  await gives(cast(x, 'i32'), 1, -1, 255, 300, -1, most, -most - 1, most, most, -most - 1, 0)
  const all = 2 ** 32 - 1
  await gives(cast(x, 'u32'), 1, 0, 255, 300, 0, 3e9, 0, all, all, 0, 0)
  await gives(cast(x, 'u8'), 1, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0)
})

test('cast: integers wrap, and round to the nearest float', async () => {
  const x = constant(Int32Array.of(-1, 256, 257, -256, 16777217, 16777219))
  await gives(cast(x, 'u8'), 255, 0, 1, 0, 1, 3)
  await gives(cast(x, 'u32'), 2 ** 32 - 1, 256, 257, 2 ** 32 - 256, 16777217, 16777219)
  await gives(cast(x, 'f32'), -1, 256, 257, -256, 16777216, 16777220)
  await gives(cast(constant(Uint32Array.of(2 ** 32 - 1, 2 ** 31)), 'i32'), -1, -(2 ** 31))
})

test('cast: f16 is rounded to nearest even, in registers too', async () => {
  if (!(await testDevice()).caps.f16) skip('the adapter has no shader-f16')
  const x = constant(
    Float32Array.of(2049, 2051, 65519.996, 65520, -70000, 2 ** -25, 3 * 2 ** -26, nan),
  )
  const expected = [2048, 2052, 65504, inf, -inf, 0, 2 ** -24, nan]
  await gives(cast(x, 'f16'), ...expected)
  await gives(cast(cast(x, 'f16'), 'f32'), ...expected)
})
