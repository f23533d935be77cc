// Selections against a sort on the host, on what makes selections wrong: many equal values, zeros of both signs, NaN,
// infinities, subnormal numbers, void elements, and k at the ends; in the schedules of every machine.

import * as assert from 'uvu/assert'
import type { Device } from '../../engine/device.ts'
import {
  constant,
  grad,
  histogram,
  kthLargest,
  mul,
  selectLargest,
  square,
  sum,
  type Tensor,
  topK,
} from '../../engine/node.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import { readAll, withDevice } from '../checks.ts'
import { deviceAs } from '../engine/schedules.ts'
import { test } from '../harness.ts'

const random = randomFrom(5)
const below = (n: number) => Math.floor(random() * n)
const specials = [NaN, Infinity, -Infinity, 0, -0, 1e-45, -1e-45, 3e38, -3e38, 1e-38, 1, -1]

const kinds: Readonly<Record<string, () => number>> = {
  equal: () => 1.5,
  'all NaN': () => NaN,
  zeros: () => (below(2) ? 0 : -0),
  special: () => specials[below(specials.length)],
  few: () => below(3) - 1,
  negative: () => -random(),
  subnormal: () => (below(2000) - 1000) * 2 ** -149,
  'last digit': () => 1 + below(5) * 2 ** -23,
  random: () => random() * 2 - 1,
  // −log p of a network that is sure: p rounds to 1, and −log 1 is −0.
  saturated: () => (below(4) ? -0 : below(8) ? below(3) * 2 ** -24 : -Math.log(random() + 1e-7)),
}

const f32 = (rows: number, data: Float32Array): HostTensor => ({
  dtype: 'f32',
  shape: [rows, data.length / rows],
  data,
})

/** NaN first, then from the largest, then from the lowest index. */
function ranking(row: ArrayLike<number>): number[] {
  const rank = (v: number) => (Number.isNaN(v) ? 1 : 0)
  return Array.from(row, (_, i) => i).sort((i, j) => {
    const [u, v] = [row[i], row[j]]
    if (rank(u) || rank(v)) return rank(v) - rank(u) || i - j
    return u > v ? -1 : u < v ? 1 : i - j
  })
}

const rowsOf = <T>(rows: number, x: HostTensor, f: (row: Float32Array, r: number) => T): T[] => {
  const m = x.data.length / rows
  return Array.from({ length: rows }, (_, r) =>
    f((x.data as Float32Array).subarray(r * m, (r + 1) * m), r),
  )
}

async function run(d: Device, f: (...x: Tensor[]) => readonly Tensor[], ...args: HostTensor[]) {
  const program = d.compile(f)
  const results = await readAll(await program.run(...args))
  program.dispose()
  return results
}

/** Equal bits, but any NaN for any other. */
function same(got: ArrayLike<number>, expected: ArrayLike<number>, what: string) {
  assert.is(got.length, expected.length, what)
  for (let i = 0; i < got.length; i++)
    if (!Object.is(got[i], expected[i]))
      assert.unreachable(`${what}: element ${i} is ${got[i]} and should be ${expected[i]}`)
}

// Around the lengths at which the schedule changes, and rows that do not fill whole vec4s.
const shapes = [
  [1, 1],
  [3, 5],
  [9, 1],
  [70, 6],
  [2, 128],
  [300, 120],
  [3, 129],
  [1, 300],
  [3, 1021],
  [2, 1024],
  [2, 1027],
  [1, 9001],
]
const ranksOf = (m: number) =>
  [...new Set([1, 2, Math.ceil(m / 3), m - 1, m])].filter((k) => k >= 1 && k <= m)

for (const machine of ['own', 'gpu'] as const) {
  test(`topK and kthLargest are the first of a sort, as ${machine}`, async () => {
    const d = await deviceAs(machine)
    for (const [rows, m] of shapes)
      for (const [name, value] of Object.entries(kinds)) {
        const x = f32(rows, Float32Array.from({ length: rows * m }, value))
        const ks = ranksOf(m)
        const orders = rowsOf(rows, x, ranking)
        const got = await run(
          d,
          (x) => ks.flatMap((k) => [...Object.values(topK(x, k)), kthLargest(x, k)]),
          x,
        )
        for (const k of ks) {
          const what = `${name}, ${rows} × ${m}, k ${k}`
          const indices = orders.flatMap((order) => order.slice(0, k))
          const values = indices.map((j, i) => x.data[Math.floor(i / k) * m + j])
          same(got.shift()!, values, `values of ${what}`)
          same(got.shift()!, indices, `indices of ${what}`)
          same(
            got.shift()!,
            values.filter((_, i) => i % k === k - 1),
            `rank of ${what}`,
          )
        }
      }
  })

  test(`selectLargest marks the first valid ones of a sort, as ${machine}`, async () => {
    const d = await deviceAs(machine)
    for (const [rows, m] of shapes)
      for (const [name, value] of Object.entries(kinds)) {
        const x = f32(rows, Float32Array.from({ length: rows * m }, value))
        await checkMasks(d, name, x, randomMask(x))
      }
  })
}

const randomMask = (x: HostTensor): HostTensor => ({
  dtype: 'u8',
  shape: x.shape,
  data: Uint8Array.from(x.data, () => (below(4) ? 1 + below(255) : 0)),
})

async function checkMasks(
  d: Device,
  name: string,
  x: HostTensor,
  valid: HostTensor,
  most?: number,
) {
  const [rows, m] = x.shape
  const orders = rowsOf(rows, x, (row, r) => ranking(row).filter((j) => valid.data[r * m + j]))
  const count = orders[0].length
  const ks = [...new Set([0, 1, Math.floor(count / 2), count, count + 1, m, 2 ** 31])]
  const wanted = most ? ks.filter((k) => k <= most) : ks
  const got = await run(
    d,
    (x, valid) => wanted.flatMap((k) => Object.values(selectLargest(x, valid, k))),
    x,
    valid,
  )
  for (const k of wanted) {
    const what = `${name}, ${rows} × ${m}, k ${k}`
    const mask = new Uint8Array(rows * m)
    orders.forEach((order, r) => {
      for (const j of order.slice(0, k)) mask[r * m + j] = 1
    })
    same(got.shift()!, mask, `mask of ${what}`)
    same(
      got.shift()!,
      orders.map((order) => Math.min(k, order.length)),
      `kept of ${what}`,
    )
  }
}

test('selectLargest: all rows of four from NaN, −0, 0 and −2, with every mask', async () => {
  const d = await deviceAs('own')
  const values = [NaN, -0, 0, -2]
  const x = f32(
    256,
    Float32Array.from({ length: 1024 }, (_, e) => values[((e >> 2) >> (2 * (e & 3))) & 3]),
  )
  for (let bits = 0; bits < 16; bits++) {
    const data = Uint8Array.from(x.data, (_, e) => (bits >> (e & 3)) & 1)
    await checkMasks(d, `mask ${bits}`, x, { dtype: 'u8', shape: x.shape, data })
  }
})

test('selectLargest: ties over many runs and blocks', async () => {
  for (const machine of ['own', 'gpu'] as const) {
    const d = await deviceAs(machine)
    for (const [rows, m] of [
      [1, 40001],
      [3, 30003],
    ]) {
      const few = f32(
        rows,
        Float32Array.from({ length: rows * m }, () => below(3)),
      )
      await checkMasks(d, 'few', few, randomMask(few))
      const equal = f32(rows, new Float32Array(rows * m).fill(-3))
      await checkMasks(d, 'equal', equal, randomMask(equal))
    }
  }
})

test('selections: nothing valid keeps nothing', async () => {
  const d = await deviceAs('own')
  const x = f32(2, Float32Array.from({ length: 14 }, kinds.special))
  await checkMasks(d, 'void', x, { dtype: 'u8', shape: x.shape, data: new Uint8Array(14) })
})

test('selections: the k-th of ten million, and thousands of the largest, twice the same', async () => {
  const d = await deviceAs('own')
  const n = 10_000_000
  const x = f32(1, Float32Array.from({ length: n }, kinds.saturated))
  const k = 100_000
  const select = (x: Tensor) => [...Object.values(topK(x, k)), kthLargest(x, k)]
  const [values, indices, kth] = await run(d, select, x)
  const sorted = (x.data as Float32Array).slice().sort().reverse()
  assert.is(kth[0], sorted[k - 1])
  let wrong = 0
  for (let i = 0; i < k; i++) {
    if (values[i] !== sorted[i] || !Object.is(values[i], x.data[indices[i]])) wrong++
    if (i && values[i] === values[i - 1] && indices[i] <= indices[i - 1]) wrong++
  }
  assert.is(wrong, 0)
  // Of those equal to the last, the ones with the lowest indices.
  const ties = [...indices].filter((i) => x.data[i] === kth[0])
  const first = []
  for (let i = 0; first.length < ties.length; i++) if (x.data[i] === kth[0]) first.push(i)
  assert.equal(ties, first)
  const again = await run(d, select, x)
  assert.equal([...again[1]], [...indices])
})

test('topK and kthLargest: the gradient goes to what was taken, ties to the lowest index', async () => {
  const d = await deviceAs('own')
  const x = f32(2, Float32Array.of(1, 3, 3, 3, 2, 0, 0, 5, -1, 0))
  const weights = constant([1, 10, 100])
  const [dx, dk] = await run(
    d,
    (x) => [
      ...grad(sum(mul(topK(x, 3).values, weights)), [x]),
      ...grad(sum(kthLargest(x, 2)), [x]),
    ],
    x,
  )
  assert.equal([...dx], [0, 1, 10, 100, 0, 10, 100, 1, 0, 0])
  assert.equal([...dk], [0, 0, 1, 0, 0, 1, 0, 0, 0, 0])
})

test('topK: gradients of long rows', async () => {
  const d = await deviceAs('own')
  const [rows, m, k] = [2, 1000, 400]
  const x = f32(rows, Float32Array.from({ length: rows * m }, kinds.few))
  const weights = Float32Array.from({ length: rows * k }, () => 1 + below(100))
  const [dx] = await run(
    d,
    (x) => grad(sum(mul(topK(x, k).values, constant(weights, [rows, k]))), [x]),
    x,
  )
  const expected = new Float32Array(rows * m)
  rowsOf(rows, x, ranking).forEach((order, r) => {
    order.slice(0, k).forEach((j, i) => {
      expected[r * m + j] = weights[r * k + i]
    })
  })
  same(dx, expected, 'dx')
})

test('selections and counts: the same where a tensor is worked on in parts', () =>
  withDevice({ bindingBytes: 4096 }, async (small) => {
    const x = f32(37, Float32Array.from({ length: 37 * 200 }, kinds.special))
    const all = (x: Tensor, valid: Tensor) => [
      ...Object.values(topK(x, 60)),
      kthLargest(x, 60),
      ...Object.values(selectLargest(x, valid, 60)),
      histogram(x, 50, { min: -1, max: 1 }),
      ...grad(sum(square(topK(x, 60).values)), [x]),
    ]
    const valid = randomMask(x)
    const expected = await run(await deviceAs('own'), all, x, valid)
    const got = await run(small, all, x, valid)
    got.forEach((y, i) => {
      same(y, expected[i], `output ${i}`)
    })
  }))
