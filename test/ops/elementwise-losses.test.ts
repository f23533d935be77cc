// Losses of single numbers: smooth L1, Huber and binary cross entropy, at their corners and limits.

import assert from 'node:assert/strict'
import { grad } from '../../engine/grad.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { constant, hostTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropyWithLogits,
  huber,
  smoothL1,
} from '../../nn/elementwise-losses.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

import { both, run } from './loss-runs.ts'

test('elementwise losses: smooth L1 and Huber are a square near 0 and a line beyond, and differ by the factor', async () => {
  const x = hostTensor(Float32Array.of(0, 0.25, -0.5, 0.5, 1, -3, 2, 100), [2, 4])
  const t = hostTensor(Float32Array.of(0, 0, 0, 0, 0.5, 1, 2, -100), [2, 4])
  const d = Array.from(x.data, (v, i) => v - t.data[i])
  const ones = constant(new Float32Array(8).fill(1), [2, 4])
  for (const beta of [0.5, 1, 2]) {
    const [smooth, dx, dt, hub, dh, meanOf, sumOf] = await run(
      (a, b) => {
        const y = smoothL1(a, b, { beta, reduction: 'none' })
        const h = huber(a, b, { delta: beta, reduction: 'none' })
        return [
          y,
          ...grad(y, [a, b], ones),
          h,
          ...grad(h, [a], ones),
          smoothL1(a, b, { beta }),
          huber(a, b, { delta: beta, reduction: 'sum' }),
        ]
      },
      x,
      t,
    )
    const want = d.map((v) => {
      const far = Math.abs(v)
      return far < beta ? (v * v) / 2 / beta : far - beta / 2
    })
    const slope = d.map((v) => Math.max(-1, Math.min(1, v / beta)))
    close(smooth, want, 1e-5, 'smooth L1')
    close(dx, slope, 1e-6, 'its gradient')
    close(
      dt,
      slope.map((v) => 0 - v),
      1e-6,
      'and that of the target',
    )
    close(
      hub,
      want.map((v) => v * beta),
      1e-4,
      'Huber',
    )
    close(
      dh,
      slope.map((v) => v * beta),
      1e-6,
      'its gradient',
    )
    const total = want.reduce((a, b) => a + b, 0)
    close(meanOf, [total / 8], 1e-5, 'mean')
    close(sumOf, [total * beta], 1e-4, 'sum')
  }
  const [plain, gradient] = await run(
    (a, b) => both(smoothL1(a, b, { beta: 0, reduction: 'sum' }), a),
    x,
    t,
  )
  close(plain, [d.reduce((n, v) => n + Math.abs(v), 0)], 1e-4, 'β = 0')
  close(gradient, d.map(Math.sign), 0, 'its gradient')
})

test('elementwise losses: binary cross entropy is right for logits of any size, soft targets and weights', async () => {
  const values = [0, 0.3, -2, 5, -20, 20, -90, 90, 1000, -1000]
  const x = hostTensor(Float32Array.from([...values, ...values, ...values]), [3, 10])
  const t = hostTensor(
    Float32Array.from(x.data, (_, i) => [0, 1, 0.3][Math.floor(i / 10)]),
    [3, 10],
  )
  const weight = hostTensor(Float32Array.of(1, 2, 0.5), [3, 1])
  const positive = hostTensor(
    Float32Array.from(values, (_, i) => 1 + i / 4),
    [10],
  )
  const plus = (v: number) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))
  const sigmoid = (v: number) => (v < 0 ? Math.exp(v) / (1 + Math.exp(v)) : 1 / (1 + Math.exp(-v)))
  const ones = constant(new Float32Array(30).fill(1), [3, 10])
  const check = async (
    build: (w: Tensor, p: Tensor) => BinaryCrossEntropyOptions,
    w: (i: number) => number,
    p: (i: number) => number,
  ) => {
    const [loss, gradient, mean] = await run(
      (a, b, c, e) => {
        const options = build(c, e)
        const y = binaryCrossEntropyWithLogits(a, b, { ...options, reduction: 'none' })
        return [...both(y, a, ones), binaryCrossEntropyWithLogits(a, b, options)]
      },
      x,
      t,
      weight,
      positive,
    )
    const [want, slope] = [new Float64Array(30), new Float64Array(30)]
    x.data.forEach((v, i) => {
      const s = t.data[i]
      want[i] = w(i) * (p(i) * s * plus(-v) + (1 - s) * plus(v))
      slope[i] = w(i) * ((1 - s) * sigmoid(v) - p(i) * s * sigmoid(-v))
    })
    // Relative to each value: a loss of e⁻²⁰ is not lost beside 20.
    loss.forEach((v, i) => {
      assert.ok(Math.abs(v - want[i]) <= 1e-5 * want[i] + 1e-35, `${x.data[i]}, ${t.data[i]}: ${v}`)
      const off = Math.abs(gradient[i] - slope[i])
      assert.ok(off <= 1e-5 * Math.abs(slope[i]) + 1e-30, `gradient at ${x.data[i]}`)
    })
    close(mean, [want.reduce((a, b) => a + b, 0) / 30], 1e-3, 'mean')
  }
  await check(
    () => ({}),
    () => 1,
    () => 1,
  )
  await check(
    (w) => ({ weight: w }),
    (i) => weight.data[Math.floor(i / 10)],
    () => 1,
  )
  await check(
    (_, p) => ({ positiveWeight: p }),
    () => 1,
    (i) => positive.data[i % 10],
  )
  await check(
    (_, p) => ({ weight: 3, positiveWeight: p }),
    () => 3,
    (i) => positive.data[i % 10],
  )
})

test('elementwise losses: infinite distances have a gradient', async () => {
  const d = await testDevice()
  const x = constant([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5])
  const zero = constant([0, 0, 0])
  const slope = async (y: Tensor) => Array.from(await d.read(grad(sum(y), [x])[0]))
  const none = { reduction: 'none' } as const
  assert.deepEqual(await slope(smoothL1(x, zero, none)), [1, -1, 0.5])
  assert.deepEqual(await slope(huber(x, zero, { ...none, delta: 2 })), [2, -2, 0.5])
})
