// Two forms of SGD, what an optimiser leaves alone and refuses, and learning rates. What each of them computes is
// tested with the golden cases.

import assert from 'node:assert/strict'
import type { HostArray } from '../../engine/dtype.ts'
import { add, mul, square } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { read } from '../../engine/ops/source.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { tracing } from '../../engine/trace.ts'
import { Adam, type AdamOptions, AdamW, Sgd } from '../../train/optimizers.ts'
import { constantRate, droppedRate, linearRate } from '../../train/schedules.ts'
import { testDevice } from '../device.ts'
import { close } from '../goldens/check.ts'
import { test } from '../harness.ts'

test('optimisers: with a constant rate SGD takes the same steps with it inside v and outside', async () => {
  const device = await testDevice()
  const start = Float32Array.of(0.7, -1.3, 2.1, 0.4)
  const descend = async (rate: 'inside' | 'outside', nesterov: boolean) => {
    const p = new Variable({ dtype: 'f32', shape: [4] }, () => start, 'p')
    const options = { momentum: 0.9, weightDecay: 0.01, nesterov, rate }
    const optimizer = new Sgd([p], options)
    const program = device.compile((lr: Tensor) => optimizer.minimize(sum(square(p)), lr))
    for (let step = 0; step < 5; step++) (await program.run(0.05)).dispose()
    program.dispose()
    return device.read(p)
  }
  const steps: HostArray[] = []
  for (const nesterov of [false, true]) {
    const outside = await descend('outside', nesterov)
    close(await descend('inside', nesterov), outside, 1e-6, `nesterov ${nesterov}`)
    steps.push(outside)
  }
  assert.notDeepEqual(steps[0], steps[1])
})

test('optimisers: what is left undefined is the default; Nesterov without momentum is refused', () => {
  const p = new Variable({ dtype: 'f32', shape: [2] }, () => new Float32Array(2), 'p')
  for (const weightDecay of [undefined, 0, 0.1])
    assert.equal(
      new AdamW([p], { weightDecay } as AdamOptions).options.weightDecay,
      weightDecay ?? 0.01,
    )
  assert.equal(new Adam([p]).options.weightDecay, 0)
  assert.throws(() => new Sgd([p], { nesterov: true }), /no step without momentum/)
})

test('optimisers: what a loss does not depend on stays; equal names are refused', () => {
  const [p, q] = ['p', 'q'].map(
    (name) => new Variable({ dtype: 'f32', shape: [2] }, () => new Float32Array(2), name),
  )
  const { trace } = tracing(() =>
    new Sgd([p, q], { weightDecay: 0.1 }).minimize(sum(mul(p, p)), 0.1),
  )
  assert.deepEqual(
    [...trace.assigns].map((t) => t.node.attrs['variable']),
    [p],
  )
  const twin = new Variable({ dtype: 'f32', shape: [2] }, () => new Float32Array(2), 'p')
  assert.throws(() => new Adam([p, twin]), /two parameters are named p/)
  assert.equal(new Adam([p, q]).stateDict().size, 6)
  assert.deepEqual(add(read(p), 1).shape, [2])
})

test('schedules: FRRN drops after 35 of 45 steps, the linear one ends above zero', () => {
  const frrn = droppedRate(1e-3, 45_000)
  assert.equal(frrn(34_999), 1e-3)
  assert.ok(Math.abs(frrn(35_000) - 1e-4) < 1e-12)
  assert.equal(constantRate(0.1)(9), 0.1)
  assert.equal(linearRate(0.1, 9)(0), 0.1)
  assert.ok(Math.abs(linearRate(0.1, 9)(9) - 0.01) < 1e-12)
  assert.equal(linearRate(0.1, 9)(100), 1e-6)
  assert.throws(() => linearRate(0.1, 0), /schedule/)
})
