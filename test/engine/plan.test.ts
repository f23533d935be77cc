// What a plan promises: no two values alive together share memory, every offset is aligned, the peak is near the
// least possible and is what the device allocates; and that a program keeps these promises however often it runs.

import * as assert from 'uvu/assert'
import { defaultCaps } from '../../engine/explain.ts'
import type { Place, Plan } from '../../engine/plan/plan.ts'
import { stages } from '../../engine/stages.ts'
import { agree } from '../agree.ts'
import { readAll, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { batch, network, types } from '../models/small-network.ts'
import { checkPlan } from './plan-checker.ts'

type Slab = Extract<Place, { kind: 'slab' }>

/** Slab ranges that each step writes or reads. */
const rangesOf = (plan: Plan) =>
  plan.steps.map((s) =>
    s.dispatches
      .flatMap((d) => d.dispatch.buffers.map((slot, i) => ({ slot, place: d.places[i] as Slab })))
      .filter(({ place }) => place.kind === 'slab'),
  )

for (const [h, w] of [
  [8, 8],
  [10, 14],
  [7, 9],
] as const) {
  test(`plan: values alive together do not overlap, ${h}×${w}`, () => {
    const plan = stages(network().step, types(h, w), defaultCaps).plan
    checkPlan(plan, defaultCaps)
    for (const ranges of rangesOf(plan))
      for (const { place } of ranges) assert.is(place.offset % 256, 0)
    assert.ok(plan.activationBytes <= 1.05 * plan.lowerBound, `${plan.activationBytes} bytes`)
  })
}

test('plan: values alive together do not overlap when memory comes in many slabs', () => {
  const caps = { ...defaultCaps, maxBufferBytes: 20000 }
  const plan = stages(network().step, types(8, 8), caps).plan
  checkPlan(plan, caps)
  for (const ranges of rangesOf(plan))
    for (const { place } of ranges) {
      const first = Math.floor(place.offset / plan.slabBytes)
      assert.is(Math.floor((place.offset + place.bytes - 1) / plan.slabBytes), first)
    }
})

test('plan: a training step agrees with the interpreter, weights included', async () => {
  await agree(network().step, batch(6, 10))
})

test('plan: default limits and no optional feature run a training step', () =>
  withDevice({ defaultLimits: true }, async (device) => {
    await agree(network().step, batch(6, 10), { device })
  }))

test('plan: a second image size compiles no new pipeline', async () => {
  const d = await testDevice()
  const program = d.compile(network().step)
  await readAll(await program.run(...batch(8, 8)))
  const { pipelines } = d.stats()
  await readAll(await program.run(...batch(6, 10)))
  assert.is(d.stats().pipelines, pipelines)
  program.dispose()
})

// A sum that is long enough to be split has a second pass, whose kernel a shorter one does not have.
test('plan: from tiny to large images only second passes of sums are new', () => {
  const { step } = network()
  const kernels = (h: number, w: number) => stages(step, types(h, w), defaultCaps).plan.kernels
  const added = (from: Set<string>, to: Set<string>) => [...to].filter((key) => !from.has(key))
  const [tiny, middle, large] = [kernels(8, 8), kernels(48, 64), kernels(96, 160)].map(
    (keys) => new Set(keys),
  )
  assert.equal(added(middle, large), [])
  assert.ok(added(tiny, middle).every((key) => /^(sumParts|reduce sum|moments join)/.test(key)))
})

// On a device of its own: the shared one gives back, whenever the collector runs, what other tests left.
test('plan: 200 runs make no buffer after the second', () =>
  withDevice({ alignment: 256 }, async (d) => {
    const { step, weights } = network(4, 4)
    const program = d.compile(step)
    const args = batch(4, 4)
    for (let i = 0; i < 2; i++) await readAll(await program.run(...args))
    const { buffersMade, allocatedBytes } = d.stats()
    for (let i = 0; i < 200; i++) for (const r of await program.run(...args)) r.dispose()
    assert.is(d.stats().buffersMade, buffersMade)
    assert.is(d.stats().allocatedBytes, allocatedBytes)
    assert.ok(weights.length > 0)
    program.dispose()
  }))

test('plan: the activation memory is what the plan says', () =>
  withDevice({ alignment: 256 }, async (d) => {
    const program = d.compile(network().step)
    await readAll(await program.run(...batch(8, 8)))
    assert.is(d.stats().arenaBytes, program.stages(...types(8, 8)).plan.activationBytes)
  }))

test('plan: the same program gives the same bits, run by run and compiled anew', async () => {
  const d = await testDevice()
  const runs: Uint8Array[][] = []
  for (let i = 0; i < 2; i++) {
    const { step, weights } = network()
    const program = d.compile(step)
    const loss = []
    for (let k = 0; k < 3; k++) loss.push(...(await readAll(await program.run(...batch(7, 9)))))
    const data = [...loss, ...(await Promise.all(weights.map((w) => d.read(w))))]
    runs.push(data.map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength)))
    program.dispose()
  }
  assert.equal(runs[0], runs[1])
})
