// Taking and adding by number: numbers that are no place, every dtype, sizes that differ, and a million sources. (The
// golden cases are run by golden-ops.test.ts.)

import * as assert from 'uvu/assert'
import { type DType, hostArray, type TensorType } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import {
  cast,
  constant,
  gather,
  indexSelect,
  mul,
  oneHot,
  scatterAdd,
  sum,
} from '../../engine/index.ts'
import { interpret } from '../../engine/reference/index.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { close, readAll, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const shuffled = (i: number, n: number) => (Math.imul(i, 2654435761) >>> 3) % n

function host(dtype: DType, shape: number[], value: (i: number) => number): HostTensor {
  const data = hostArray(
    dtype,
    shape.reduce((a, b) => a * b, 1),
  )
  for (let i = 0; i < data.length; i++) data[i] = value(i)
  return { dtype, shape, data }
}

/** Runs a function of lazy tensors on constants and compares with the interpreter, to the bit for integers. */
async function same(what: string, y: Tensor, most = 0) {
  const device = await testDevice()
  const got = await device.read(y)
  close(y.dtype === 'f16' ? Float32Array.from(got) : got, interpret([y])[0], most, what)
}

test('gather and its kin: numbers outside, the negative ones too, give 0 and go nowhere, in every dtype', async () => {
  const d = await testDevice()
  const indices = {
    i32: [-1, 0, 2, 3, -(2 ** 31)],
    u32: [0, 1, 2, 3, 2 ** 32 - 1],
    u8: [0, 255, 2, 1, 3],
  }
  for (const dtype of ['f32', 'i32', 'u32', 'u8', 'f16'] as const) {
    if (dtype === 'f16' && !d.caps.f16) continue
    for (const inner of [1, 3, 4, 8]) {
      const of = (shape: number[], from = 1) => {
        const t = constant(
          host(dtype === 'f16' ? 'f32' : dtype, shape, (i) => i + from).data,
          shape,
        )
        return dtype === 'f16' ? cast(t, 'f16') : t
      }
      const wide = (y: Tensor) => (dtype === 'f16' ? cast(y, 'f32') : y)
      for (const [of_, numbers] of Object.entries(indices)) {
        const at = (i: number) => numbers[i % 5]
        const vector = constant(host(of_ as DType, [5], at).data, [5])
        const own = host(of_ as DType, [2, 5, inner], (i) => at(shuffled(i, 5)))
        const index = constant(own.data, own.shape)
        const what = `${dtype} by ${of_}, inner ${inner}`
        await same(what, wide(gather(of([2, 3, inner]), index, 1)))
        await same(what, wide(indexSelect(of([2, 3, inner]), vector, 1)))
        await same(what, wide(scatterAdd(of([2, 3, inner], 250), index, of([2, 5, inner]), 1)))
        await same(what, wide(oneHot(vector, inner, { dtype })))
      }
    }
  }
})

test('gather: an index smaller than x on other axes meets its first elements', async () => {
  const x = constant(
    Float32Array.from({ length: 24 }, (_, i) => i),
    [4, 3, 2],
  )
  const index = constant(Int32Array.of(2, 0, 1, 1), [2, 2, 1])
  assert.equal([...(await (await testDevice()).read(gather(x, index, 1)))], [4, 0, 8, 8])
  await same(
    'gradient',
    grad(gather(x, index, 1), [x], constant(Float32Array.of(1, 2, 3, 4), [2, 2, 1]))[0],
  )
})

test('scatterAdd: an index smaller than the base and than the sources leaves the rest alone', async () => {
  const base = constant(new Float32Array(12), [3, 4])
  const src = constant(Float32Array.of(1, 2, 4, 8, 16, 32), [2, 3])
  const y = (index: Tensor) => scatterAdd(base, index, src, 0)
  const device = await testDevice()
  // The first two columns of both rows of src, onto rows 2, 2 and 0, 2 of the base.
  const small = constant(Uint8Array.of(2, 0, 2, 2), [2, 2])
  assert.equal([...(await device.read(y(small)))], [0, 2, 0, 0, 0, 0, 0, 0, 9, 16, 0, 0])
  await same(
    'to the base',
    grad(y(small), [base], constant(new Float32Array(12).fill(3), [3, 4]))[0],
  )
  await same('to src', grad(y(small), [src], constant(new Float32Array(12).fill(3), [3, 4]))[0])
})

test('scatterAdd: rows are summed in one order, whether few or sorted, and equal runs give equal bits', async () => {
  const device = await testDevice()
  const program = device.compile((base: Tensor, index: Tensor, src: Tensor) => {
    const y = scatterAdd(base, index, src, 1)
    return [y, ...grad(y, [base, src], y)]
  })
  for (const [outer, n, m, inner] of [
    [2, 5, 40, 3],
    [1, 1000, 5000, 1],
    [3, 7, 3000, 8],
    [1, 2, 20000, 1],
    [2, 1, 5000, 4],
  ]) {
    const base = host('f32', [outer, n, inner], (i) => Math.sin(i))
    const src = host('f32', [outer, m, inner], (i) => Math.sin(3 * i))
    const index = host(
      'i32',
      src.shape as number[],
      (i) => shuffled(i, n + 1) - (i % 7 === 0 ? 1 : 0),
    )
    const runs = []
    for (const _ of [1, 2]) runs.push(await readAll(await program.run(base, index, src)))
    assert.equal(runs[0], runs[1])
    const [y, dBase, dSrc] = runs[0]
    const want = Float64Array.from(base.data)
    const size = Float64Array.from(base.data, Math.abs)
    src.data.forEach((v, e) => {
      const j = index.data[e]
      if (j < 0 || j >= n) return
      const to = (Math.floor(e / (m * inner)) * n + j) * inner + (e % inner)
      want[to] += v
      size[to] += Math.abs(v)
    })
    // Every sum is exact to a few roundings of what was added.
    for (let i = 0; i < want.length; i++)
      assert.ok(
        Math.abs(y[i] - want[i]) <= 1e-6 * size[i] + 1e-7,
        `${outer}×${n}×${m}×${inner} at ${i}`,
      )
    assert.equal(dBase, y)
    for (let e = 0; e < src.data.length; e++) {
      const j = index.data[e]
      const to = (Math.floor(e / (m * inner)) * n + j) * inner + (e % inner)
      assert.is(dSrc[e], j < 0 || j >= n ? 0 : y[to])
    }
  }
  program.dispose()
})

test('indexSelect: a million rows to one, to few and to many', async () => {
  const device = await testDevice()
  const program = device.compile((x: Tensor, index: Tensor, gy: Tensor) => {
    const y = indexSelect(x, index, 0)
    return [y, ...grad(y, [x], gy)]
  })
  const m = 1_000_000
  const gy = host('f32', [m, 1], (i) => 1 + (i % 5))
  for (const n of [1, 10, 300_000]) {
    const x = host('f32', [n, 1], (i) => i)
    const index = host('u32', [m], (i) => shuffled(i, n))
    const [y, dx] = await readAll(await program.run(x, index, gy))
    const want = new Float64Array(n)
    index.data.forEach((j, i) => {
      want[j] += gy.data[i]
    })
    assert.ok(y.every((v, i) => v === index.data[i]))
    // Sums of whole numbers below 2²⁴ are exact.
    close(dx, want, 0, `${n} rows`)
  }
  program.dispose()
})

test('gather and its kin: tensors larger than one binding', () =>
  withDevice({ bindingBytes: 1024, alignment: 256 }, async (device) => {
    const whole = (shape: number[]): TensorType => ({ dtype: 'i32', shape })
    const args = drawn([f32(7, 5, 40), whole([7, 3, 40]), whole([4]), f32(7, 6, 40)])
    await agree(
      (x, own, vector, base) => {
        const [y, z] = [gather(x, own, 1), indexSelect(x, vector, 1)]
        return [
          y,
          z,
          ...grad(sum(mul(y, y)), [x]),
          ...grad(sum(mul(z, z)), [x]),
          scatterAdd(base, own, y, 1),
          oneHot(own, 5),
        ]
      },
      args,
      { device },
    )
    // More sources, and more rows taken, than can be bound at once.
    await agree(
      (x, own, vector) => [
        ...[gather(x, own, 0), indexSelect(x, vector, 0)].flatMap((y) => [
          y,
          ...grad(sum(mul(y, y)), [x]),
        ]),
      ],
      drawn([f32(5, 7), whole([400, 7]), whole([500])]),
      { device },
    )
  }))

test('gather and its kin: nothing taken is nothing, nothing to take from is 0, and nothing added changes nothing', async () => {
  const device = await testDevice()
  const read = async (t: Tensor) => [t.shape, [...(await device.read(t))]]
  const ones = (...shape: number[]) =>
    constant(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape)
  const zeros = (...shape: number[]) => cast(mul(ones(...shape), 0), 'i32')
  assert.equal(await read(gather(ones(3, 4), zeros(0, 4), 0)), [[0, 4], []])
  assert.equal(await read(gather(ones(0, 2), zeros(2, 2), 0)), [
    [2, 2],
    [0, 0, 0, 0],
  ])
  assert.equal(await read(indexSelect(ones(3, 4), zeros(0), 0)), [[0, 4], []])
  assert.equal(await read(indexSelect(ones(2, 0), zeros(3), 1)), [
    [2, 3],
    [0, 0, 0, 0, 0, 0],
  ])
  assert.equal(await read(scatterAdd(ones(2), zeros(0), ones(0), 0)), [[2], [1, 1]])
  assert.equal(await read(scatterAdd(ones(2, 1), zeros(2, 0), ones(2, 4), 0)), [
    [2, 1],
    [1, 1],
  ])
  assert.equal(await read(scatterAdd(ones(0), zeros(5000), ones(5000), 0)), [[0], []])
  assert.equal(await read(oneHot(zeros(0), 3)), [[0, 3], []])
})
