// Averaged weights: what they are, that they change places with the weights and back without losing a bit, and that a step that is
// skipped does not count.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import { OptionError } from '../../engine/errors.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor, Tensor, Variable } from '../../engine/tensor.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import { Ema, type EmaOptions } from '../../train/loop/ema.ts'
import { Adam, type OptimizerOptions } from '../../train/optimizers.ts'
import { drawn, f32 } from '../agree.ts'
import { testDevice } from '../device.ts'
import { close } from '../goldens/check.ts'
import { test } from '../harness.ts'
import { Thumb } from './small-runs.ts'

const labels: HostTensor = {
  dtype: 'u8',
  shape: [2, 8, 8],
  data: Uint8Array.from({ length: 128 }, (_, i) => Math.floor(i / 8) % 3),
}
const image = (seed: number) => drawn([f32(2, 8, 8, 3)], seed)[0]

function trainee(device: Device, ema: EmaOptions | undefined, more: OptimizerOptions = {}) {
  const model = new Thumb()
  const optimizer = new Adam(model.parameters(), {
    ...more,
    ...(ema && { ema: { buffers: model.buffers(), ...ema } }),
  })
  const program = device.compile((x: Tensor, y: Tensor) =>
    optimizer.minimize(crossEntropy(model.apply(x, { train: true }), y).loss, 0.01),
  )
  const step = async (x: HostTensor) => {
    using loss = await program.run(x, labels)
    return loss.value()
  }
  const weights = () => read(device, model.stateDict())
  const all = () => read(device, new Map([...model.stateDict(), ...optimizer.stateDict()]))
  return { model, optimizer, step, weights, all, dispose: () => program.dispose() }
}

async function read(device: Device, variables: ReadonlyMap<string, Variable>) {
  const values = new Map<string, number[]>()
  for (const [name, v] of variables) values.set(name, [...(await device.read(v))])
  return values
}

for (const [decay, warmUp] of [
  [0.9, false],
  [0.9, true],
  [0.5, true],
] as const)
  test(`ema: of decay ${decay}${warmUp ? ' that warms up' : ''} it is what float64 makes of the weights`, async () => {
    const device = await testDevice()
    const t = trainee(device, { decay, warmUp })
    const want = new Map<string, number[]>()
    for (let i = 0; i < 6; i++) {
      await t.step(image(i))
      const d = warmUp ? Math.min(decay, (1 + i) / (10 + i)) : decay
      for (const [name, now] of await t.weights()) {
        const before = want.get(name) ?? now
        want.set(
          name,
          now.map((x, k) => d * before[k] + (1 - d) * x),
        )
      }
    }
    const got = await t.optimizer.ema!.withAveraged(device, t.weights)
    assert.deepEqual([...got.keys()], [...want.keys()])
    for (const [name, values] of got) close(values, want.get(name)!, 1e-6, name)
    const now = await t.weights()
    assert.ok([...now].some(([name, values]) => values.join() !== got.get(name)!.join()))
    t.dispose()
  })

test('ema: the weights come back to the bit, also where their use fails, and training goes on as without', async () => {
  const device = await testDevice()
  const t = trainee(device, { decay: 0.9 })
  const plain = trainee(device, undefined)
  const fresh = await t.all()
  assert.deepEqual(
    await t.optimizer.ema!.withAveraged(device, t.all),
    fresh,
    'before the first step',
  )
  for (let i = 0; i < 3; i++) assert.equal(await t.step(image(i)), await plain.step(image(i)))
  const before = await t.all()
  const averaged = await t.optimizer.ema!.withAveraged(device, t.weights)
  assert.notDeepEqual(averaged, await t.weights())
  assert.deepEqual(await t.all(), before)
  const failing = t.optimizer.ema!.withAveraged(device, () =>
    Promise.reject(new Error('disk full')),
  )
  await assert.rejects(failing, /disk full/)
  assert.deepEqual(await t.all(), before)
  for (let i = 3; i < 5; i++) assert.equal(await t.step(image(i)), await plain.step(image(i)))
  assert.deepEqual(await t.weights(), await plain.weights())
  t.dispose()
  plain.dispose()
})

test('ema: a step that is skipped leaves it as it was', async () => {
  const device = await testDevice()
  const t = trainee(device, { decay: 0.9 }, { lossScale: { initScale: 4 } })
  await t.step(image(1))
  const before = await t.all()
  const bad = image(2).data.map((x, i) => (i ? x : Number.NaN))
  await t.step(hostTensor(bad, [2, 8, 8, 3]))
  const after = await t.all()
  for (const [name, values] of before)
    if (!name.startsWith('loss_scale')) assert.deepEqual(after.get(name), values, name)
  assert.deepEqual(after.get('ema_steps'), [1])
  t.dispose()
})

test('ema: a checkpoint of the averages is one of the model, and a resumed run averages on to the bit', async () => {
  const device = await testDevice()
  const more: OptimizerOptions = {
    clip: 0.05,
    rules: [{ match: 'bias', lr: 2, weightDecay: 0 }],
    lossScale: true,
  }
  const whole = trainee(device, { decay: 0.9 }, more)
  for (let i = 0; i < 5; i++) await whole.step(image(i))

  const first = trainee(device, { decay: 0.9 }, more)
  for (let i = 0; i < 3; i++) await first.step(image(i))
  const info = { progress: { step: 3, seconds: 0, best: undefined }, classes: [], size: undefined }
  const encoded = async (whichever: typeof first.optimizer | undefined) =>
    decodeCheckpoint(
      (await encodeCheckpoint(device, first.model, whichever, { ...info, recipe: {} })).bytes,
      'saved',
    )
  const best = await first.optimizer.ema!.withAveraged(device, () => encoded(undefined))
  const last = await encoded(first.optimizer)

  const second = trainee(device, { decay: 0.9 }, more)
  const saved = [
    [second.model.stateDict(), last.model],
    [second.optimizer.stateDict(), last.optimizer],
  ] as const
  for (const [variables, tensors] of saved) {
    assert.deepEqual([...tensors.keys()], [...variables.keys()])
    for (const [name, v] of variables) device.write(v, tensors.get(name)!.data as Float32Array)
  }
  const averaged = await second.optimizer.ema!.withAveraged(device, second.weights)
  for (const [name, values] of averaged) assert.deepEqual([...best.model.get(name)!.data], values)
  for (let i = 3; i < 5; i++) await second.step(image(i))
  assert.deepEqual(await second.all(), await whole.all())
  for (const t of [whole, first, second]) t.dispose()
})

test('ema: frozen parameters have no average; a decay that is none is refused', () => {
  const model = new Thumb()
  const optimizer = new Adam(model.parameters(), {
    ema: 0.99,
    rules: [{ match: 'conv.**', frozen: true }],
  })
  assert.deepEqual([...optimizer.ema!.averages.keys()], optimizer.parameters)
  for (const options of [{ decay: 1 }, { decay: -0.1 }, { decay: Number.NaN }, { decai: 0.5 }])
    assert.throws(() => new Ema([], options as EmaOptions), OptionError)
})
