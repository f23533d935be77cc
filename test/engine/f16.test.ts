// f16 in memory: exact where it is only moved or widened, one rounding to 11 bits where it is stored. Skipped where the
// adapter has no shader-f16.

import * as assert from 'uvu/assert'
import {
  add,
  cast,
  concat,
  constant,
  greater,
  isFinite,
  isNaN,
  maximum,
  mul,
  permute,
  relu,
  sub,
  type Tensor,
  tanh,
} from '../../engine/index.ts'
import { interpret, randomFrom, sizeOfValues } from '../../engine/reference/index.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { skip, test } from '../harness.ts'

/** f16 numbers with magnitudes from 2⁻³ to 2. */
function halves(seed: number, ...shape: number[]): Tensor {
  const random = randomFrom(seed)
  const count = shape.reduce((a, b) => a * b, 1)
  const bits = Uint16Array.from({ length: count }, () => {
    const sign = random() < 0.5 ? 0x8000 : 0
    return sign | ((12 + Math.floor(4 * random())) << 10) | Math.floor(1024 * random())
  })
  return constant(bits, shape)
}

async function agrees(y: Tensor, roundings: number): Promise<void> {
  const d = await testDevice()
  if (!d.caps.f16) skip('the adapter has no shader-f16')
  const wide = cast(y, 'f32')
  const expected = interpret([wide])[0]
  const most = roundings * 2 ** -11 * sizeOfValues(expected)
  close(await d.read(wide), expected, most, y.node.op.name)
  if (y.dtype !== 'f16') return
  // And stored: read back as bits.
  const bits = await d.read(y)
  assert.instance(bits, Uint16Array)
  close(
    interpret([constant(bits, y.shape)])[0],
    expected,
    (roundings + 1) * 2 ** -11 * sizeOfValues(expected),
    'stored',
  )
}

test('f16: widening and moving are exact', async () => {
  await agrees(halves(1, 3, 5), 0)
  await agrees(permute(halves(2, 3, 5), [1, 0]), 0)
  await agrees(permute(halves(2, 2, 3, 8), [1, 0, 2]), 0)
  await agrees(concat([halves(3, 2, 3), halves(4, 2, 5)], 1), 0)
  await agrees(concat([halves(3, 2, 4), halves(4, 2, 8)], 1), 0)
})

test('f16: arithmetic in every way of broadcasting', async () => {
  await agrees(add(halves(1, 3, 5), halves(2, 3, 5)), 1)
  await agrees(mul(halves(1, 3, 8), halves(2, 8)), 1)
  await agrees(sub(halves(1, 3, 8), halves(2, 3, 1)), 1)
  await agrees(maximum(halves(1, 3, 7), halves(2, 1, 7)), 0)
  await agrees(mul(halves(1, 3, 1, 5), halves(2, 2, 1)), 1)
  await agrees(tanh(add(mul(halves(1, 4, 4), 0.5), halves(2, 4))), 3)
  await agrees(relu(halves(1, 9)), 0)
})

test('f16: comparisons and tests', async () => {
  await agrees(greater(halves(1, 3, 5), halves(2, 3, 5)), 0)
  const special = constant(Uint16Array.of(0x7e00, 0x7c00, 0xfc00, 0, 0x8000, 0x7bff, 1, 0x3c00))
  await agrees(isNaN(special), 0)
  await agrees(isFinite(special), 0)
})
