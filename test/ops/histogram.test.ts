// Counting by value: against the same arithmetic on the host, on edges and on what is outside.

import * as assert from 'uvu/assert'
import { histogram } from '../../engine/node.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import { readAll } from '../checks.ts'
import { deviceAs, type Machine } from '../engine/schedules.ts'
import { test } from '../harness.ts'

const random = randomFrom(8)
const vector = (data: Float32Array): HostTensor => ({ dtype: 'f32', shape: [data.length], data })

async function counts(
  x: Float32Array,
  bins: number,
  min: number,
  max: number,
  on: Machine = 'own',
) {
  const d = await deviceAs(on)
  const program = d.compile((x) => histogram(x, bins, { min, max }))
  const [got] = await readAll([await program.run(vector(x))])
  program.dispose()
  return [...got]
}

function expected(x: Float32Array, bins: number, min: number, max: number): number[] {
  const [low, high] = [Math.fround(min), Math.fround(max)]
  const scale = Math.fround(bins / (high - low))
  const y = new Array<number>(bins).fill(0)
  for (const v of x)
    if (v >= low && v <= high)
      y[Math.min(bins - 1, Math.floor(Math.fround(Math.fround(v - low) * scale)))]++
  return y
}

test('histogram: the ends belong to it, NaN and what is outside do not', async () => {
  const x = Float32Array.of(
    0,
    -0,
    1,
    0.25,
    0.5,
    0.75,
    -1e-45,
    1e-45,
    1.0000001,
    NaN,
    -NaN,
    Infinity,
    -Infinity,
    -1,
  )
  assert.equal(await counts(x, 4, 0, 1), [3, 1, 1, 2])
  assert.equal(await counts(x, 1, 0, 1), [7])
  assert.equal(await counts(Float32Array.of(NaN, 2), 3, 0, 1), [0, 0, 0])
})

test('histogram: edges of bins and their neighbours', async () => {
  for (const [bins, min, max] of [
    [10, 0, 1],
    [7, -1, 1],
    [1000, -0.3, 0.7],
    [3, 1e30, 3e30],
    [5, -1e-30, 1e-30],
    [65536, -1, 1],
  ]) {
    const x = new Float32Array(3 * (bins + 1))
    const words = new Int32Array(x.buffer)
    for (let b = 0; b <= bins; b++) {
      x.fill(min + ((max - min) * b) / bins, 3 * b, 3 * b + 3)
      words[3 * b]--
      words[3 * b + 2]++
    }
    for (const machine of ['own', 'gpu'] as const)
      assert.equal(await counts(x, bins, min, max, machine), expected(x, bins, min, max))
  }
})

test('histogram: many elements, in few bins and in many', async () => {
  const x = Float32Array.from({ length: 300_007 }, () => random() * 2.2 - 1.1)
  for (const bins of [1, 2, 255, 1024, 1025, 65536])
    assert.equal(await counts(x, bins, -1, 1), expected(x, bins, -1, 1), `${bins} bins`)
  assert.equal(await counts(x.fill(0.5), 4, 0, 1), [0, 0, 300_007, 0])
})
