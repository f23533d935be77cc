// Loss scaling: no digit changes where nothing overflows, and a step whose gradients are not finite leaves no trace but a smaller
// scale.

import * as assert from 'uvu/assert'
import { assignOnlyWhere } from '../../engine/condition.ts'
import type { Device } from '../../engine/device.ts'
import { OptionError } from '../../engine/errors.ts'
import {
  assign,
  greater,
  type HostTensor,
  read,
  type Tensor,
  Variable,
} from '../../engine/index.ts'
import type { StageOptions } from '../../engine/stages.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { accumulated, microBatch } from '../../train/loop/accumulate.ts'
import { LossScale } from '../../train/loop/loss-scale.ts'
import { Adam, type Optimizer, type OptimizerOptions, Sgd } from '../../train/optimizers.ts'
import { drawn, f32 } from '../agree.ts'
import { bitsOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { skip, test } from '../harness.ts'
import { Thumb } from '../train/small-runs.ts'

interface Trainee {
  step(image: HostTensor, count?: number): Promise<number>
  /** Every variable by name, as its bits. */
  bits(): Promise<Map<string, Uint8Array>>
  number(name: string): Promise<number>
  dispose(): void
}

const labels: HostTensor = {
  dtype: 'u8',
  shape: [2, 8, 8],
  data: Uint8Array.from({ length: 128 }, (_, i) => Math.floor(i / 8) % 3),
}
const [good] = drawn([f32(2, 8, 8, 3)], 5)
/** An image with an infinite pixel. */
const bad: HostTensor = {
  ...good,
  data: good.data.map((x, i) => (i ? x : Number.POSITIVE_INFINITY)),
}

type Make = (parameters: readonly Variable[], options: OptimizerOptions) => Optimizer
const adam: Make = (p, o) => new Adam(p, { ...o, weightDecay: 0.01 })
const sgd: Make = (p, o) => new Sgd(p, { ...o, momentum: 0.9 })

function trainee(
  d: Device,
  make: Make,
  options: OptimizerOptions,
  parts = 1,
  stage: StageOptions = {},
): Trainee {
  const model = new Thumb()
  const optimizer = make(model.parameters(), options)
  const program = d.compile((image: Tensor, labels: Tensor) => {
    const lossOf = (part: number) => {
      const y = model.apply(microBatch(image, part, parts), { train: true })
      return crossEntropy(y, microBatch(labels, part, parts)).loss
    }
    return accumulated(optimizer, parts, lossOf, 0.01)
  }, stage)
  const all = new Map([...model.stateDict(), ...optimizer.stateDict()])
  return {
    step: async (image) => {
      const loss = await program.run(image, labels)
      const [value] = await loss.read()
      loss.dispose()
      return value
    },
    bits: async () => {
      const found = new Map<string, Uint8Array>()
      for (const [name, v] of all) found.set(name, bitsOf(await d.read(v)))
      return found
    },
    number: async (name) => (await d.read(all.get(name)!))[0],
    dispose: () => program.dispose(),
  }
}

const own = /^loss_scale/
const rest = (bits: Map<string, Uint8Array>) => [...bits].filter(([name]) => !own.test(name))

for (const [name, make] of Object.entries({ adam, sgd }))
  for (const parts of [1, 2])
    test(`loss scale: ${name} in ${parts} parts: a power of two changes no bit`, async () => {
      const d = await testDevice()
      const scaled = trainee(d, make, { lossScale: { initScale: 1024 } }, parts)
      const plain = trainee(d, make, {}, parts)
      for (let i = 0; i < 3; i++) assert.is(await scaled.step(good), await plain.step(good))
      assert.equal(rest(await scaled.bits()), rest(await plain.bits()))
      assert.is(await scaled.number('loss_scale_streak'), 3)
      scaled.dispose()
      plain.dispose()
    })

for (const [name, make] of Object.entries({ adam, sgd }))
  for (const parts of [1, 2])
    test(`loss scale: ${name} in ${parts} parts: a step that is not finite changes nothing but the scale`, async () => {
      const d = await testDevice()
      const t = trainee(d, make, { lossScale: { initScale: 64, growthInterval: 2 } }, parts)
      const plain = trainee(d, make, {}, parts)
      await t.step(good)
      await plain.step(good)
      const before = rest(await t.bits())
      assert.not(Number.isFinite(await t.step(bad)))
      assert.equal(rest(await t.bits()), before)
      assert.is(await t.number('loss_scale'), 32)
      assert.is(await t.number('loss_scale_streak'), 0)
      for (let i = 0; i < 2; i++) assert.is(await t.step(good), await plain.step(good))
      assert.equal(rest(await t.bits()), rest(await plain.bits()))
      assert.is(await t.number('loss_scale'), 64)
      assert.is(await t.number('loss_scale_streak'), 0)
      t.dispose()
      plain.dispose()
    })

test('loss scale: it does not fall below 1', async () => {
  const t = trainee(await testDevice(), adam, { lossScale: { initScale: 1.5 } })
  for (let i = 0; i < 3; i++) await t.step(bad)
  assert.is(await t.number('loss_scale'), 1)
  t.dispose()
})

test('loss scale: with f16 it falls from where gradients overflow to where they do not, and the network learns', async () => {
  const d = await testDevice()
  if (!d.caps.f16) skip('the adapter has no shader-f16')
  const t = trainee(d, adam, { lossScale: { initScale: 2 ** 30 } }, 1, { precision: 'mixed' })
  const first = await t.step(good)
  const untouched = rest(await t.bits())
  assert.is(await t.number('loss_scale'), 2 ** 29)
  await t.step(good)
  assert.equal(rest(await t.bits()), untouched)
  let last = first
  for (let i = 0; i < 60; i++) last = await t.step(good)
  const scale = await t.number('loss_scale')
  assert.ok(scale < 2 ** 29 && scale > 2 ** 8, `scale ${scale}`)
  assert.ok(last < 0.8 * first, `${first} → ${last}`)
  t.dispose()
})

test('loss scale: an update that the condition depends on is refused', async () => {
  const d = await testDevice()
  const v = new Variable(f32(), () => Float32Array.of(1), 'v')
  const program = d.compile(() => {
    const after = assign(v, 2)
    assignOnlyWhere(greater(after, 0))
    return read(v)
  })
  assert.throws(
    () => program.stages(),
    (e: Error) => e instanceof OptionError && /v as it is after/.test(e.message),
  )
})

test('loss scale: options that are no scale are refused', () => {
  const refused = [
    { initScale: 0.5 },
    { initScale: Number.NaN },
    { growthFactor: 1 },
    { backoffFactor: 1 },
    { growthInterval: 0 },
    { growthInterval: 1.5 },
    { interval: 3 },
  ]
  for (const options of refused)
    assert.throws(
      () => new LossScale(options),
      (e: Error) => e instanceof OptionError,
    )
})
