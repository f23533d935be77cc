// Optimisers against golden cases on the device, and learning rates.

import assert from 'node:assert/strict'
import { add, mul } from '../engine/ops/arithmetic.ts'
import { sum } from '../engine/ops/reduce.ts'
import { hostTensor, read } from '../engine/ops/source.ts'
import { type Tensor, Variable } from '../engine/tensor.ts'
import { tracing } from '../engine/trace.ts'
import { Adam, AdamW, type Optimizer, Sgd } from '../train/optimizers.ts'
import { constantRate, droppedRate, linearRate } from '../train/schedules.ts'
import { testDevice } from './device.ts'
import type { GoldenCase } from './goldens/format.ts'
import { goldenCases } from './goldens/shared.ts'
import { test } from './harness.ts'

/** The steps of a case, with the gradients that it lists: the first of them is a small difference of large numbers, so
 * that gradients computed here, in f32, would say more about the objective than about the optimiser. */
async function descend(c: GoldenCase, make: (p: Variable) => Optimizer, moments: string[][]) {
  const device = await testDevice()
  const { lr, steps, lr_per_step: rates } = c.attributes
  const shape = c.shape('p0')
  const p = new Variable({ dtype: 'f32', shape }, () => c.plain('p0').data, 'p')
  const optimizer = make(p)
  const program = device.compile((rate: Tensor, g: Tensor) => {
    optimizer.step([p], [g], rate)
    return read(p)
  })
  const rows: Record<string, number[]> = { p: [] }
  for (const [, name] of moments) rows[name] = []
  for (let t = 0; t < steps; t++) {
    const g = c.values('g').slice(t * shape[0], (t + 1) * shape[0])
    const next = await program.run(rates?.[t] ?? lr, hostTensor(g, shape))
    rows['p'].push(...(await next.read()))
    next.dispose()
    for (const [key, name] of moments)
      rows[name].push(...(await device.read(optimizer.stateDict().get(`${key}.p`)!)))
  }
  for (const [name, values] of Object.entries(rows)) c.check(name, values)
  program.dispose()
}

test('optimisers: SGD equals the golden cases', async () => {
  for (const c of goldenCases('sgd')) {
    const { momentum, weight_decay: weightDecay, nesterov } = c.attributes
    const moments = c.has('momentum_buffer') && momentum ? [['velocity', 'momentum_buffer']] : []
    await descend(c, (p) => new Sgd([p], { momentum, weightDecay, nesterov }), moments)
    // With a constant rate the other form takes the same steps.
    if (!c.attributes.lr_per_step)
      await descend(c, (p) => new Sgd([p], { momentum, weightDecay, nesterov, rate: 'inside' }), [])
  }
})

test('optimisers: Adam and AdamW equal the golden cases', async () => {
  for (const [op, Kind] of [
    ['adam', Adam],
    ['adamw', AdamW],
  ] as const)
    for (const c of goldenCases(op)) {
      const { betas, eps, weight_decay: weightDecay } = c.attributes
      await descend(c, (p) => new Kind([p], { betas, eps, weightDecay }), [
        ['mean', 'exp_avg'],
        ['square', 'exp_avg_sq'],
      ])
    }
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
