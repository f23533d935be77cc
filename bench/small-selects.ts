// selectLargest against a sort, on what makes selections wrong.

import { defaultCaps } from '../engine/explain.ts'
import { selectLargest } from '../shaders/select.ts'
import { type Runner, randomOf } from './small-runner.ts'

const random = randomOf(5)
const below = (n: number) => Math.floor(random() * n)

/** NaN first, then by value (−0 is 0), then by index. */
function chosen(x: Float32Array, valid: Uint8Array, k: number): number[] {
  const rank = (v: number) => (Number.isNaN(v) ? 2 : 1)
  const order = Array.from(x.keys()).filter((j) => valid[j] !== 0)
  order.sort((a, b) => {
    const [u, v] = [x[a], x[b]]
    if (rank(u) !== rank(v)) return rank(v) - rank(u)
    return u > v ? -1 : u < v ? 1 : a - b
  })
  return order.slice(0, k)
}

async function checkSelect(
  run: Runner,
  what: string,
  rows: number,
  x: Float32Array,
  valid: Uint8Array,
  ks: readonly number[],
) {
  const m = x.length / rows
  const ranges = Array.from({ length: rows }, (_, r) => [r * m, (r + 1) * m])
  const orders = ranges.map(([a, b]) => chosen(x.subarray(a, b), valid.subarray(a, b), m))
  for (const k of new Set(ks)) {
    const mask = new Uint8Array(x.length)
    orders.forEach((order, r) => {
      for (const j of order.slice(0, k)) mask[r * m + j] = 1
    })
    const kept = orders.map((order) => Math.min(k, order.length))
    await run.check(
      'selectLargest',
      `${what}, ${rows} × ${m}, k ${k}`,
      (access) => selectLargest({ rows, m, k, access, caps: defaultCaps }),
      [x, valid],
      [
        { elem: 'u8', values: mask },
        { elem: 'u32', values: kept },
      ],
    )
  }
}

const VALUES: Record<string, () => number> = {
  equal: () => 1.5,
  'all NaN': () => NaN,
  zeros: () => (below(2) ? 0 : -0),
  special: () => [NaN, Infinity, -Infinity, 0, -0, 1e-45, -1e-45, 3e38, -3e38, 1, -1][below(11)],
  few: () => below(3) - 1,
  negative: () => -random(),
  'one digit': () => 1 + below(5) * 2 ** -23,
  random: () => random() * 2 - 1,
  losses: () => -Math.log(random() + 1e-7),
}

async function checkSelections(run: Runner) {
  for (const [name, value] of Object.entries(VALUES))
    for (const [rows, m] of [
      [1, 1],
      [3, 5],
      [5, 3],
      [9, 1],
      [2, 8],
      [1, 300],
      [2, 1024],
      [3, 1021],
    ]) {
      const x = Float32Array.from({ length: rows * m }, value)
      const some = Uint8Array.from(x, () => (below(4) ? 1 + below(255) : 0))
      const count = some.subarray(0, m).reduce((n, v) => n + (v ? 1 : 0), 0)
      const ks = [0, 1, 2, Math.floor(count / 2), Math.max(0, count - 1), count, count + 1, 2 ** 31]
      await checkSelect(run, name, rows, x, some, ks)
      await checkSelect(run, `${name}, none valid`, rows, x, new Uint8Array(x.length), [0, 1])
    }
  // All values of 4 elements from 4 kinds, all masks of one row, all k: in rows of one dispatch each.
  const kinds = [NaN, -0, 0, -2]
  const every = Array.from({ length: 256 * 4 }, (_, e) => kinds[((e >> 2) >> (2 * (e & 3))) & 3])
  for (let bits = 0; bits < 16; bits++) {
    const valid = Uint8Array.from(every, (_, e) => (bits >> (e & 3)) & 1)
    await checkSelect(run, `mask ${bits}`, 256, Float32Array.from(every), valid, [1, 2, 3, 4])
  }
  // Ties over several blocks and chunks.
  for (const [rows, m] of [
    [1, 40001],
    [3, 150007],
    [2, 40004],
  ]) {
    const all = new Uint8Array(rows * m).fill(1)
    const ks = [1, 255, 8001, 8002, 20000, m - 1, m]
    await checkSelect(run, 'equal', rows, new Float32Array(rows * m).fill(-3), all, ks)
    const few = Float32Array.from(all, () => below(3))
    const some = Uint8Array.from(all, () => below(2))
    await checkSelect(run, 'few', rows, few, some, [1, 7000, 20000])
    await checkSelect(run, 'random', rows, few.map(random), some, [1, 7000, 2 ** 20])
  }
}

export async function checkSelects(run: Runner) {
  await checkSelections(run)
  const [rows, m] = [1, 1 << 20]
  const x = Float32Array.from({ length: rows * m }, VALUES.losses)
  const valid = new Uint8Array(m).fill(1)
  const ties = x.map((v) => Math.floor(4 * v))
  const make = (access: readonly ('read' | 'read_write')[]) =>
    selectLargest({ rows, m, k: m / 8, access, caps: defaultCaps })
  await run.time('selectLargest', make, [x, valid], [m, 4])
  await run.time('selectLargest with ties', make, [ties, valid], [m, 4])
}
