// The stable order of keys against a sort on the host: keys that sorts get wrong, in the schedules of every machine.

import * as assert from 'uvu/assert'
import type { Device } from '../../engine/device.ts'
import { sortOrder } from '../../engine/ops/sort.ts'
import { constant } from '../../engine/ops/source.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import { readAll } from '../checks.ts'
import { deviceAs } from '../engine/schedules.ts'
import { test } from '../harness.ts'

const random = randomFrom(11)
const word = () => Math.floor(random() * 2 ** 32)

const kinds: Readonly<Record<string, (i: number, m: number) => number>> = {
  random: word,
  equal: () => 0x12345678,
  'all bits': () => 0xffffffff,
  few: () => word() & 3,
  ascending: (i) => i,
  descending: (i, m) => m - i,
  'one high bit': () => (word() & 1) * 2 ** 31,
  'two digits apart': () => (word() & 0xff0000ff) >>> 0,
}

const keysOf = (rows: number, m: number, kind: string): HostTensor => ({
  dtype: 'u32',
  shape: [rows, m],
  data: Uint32Array.from({ length: rows * m }, (_, i) => kinds[kind](i % m, m)),
})

function expected({ shape: [rows, m], data }: HostTensor, bits: number): number[] {
  const mod = 2 ** bits
  return Array.from({ length: rows }, (_, r) => {
    const row = Array.from(data.subarray(r * m, (r + 1) * m), (x) => x % mod)
    return Array.from(row.keys()).sort((a, b) => row[a] - row[b] || a - b)
  }).flat()
}

async function sorted(d: Device, keys: HostTensor, bits: number) {
  const program = d.compile((x) => sortOrder(x, { bits }))
  const [order] = await readAll([await program.run(keys)])
  program.dispose()
  return order
}

// Around the lengths at which the schedule changes.
const shapes = [
  [1, 1],
  [5, 2],
  [300, 3],
  [1, 127],
  [3, 128],
  [2, 129],
  [4, 255],
  [3, 1023],
  [1, 1025],
  [2, 4099],
]

for (const machine of ['own', 'gpu'] as const)
  test(`sort: rows of many sizes and keys of many kinds, as ${machine}`, async () => {
    const d = await deviceAs(machine)
    for (const [rows, m] of shapes)
      for (const kind of Object.keys(kinds)) {
        const keys = keysOf(rows, m, kind)
        for (const bits of [32, 5]) {
          const got = await sorted(d, keys, bits)
          assert.equal([...got], expected(keys, bits), `${rows} × ${m} ${kind}, ${bits} bits`)
        }
      }
  })

test('sort: any number of bits, the higher ones being ignored', async () => {
  const d = await deviceAs('own')
  const keys = keysOf(2, 700, 'random')
  for (let bits = 1; bits <= 32; bits++)
    assert.equal([...(await sorted(d, keys, bits))], expected(keys, bits), `${bits} bits`)
})

test('sort: ten million keys, twice the same', async () => {
  const d = await deviceAs('own')
  const keys = keysOf(1, 10_000_000, 'random')
  const order = await sorted(d, keys, 32)
  let wrong = 0
  for (let i = 1; i < order.length; i++) {
    const [a, b] = [keys.data[order[i - 1]], keys.data[order[i]]]
    if (a > b || (a === b && order[i - 1] >= order[i])) wrong++
  }
  assert.is(wrong, 0)
  const seen = new Uint8Array(order.length)
  for (const i of order) seen[i] = 1
  assert.is(seen.indexOf(0), -1)
  assert.equal(Buffer.compare(bytes(await sorted(d, keys, 32)), bytes(order)), 0)
})

const bytes = (x: ArrayBufferView) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)

test('sort: keys that are none are refused', () => {
  assert.throws(
    () => sortOrder(constant(new Uint32Array(3))),
    /keys must be u32 \[rows, m\]; got u32\[3\]/,
  )
  const keys = constant(new Uint32Array(3), [1, 3])
  assert.throws(() => sortOrder(keys, { bits: 33 }), /keys have 1 to 32 bits, not 33/)
})
