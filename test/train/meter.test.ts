// How long a step takes: what is told of it is the time that passed, however late the host comes to look.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Device } from '../../engine/device.ts'
import type { StepEvent } from '../../train/events.ts'
import { Clock } from '../../train/loop/clock.ts'
import type { History, Recorded } from '../../train/loop/history.ts'
import { Meter } from '../../train/loop/meter.ts'
import { test } from '../harness.ts'

/** A meter of a device that answers each reading when `answer` says so. */
function metered(readEvery: number) {
  const waiting: (() => void)[] = []
  const read = (_: Device, from: number, to: number) =>
    new Promise<Recorded[]>((resolve) => {
      const one = { loss: 1, outOfRange: 0, skippedAt: undefined, gradientNorm: undefined }
      waiting.push(() => resolve(Array.from({ length: to - from }, () => one)))
    })
  const device = { stats: () => ({ allocatedBytes: 0 }) } as unknown as Device
  const options = { device, steps: 100, readEvery }
  const meter = new Meter(options, new Clock(options), { read } as unknown as History)
  return { meter, answer: () => waiting.shift()?.() }
}

const timed = (events: readonly StepEvent[]) =>
  events.reduce((sum, { ms, losses }) => sum + ms * losses.length, 0)

test('meter: records that are collected together share the time that passed, and none is almost nothing', async () => {
  const { meter, answer } = metered(0)
  meter.begin(0)
  const begun = performance.now()
  await sleep(60)
  // Asked after 4 steps, answered before the host has time to hear of it, and looked at when 2 more have run.
  assert.deepEqual(await meter.after(4, 0.1, 3, false), [])
  await sleep(60)
  const drained = meter.after(6, 0.1, 3, true)
  answer()
  await sleep(0)
  answer()
  const events = await drained
  const passed = performance.now() - begun
  assert.deepEqual(
    events.map(({ step, losses }) => [step, losses.length]),
    [
      [4, 4],
      [6, 2],
    ],
  )
  const [first, second] = events
  assert.equal(first.ms, second.ms)
  assert.ok(second.ms >= 120 / 6 - 2, `${second.ms} ms`)
  assert.ok(timed(events) <= passed, `${timed(events)} of ${passed}`)
  assert.ok(Math.abs(second.imagesPerSecond * second.ms - 3000) < 1e-6)
  assert.ok(Math.abs(second.eta - (94 * second.ms) / 1000) < 1e-9)
})

test('meter: records that come one by one are each timed from the one before; validation in between is not', async () => {
  const { meter, answer } = metered(0)
  meter.begin(0)
  const begun = performance.now()
  await sleep(40)
  await meter.after(2, 0.1, 1, false)
  answer()
  await sleep(0)
  const answered = performance.now()
  await sleep(80)
  const [first] = await meter.after(4, 0.1, 1, false)
  assert.ok(first.ms >= 19 && 2 * first.ms <= answered - begun, `${first.ms} ms a step`)
  answer()
  const rest = await meter.drain()
  assert.equal(rest.length, 1)
  assert.ok(rest[0].ms >= 39, `${rest[0].ms} ms of 40`)
  await sleep(200)
  const validated = performance.now()
  meter.begin(4)
  await meter.after(5, 0.1, 1, false)
  answer()
  const [after] = await meter.drain()
  assert.ok(after.ms <= performance.now() - validated, `${after.ms} ms`)
})

test('meter: of the first step alone it is all until its end, not the moment since', async () => {
  const { meter, answer } = metered(0)
  await sleep(50)
  // The step ran while everything was compiled.
  meter.begin(0, 1)
  const drained = meter.after(1, 0.1, 1, true)
  await sleep(0)
  answer()
  const [only] = await drained
  assert.ok(only.ms >= 49, `${only.ms} ms`)
})
