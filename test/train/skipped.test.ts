// What a run tells of steps that its loss scale skips, when it gives up, and that it ends where its score rises no more.

import assert from 'node:assert/strict'
import { OptionError } from '../../engine/errors.ts'
import { add, mul, sqrt } from '../../engine/ops/arithmetic.ts'
import type { TrainEvent, Validation } from '../../train/events.ts'
import { DivergedError } from '../../train/loop/meter.ts'
import type { Progress } from '../../train/loop/progress.ts'
import { Sgd } from '../../train/optimizers.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { eventsOf, smallRun, Thumb } from './small-runs.ts'

/** Losses are read after each step. */
const eachStep = { saveEvery: 0, save: async () => {} }

const skippedOf = (events: readonly TrainEvent[]) =>
  events.flatMap((e) => (e.kind === 'step' ? [e.skipped] : []))

test('skipped steps: they are counted until the scale has fallen far enough, and only with a loss scale', async () => {
  const device = await testDevice()
  const model = new Thumb()
  const optimizer = new Sgd(model.parameters(), { lossScale: { initScale: 2 ** 127 } })
  const run = smallRun(device, { model, optimizer, steps: 12, ...eachStep })
  const skipped = skippedOf(await eventsOf(run))
  const [scale] = await device.read(optimizer.lossScale!.scale)
  const falls = 127 - Math.log2(scale)
  assert.ok(falls >= 1 && falls < 12, `${scale}`)
  assert.deepEqual(
    skipped,
    skipped.map((_, i) => (i < falls ? 1 : 0)),
  )
  const together = skippedOf(await eventsOf(smallRun(device, { steps: 3 })))
  assert.ok(together.length && together.every((n) => n === undefined))
})

test('skipped steps: two hundred in a row at a scale of 1 end the run in words', async () => {
  const device = await testDevice()
  const model = new Thumb()
  const optimizer = new Sgd(model.parameters(), { lossScale: { initScale: 4 } })
  const run = smallRun(device, { model, optimizer, steps: 400 })
  // √0 has a slope that is infinite.
  const loss: typeof run.loss = (...args) => {
    const real = run.loss(...args)
    return { ...real, loss: add(real.loss, sqrt(mul(real.loss, 0))) }
  }
  await assert.rejects(eventsOf({ ...run, loss }), (error: Error) => {
    assert.ok(error instanceof DivergedError)
    // Two steps bring the scale from 4 to 1.
    assert.match(error.message, /^steps 3 to 202 were all skipped at a loss scale of 1/)
    assert.equal(error.step, 202)
    return true
  })
})

test('patience: a run ends where its score has not risen for so many validations, also over a resume', async () => {
  const device = await testDevice()
  const validating = (scores: number[]) => async (): Promise<Validation> => ({
    score: scores.shift()!,
    scoreName: 'mean IoU',
    figures: {},
  })
  const kept: Progress[] = []
  const options = {
    ...{ steps: 40, validateEvery: 2, patience: 3 },
    save: async (_: string, at: Progress) => void kept.push(at),
  }
  const validate = validating([0.1, 0.3, 0.3, 0.2, 0.1, 0.9])
  const events = await eventsOf(smallRun(device, { ...options, validate }))
  const last = events[events.length - 1]
  assert.ok(last.kind === 'end')
  assert.deepEqual([last.reason, last.step, last.best], ['patience', 10, { step: 4, score: 0.3 }])

  const from = kept.find(({ step }) => step === 8)!
  assert.equal(from.stale, 2)
  const again = validating([0.1, 0.9])
  const resumed = await eventsOf(smallRun(device, { ...options, from, validate: again }))
  const end = resumed[resumed.length - 1]
  assert.ok(end.kind === 'end' && end.reason === 'patience' && end.step === 10)

  const rising = validating([0.1, 0.2, 0.1, 0.1])
  const whole = await eventsOf(smallRun(device, { ...options, steps: 7, validate: rising }))
  const done = whole[whole.length - 1]
  assert.ok(done.kind === 'end' && done.reason === 'steps' && done.step === 7)
  for (const patience of [0, 1.5, -1])
    await assert.rejects(eventsOf(smallRun(device, { steps: 1, patience })), OptionError)
})
