// What is said where a device has not the memory that a plan needs: the plan's figures, and what would need less.

import assert from 'node:assert/strict'
import { OutOfMemoryError } from '../../engine/errors.ts'
import { defaultCaps } from '../../engine/explain.ts'
import { conv2d, grad, mean, relu, square } from '../../engine/index.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { needsOf, smallerInputs } from '../../engine/plan/needs.ts'
import { planBytes } from '../../engine/plan/plan.ts'
import { showBytes } from '../../engine/print.ts'
import { bytesOfBudget } from '../../engine/recompute/within.ts'
import { stages } from '../../engine/stages.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { scope } from '../../engine/trace.ts'
import { f32 } from '../agree.ts'
import { test } from '../harness.ts'
import { refusal, withDevice } from './own-device.ts'

const filter = (name: string) =>
  new Variable({ dtype: 'f32', shape: [3, 3, 8, 8] }, () => new Float32Array(576).fill(0.01), name)

function network(n: number) {
  const weights = [filter('one'), filter('two')]
  const apply = (x: Tensor) =>
    weights.reduce((y, w) => scope(w.name, () => relu(conv2d(y, w, { padding: 1 }))), x)
  const types = [{ dtype: 'f32', shape: [n, 40, 60, 8] }] as const
  const train = (x: Tensor) => grad(mean(square(apply(x))), weights)
  return { apply, train, types }
}

test('needs: of training the bytes by kind, where most is alive, and three ways to half of it', () => {
  const { train, types } = network(2)
  const { plan } = stages(train, types, defaultCaps)
  const { figures, hint } = needsOf(plan)
  const peak = plan.steps.reduce((a, b) => (b.live > a.live ? b : a))
  assert.ok(figures.startsWith(`the plan needs ${showBytes(planBytes(plan))}: `), figures)
  assert.ok(figures.includes(`${showBytes(plan.activationBytes)} for activations (most at conv2d`))
  assert.match(
    figures,
    / in two: 173 KB of scratch for .* in two, 154 KB of conv2d\+relu in one, 154 KB of /,
  )
  assert.ok(figures.includes('4.6 KB for variables, 154 KB for arguments'), figures)
  assert.ok(peak.live > 0.4e6)
  const match = /memoryBudget: '(.*)' \} or a batch of 1 at 40×60 or a batch of 2 at 28×42$/.exec(
    hint,
  )
  const half = planBytes(plan) - plan.activationBytes / 2
  assert.ok(Math.abs(bytesOfBudget(match?.[1] ?? '') / half - 1) < 0.05, hint)
})

test('needs: of a program without a backward pass no budget is proposed, of one without images nothing is', () => {
  const { apply, types } = network(1)
  const { hint } = needsOf(stages(apply, types, defaultCaps).plan)
  assert.match(hint, /^for about .* use a batch of 1 at 28×42$/)
  const { plan } = stages((x: Tensor) => square(x), [{ dtype: 'f32', shape: [9] }], defaultCaps)
  assert.equal(needsOf(plan).hint, 'use a smaller batch or crop')
  assert.deepEqual(smallerInputs([], 0.5), [])
  assert.deepEqual(smallerInputs([f32(4, 504, 256, 3)], 0.6), [
    'a batch of 2 at 504×256',
    'a batch of 4 at 384×192',
  ])
  assert.deepEqual(smallerInputs([f32(4, 504, 256, 3)], 0.001), [])
})

test(
  'needs: a device that refuses the activations says so, and runs again when there is room',
  withDevice(async (device) => {
    const { train, types } = network(2)
    const program = device.compile(train)
    const image = hostTensor(new Float32Array(2 * 40 * 60 * 8).fill(1), types[0].shape)
    for (const g of await program.run(image)) g.dispose()
    device.arena.drop()
    const { gpu } = device
    const pop = gpu.popErrorScope
    const problems = [{ message: 'no room' } as GPUError]
    gpu.popErrorScope = async () => {
      await pop.call(gpu)
      return problems.pop() ?? null
    }
    const error = await refusal(() => program.run(image))
    gpu.popErrorScope = pop
    assert.ok(error instanceof OutOfMemoryError, String(error))
    const { figures, hint } = needsOf(program.stages(...types).plan)
    assert.ok(error.message.includes(figures) && error.message.includes('(no room)'))
    assert.equal(error.hint, hint)
    assert.equal(device.stats().arenaBytes, 0)
    for (const g of await program.run(image)) {
      assert.ok((await g.read()).every((x: number) => Number.isFinite(x)))
      g.dispose()
    }
    program.dispose()
  }),
)
