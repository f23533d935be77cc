// Reductions of many numbers: ten million, to the accuracy that is promised, and more than a binding holds.

import * as assert from 'uvu/assert'
import {
  add,
  all,
  any,
  argmax,
  argmin,
  constant,
  countNonzero,
  cumsum,
  type DeviceTensor,
  grad,
  greater,
  iota,
  logSumExp,
  max,
  mean,
  mul,
  type RandomKey,
  randomUniform,
  reshape,
  scalar,
  sub,
  sum,
  type Tensor,
  variance,
} from '../../engine/index.ts'
import { interpret, roundingErrors } from '../../engine/reference/index.ts'
import { agree, drawn, f32 as f32Type } from '../agree.ts'
import { readAll, traceOf, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { deviceWith } from '../engine/device-with.ts'
import { test } from '../harness.ts'

const { POSITIVE_INFINITY: inf } = Number

const many = 10_000_000
const key: RandomKey = { seed: scalar(7, 'u32'), step: scalar(0, 'u32'), name: 'many' }
const uniform = () => randomUniform([many], key)
/** 1 and −1 in turn. */
const signs = () => {
  const i = iota([many / 2, 2], 1)
  return reshape(sub(1, mul(i, 2)), [many])
}

/** Runs a function without arguments: its first result is the data, the others are made of it. */
async function results(build: () => readonly Tensor[]): Promise<Float32Array[]> {
  const program = (await testDevice()).compile(build)
  const ys = (await program.run()) as readonly DeviceTensor[]
  const data = []
  for (const y of ys) data.push((await y.read()) as Float32Array)
  for (const y of ys) y.dispose()
  program.dispose()
  return data
}

/** Sums of f of the elements of each column in float64. */
function columnSums(x: Float32Array, columns: number, f = (v: number, _column: number) => v) {
  const sums = new Float64Array(columns)
  for (let i = 0, c = 0; i < x.length; i++) {
    sums[c] += f(x[i], c)
    if (++c === columns) c = 0
  }
  return sums
}

const inColumns = (x: Tensor, columns: number) => reshape(x, [many / columns, columns])

const data: Record<string, () => Tensor> = {
  uniform,
  'of alternating sign far from zero': () => mul(signs(), add(uniform(), 1000)),
  'all 0.1, which always rounds the same way': () => add(mul(iota([many], 0), 0), 0.1),
}
for (const [what, build] of Object.entries(data))
  test(`sum and mean: ten million numbers ${what} are right to 1e-6 of Σ|x|`, async () => {
    const [x, ...got] = await results(() => {
      const t = build()
      return [t, ...[1, 25, 64].flatMap((c) => [sum, mean].map((f) => f(inColumns(t, c), [0])))]
    })
    for (const columns of [1, 25, 64]) {
      const [sums, means] = got.splice(0, 2)
      const exact = columnSums(x, columns)
      const most = columnSums(x, columns, Math.abs).map((v) => v * 1e-6)
      for (let c = 0; c < columns; c++) {
        const off = [sums[c] - exact[c], means[c] * (many / columns) - exact[c]]
        assert.ok(
          off.every((d) => Math.abs(d) <= most[c]),
          `column ${c} of ${columns}: ${off}`,
        )
      }
    }
  })

test('variance: ten million numbers far from zero are right to 1e-5', async () => {
  for (const far of [0, 30000]) {
    const [x, ...got] = await results(() => {
      const t = add(uniform(), far)
      return [t, ...[1, 5, 64].map((c) => variance(inColumns(t, c), [0]))]
    })
    for (const columns of [1, 5, 64]) {
      const n = many / columns
      const means = columnSums(x, columns).map((s) => s / n)
      const exact = columnSums(x, columns, (v, c) => (v - means[c]) ** 2 / n)
      const found = got.shift()!
      exact.forEach((v, c) => {
        assert.ok(Math.abs(found[c] - v) <= 1e-5 * v, `${found[c]} for ${v}, ${columns} columns`)
      })
    }
  }
})

test('variance: a first element far from all others costs nothing', async () => {
  const x = Float32Array.from({ length: 3001 }, (_, i) => (i ? Math.sin(i) : 1e4))
  const [[found]] = [await (await testDevice()).read(variance(constant(x)))]
  const [exact] = interpret([variance(constant(x))])[0]
  assert.ok(Math.abs(found - exact) <= 1e-6 * exact, `${found} for ${exact}`)
})

test('cumsum: ten million numbers, each sum right to 1e-6 of itself', async () => {
  const [x, forwards, columns] = await results(() => {
    const t = uniform()
    return [t, cumsum(t, 0), reshape(cumsum(inColumns(t, 4), 0, { reverse: true }), [many])]
  })
  let total = 0
  let worst = 0
  for (let i = 0; i < many; i++) {
    total += x[i]
    worst = Math.max(worst, Math.abs(forwards[i] - total) / total)
  }
  assert.ok(worst <= 1e-6, `forwards: ${worst}`)
  const sums = [0, 0, 0, 0]
  for (let i = many - 1; i >= 0; i--) {
    sums[i % 4] += x[i]
    worst = Math.max(worst, Math.abs(columns[i] - sums[i % 4]) / sums[i % 4])
  }
  assert.ok(worst <= 1e-6, `backwards: ${worst}`)
})

test('folds: tensors larger than one binding', () =>
  withDevice({ bindingBytes: 1024, alignment: 256 }, async (device) => {
    const args = drawn([f32Type(7, 30, 4)])
    // Ties, and windows of nothing but the least there is.
    args[0].data.fill(-inf, 0, 500)
    args[0].data.fill(2, 600, 640)
    const check = (fn: (x: Tensor) => readonly Tensor[], given = args) =>
      agree(fn, given, { device })
    await check((x) => [
      argmax(x, 0),
      argmax(reshape(x, [840])),
      argmin(reshape(x, [840])),
      argmin(x, 1),
    ])
    await check((x) => [max(x), ...grad(max(x), [x])])
    await check((x) => [logSumExp(x), ...grad(sum(logSumExp(x, [0, 1])), [x])])
    await check((x) => [any(greater(x, 1.5)), all(greater(x, 1.5), [0]), countNonzero(x)])
    await check((x) => [variance(x), ...grad(variance(x), [x])], drawn([f32Type(7, 30, 4)]))
    await check(
      (x) => [cumsum(x, 1, { exclusive: true }), cumsum(x, 2)],
      drawn([f32Type(7, 30, 4)]),
    )
  }))

const folds: Record<string, (x: Tensor) => Tensor> = {
  sum: (x) => sum(x, [0]),
  mean: (x) => mean(x, [0]),
  variance: (x) => variance(x, [0]),
  logSumExp: (x) => logSumExp(x, [0]),
  max: (x) => max(x, [0]),
  any: (x) => any(x, [0]),
  argmax: (x) => argmax(x, 0),
  cumsum: (x) => cumsum(x, 0, { reverse: true }),
}

/** How far a fold of numbers may be from its exact result `y`, where `size` is the sum of their absolute values. */
function allowedOf(fold: string, y: number, size: number, count: number): number {
  if (fold === 'sum' || fold === 'cumsum') return 1e-6 * size
  if (fold === 'mean') return (1e-6 * size) / count
  if (fold === 'variance') return 1e-5 * y
  return fold === 'logSumExp' ? 1e-6 * Math.max(10, Math.abs(y)) : 0
}

test('folds: what rounding explains of many numbers is far less than their mean', () => {
  const args = drawn([f32Type(20000)])
  for (const fold of [sum, mean, variance, logSumExp]) {
    const graph = traceOf((x) => [fold(x)], args)
    const [[y]] = interpret(graph, args)
    const most = roundingErrors(graph, args).get(graph.outputs[0])!
    assert.ok(most < 0.01 * Math.abs(y), `${most} of ${y}`)
  }
})

for (const fuse of [true, false])
  test(`folds: as on a GPU, which folds shorter strips, ${fuse ? 'fused' : 'each by itself'}`, async () => {
    const device = deviceWith(await testDevice(), { kind: 'discrete' })
    for (const [rows, columns] of [
      [20000, 1],
      [20001, 1],
      [3001, 2],
      [1100, 8],
      [600, 40],
    ]) {
      const args = drawn([f32Type(rows, columns)])
      const all = (x: Tensor) => Object.values(folds).map((fold) => fold(x))
      using program = device.compile(all, { fuse })
      const found = await readAll(await program.run(...args))
      const exact = interpret(program.stages(...args).traced, args)
      const sizes = columnSums(args[0].data as Float32Array, columns, Math.abs)
      for (const [i, fold] of Object.keys(folds).entries())
        exact[i].forEach((y, e) => {
          const most = allowedOf(fold, y, sizes[e % columns], rows)
          const what = `${fold} of ${rows}x${columns}, ${e}: ${found[i][e]} for ${y}`
          assert.ok(Math.abs(found[i][e] - y) <= most, what)
        })
    }
  })
