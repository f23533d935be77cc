// Why a run broke: it is repeated from its checkpoint, and the step, the first value and the batch are named.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import type { Variable } from '../../engine/tensor.ts'
import { Batch } from '../../train/loader/batch.ts'
import { DivergedError } from '../../train/loop/meter.ts'
import { nanReportText } from '../../train/loop/nan-advice.ts'
import { findNonFinite, type NanReport } from '../../train/loop/nan-report.ts'
import { Adam, type Optimizer, Sgd } from '../../train/optimizers.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { eventsOf, type SmallRun, smallRun, Thumb } from './small-runs.ts'

/** Trains until it breaks, and asks why, from the state after `from` steps. */
async function whyBroke(device: Device, options: SmallRun, from = 0): Promise<NanReport> {
  const run = smallRun(device, { steps: 40, readEvery: 0, ...options })
  const kept = new Map<Variable, Float32Array>()
  const state = [...run.model.stateDict().values(), ...run.optimizer.stateDict().values()]
  const keep = async () => {
    for (const v of state) kept.set(v, (await device.read(v)).slice() as Float32Array)
  }
  if (!from) await keep()
  const save = async (_: string, { step }: { step: number }) => {
    if (step === from) await keep()
  }
  const error = await eventsOf({ ...run, save, saveEvery: 0 }).then(
    () => assert.fail('it did not break'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof DivergedError, String(error))
  const restore = () => {
    for (const [v, values] of kept) device.write(v, values)
    return from
  }
  return findNonFinite({ ...run, rate: (step) => run.rate(step, 0), failed: error.step, restore })
}

test('nan report: a rate that is too high is found in the step whose update broke the weights', async () => {
  const device = await testDevice()
  const rate = (step: number) => (step === 5 ? 3e38 : 1e-3)
  const report = await whyBroke(device, { rate })
  assert.equal(report.step, 6)
  assert.ok(report.failed >= 6, `${report.failed}`)
  assert.equal(report.lr, 3e38)
  assert.match(report.node!.path, /^optimizer/)
  assert.equal(report.node!.derivativeOf, undefined)
  assert.ok(report.node!.inputs.some(({ finite, most }) => finite && Math.abs(most!) > 1e30))
  assert.deepEqual(
    report.before.map(({ step }) => step),
    [3, 4, 5, 6],
  )
  assert.ok(report.before.every(({ gradientNorm, loss }) => gradientNorm > 0 && loss > 0))
  assert.ok(report.advice.some((line) => /lower the learning rate/.test(line)))
  const text = nanReportText(report)
  assert.match(text, /Repeated from step 0, step 6 was the first/)
  assert.match(text, /first value: \w+ in optimizer.*\(update\)/)
  assert.match(text, /learning rate: 3e\+38/)
})

test('nan report: a rate that f32 does not hold is named itself, not the pictures', async () => {
  const report = await whyBroke(await testDevice(), { rate: () => 1e99 })
  assert.deepEqual([report.lr, report.step], [1e99, 1])
  assert.match(report.advice[0], /a learning rate of 1e\+99 is infinite in f32/)
  assert.ok(!report.advice.some((line) => /look at the files/.test(line)))
})

test('nan report: descent that really diverges is followed to the value that overflowed', async () => {
  const device = await testDevice()
  const model = new Thumb()
  const optimizer: Optimizer = new Sgd(model.parameters(), { momentum: 0.9 })
  const report = await whyBroke(device, { model, optimizer, rate: () => 1e6 })
  assert.ok(report.step !== undefined && report.step <= report.failed)
  assert.ok(report.node, 'the watch names it')
  const { inputs } = report.node
  assert.ok(inputs.length && inputs.every(({ finite }) => finite !== false), JSON.stringify(inputs))
  assert.ok(report.advice.length > 0)
})

test('nan report: from a checkpoint, a poisoned image is named with its batch', async () => {
  const device = await testDevice()
  const plain = smallRun(device, { steps: 1 })
  const batch = async (step: number) => {
    const good = await plain.batch(step)
    if (step !== 7) return good
    const image = good.image.slice()
    image[5] = Number.NaN
    return new Batch({ ...good, image, names: ['street/7', 'street/poison'] })
  }
  const report = await whyBroke(device, { batch }, 4)
  assert.deepEqual([report.from, report.step, report.failed], [4, 8, 8])
  assert.equal(report.node!.op, 'input')
  assert.deepEqual(report.names, ['street/7', 'street/poison'])
  assert.match(report.advice[0], /look at the files of street\/7, street\/poison/)
  assert.deepEqual(
    report.before.map(({ step }) => step),
    [5, 6, 7, 8],
  )
  assert.ok(report.before.slice(0, 3).every(({ gradientNorm }) => Number.isFinite(gradientNorm)))
})

test('nan report: the repeated steps have the losses and the norms that they had', async () => {
  const device = await testDevice()
  const rate = (step: number) => (step === 5 ? 3e38 : 1e-3)
  const losses: number[] = []
  const run = smallRun(device, { steps: 5, rate })
  for (const event of await eventsOf(run))
    if (event.kind === 'step') losses.push(...event.losses.map(({ value }) => value))
  const model = new Thumb()
  const optimizer = new Adam(model.parameters())
  const report = await whyBroke(device, { model, optimizer, rate, accumulate: 2 })
  assert.equal(report.step, 6)
  assert.ok(report.before.every(({ gradientNorm }) => gradientNorm > 0 && gradientNorm < 100))
  const whole = await whyBroke(device, { rate })
  assert.deepEqual(
    whole.before.slice(0, 3).map(({ loss }) => loss),
    losses.slice(2),
  )
})
