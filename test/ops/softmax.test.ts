// Softmax along any axis: infinities and NaN in every schedule, and rows of a million classes. (The golden cases are run by
// golden-ops.test.ts.)

import * as assert from 'uvu/assert'
import { grad } from '../../engine/grad.ts'
import { logSoftmax, softmax } from '../../engine/ops/softmax.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { readAll, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const { NEGATIVE_INFINITY: low, POSITIVE_INFINITY: high, NaN: nan } = Number
/** What the first elements of the columns are. */
const columns = [
  { begin: [low, low, low, low], kept: true },
  { begin: [1, low, 2, low], kept: true },
  { begin: [nan], kept: false },
  { begin: [3, nan, 4], kept: false },
  { begin: [0, high], kept: false },
  { begin: [high, low, nan], kept: false },
  { begin: 'all −∞', kept: false },
  { begin: [100, -100], kept: true },
]

/** [c, 8] whose columns begin as above, as [8, c] or with other sizes after the axis. */
function special(c: number, inner: number) {
  const data = new Float32Array(columns.length * c)
  columns.forEach(({ begin }, n) => {
    for (let j = 0; j < c; j++) {
      const v = typeof begin === 'string' ? low : (begin[j] ?? (j % 7) / 8)
      data[(Math.floor(n / inner) * c + j) * inner + (n % inner)] = v
    }
  })
  return hostTensor(data, [columns.length / inner, c, inner])
}

test('softmax: −∞ has no probability and a fine gradient, and a column without a maximum is NaN', async () => {
  const device = await testDevice()
  const program = device.compile((x: Tensor, gy: Tensor) => {
    const [p, l] = [softmax(x, 1), logSoftmax(x, 1)]
    return [p, l, ...grad(p, [x], gy), ...grad(l, [x], gy)]
  })
  for (const c of [5, 8, 300, 1024, 5000])
    for (const inner of [1, 2, 8]) {
      const x = special(c, inner)
      const gy = hostTensor(
        x.data.map((_, i) => ((i * 37) % 11) - 5),
        x.shape,
      )
      const [p, l, dp, dl] = await readAll(await program.run(x, gy))
      columns.forEach(({ kept }, n) => {
        const what = `column ${n} of ${c}×${inner}`
        const at = (j: number) => (Math.floor(n / inner) * c + j) * inner + (n % inner)
        const column = Array.from({ length: c }, (_, j) => at(j))
        if (!kept) {
          for (const data of [p, l])
            assert.ok(
              column.every((i) => Number.isNaN(data[i])),
              what,
            )
          for (const data of [dp, dl])
            assert.not.ok(
              column.some((i) => Number.isFinite(data[i])),
              what,
            )
          return
        }
        const total = column.reduce((sum, i) => sum + p[i], 0)
        assert.ok(Math.abs(total - 1) < 1e-5, `${what}: the sum is ${total}`)
        for (const i of column) {
          assert.ok(Number.isFinite(dl[i]), `${what}: gradient of logSoftmax`)
          if (x.data[i] === low) assert.equal([p[i], l[i], dp[i]], [0, low, 0], what)
          else assert.ok(Number.isFinite(dp[i]), `${what}: gradient of softmax`)
        }
      })
    }
  program.dispose()
})

test('softmax: a million classes, and many columns of thousands', async () => {
  const device = await testDevice()
  const program = device.compile((x: Tensor, gy: Tensor) => {
    const [p, l] = [softmax(x, 1), logSoftmax(x, 1)]
    return [p, l, ...grad(p, [x], gy), ...grad(l, [x], gy)]
  })
  for (const shape of [
    [1, 1_000_003, 1],
    [2, 50_000, 4],
    [1, 2000, 3],
  ]) {
    const [outer, c, inner] = shape
    const draw = (scale: number, prime: number) =>
      hostTensor(
        Float32Array.from(
          { length: outer * c * inner },
          (_, i) => scale * Math.sin(i * prime + 0.1 * (i % 13)),
        ),
        shape,
      )
    const [x, gy] = [draw(6, 7919), draw(1, 104729)]
    const [p, l, dp, dl] = await readAll(await program.run(x, gy))
    let worst = 0
    const off = (got: number, want: number, size: number) => {
      worst = Math.max(worst, Math.abs(got - want) / size)
    }
    for (let o = 0; o < outer; o++)
      for (let k = 0; k < inner; k++) {
        const at = (j: number) => (o * c + j) * inner + k
        const sumOf = (f: (i: number) => number) => {
          let sum = 0
          for (let j = 0; j < c; j++) sum += f(at(j))
          return sum
        }
        const log = Math.log(sumOf((i) => Math.exp(x.data[i])))
        const want = (i: number) => Math.exp(x.data[i] - log)
        const both = sumOf((i) => want(i) * gy.data[i])
        const all = sumOf((i) => gy.data[i])
        const size = sumOf((i) => Math.abs(gy.data[i]))
        for (let j = 0; j < c; j++) {
          const i = at(j)
          off(p[i], want(i), want(i))
          off(l[i], x.data[i] - log, 20)
          off(dp[i], want(i) * (gy.data[i] - both), want(i))
          off(dl[i], gy.data[i] - want(i) * all, 1 + want(i) * size)
        }
      }
    assert.ok(worst < 1e-5, `${shape}: off by ${worst}`)
  }
  program.dispose()
})

test('softmax: tensors larger than one binding', () =>
  withDevice({ bindingBytes: 1024, alignment: 256 }, async (device) => {
    await agree(
      (x, gy) => [softmax, logSoftmax].flatMap((f) => [f(x, 1), ...grad(f(x, -1), [x], gy)]),
      drawn([f32(7, 5, 40), f32(7, 5, 40)]),
      { device },
    )
  }))

test('softmax: a row of the least numbers has one', async () => {
  const d = await testDevice()
  const least = hostTensor(new Float32Array(6).fill(-3.4028234663852886e38), [2, 3])
  const program = d.compile((x) => [softmax(x), logSoftmax(x)])
  const [p, l] = await readAll(await program.run(least))
  for (const v of p) assert.ok(Math.abs(v - 1 / 3) < 1e-6)
  for (const v of l) assert.ok(Math.abs(v + Math.log(3)) < 1e-6)
})
