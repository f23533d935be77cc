// Training in mixed precision: it converges as f32 does, a run that goes on ends in the same bits, and what does not go together
// is refused.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import { DataError, NonFiniteError, OptionError } from '../../engine/errors.ts'
import type { Precision } from '../../engine/stages.ts'
import type { Variable } from '../../engine/tensor.ts'
import { buildModel, type Network } from '../../models/index.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from '../../train/checkpoint/checkpoint.ts'
import { evaluate } from '../../train/evaluate.ts'
import { Batch } from '../../train/loader/batch.ts'
import { DataLoader } from '../../train/loader/loader.ts'
import type { Progress } from '../../train/loop/progress.ts'
import { Adam, type Optimizer } from '../../train/optimizers.ts'
import { Predictor } from '../../train/predict.ts'
import { streetScenes } from '../../train/scenes/street.ts'
import { bitsOf } from '../checks.ts'
import { ran } from '../cli/cli.ts'
import { halfDevice, testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { eventsOf, lossesOf, type SmallRun, smallRun, Thumb } from './small-runs.ts'

const optionsOf = (precision: Precision) => ({ lossScale: precision === 'mixed' })
const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b) / xs.length

/** The mean loss of the last ten steps, and the mean IoU on other scenes. */
async function outcomeOf(device: Device, model: Network, precision: Precision, seed: number) {
  const data = new DataLoader(streetScenes({ size: 64, height: 16, width: 32, seed }), {
    count: 2,
    seed,
  })
  const options: SmallRun = {
    model,
    optimizer: new Adam(model.parameters(), optionsOf(precision)),
    precision,
    steps: 40,
    batch: (step) => data.batch(step),
    rate: (step) => 8e-3 * (1 - step / 40),
  }
  const losses = lossesOf(await eventsOf(smallRun(device, options)))
  const held = streetScenes({ size: 16, height: 16, width: 32, seed: 99 })
  using predictor = new Predictor(device, model)
  const { scores } = await evaluate(predictor, held)
  return { loss: mean(losses.slice(-10)), meanIoU: scores.meanIoU }
}

/** Whether three runs of each precision differ by no more than runs from other seeds do. */
const learnsAlike = (network: (seed: number) => Network) => async () => {
  const device = await halfDevice()
  const runs: Record<Precision, { loss: number; meanIoU: number }[]> = { full: [], mixed: [] }
  for (const seed of [1, 2, 3])
    for (const precision of ['full', 'mixed'] as const)
      runs[precision].push(await outcomeOf(device, network(seed), precision, seed))
  for (const what of ['loss', 'meanIoU'] as const) {
    const [full, mixed] = [runs.full, runs.mixed].map((of) => of.map((r) => r[what]))
    const spread = Math.max(...full) - Math.min(...full)
    const apart = Math.abs(mean(full) - mean(mixed))
    assert.ok(apart <= spread, `${what}: ${JSON.stringify(runs)}`)
  }
}

test(
  'mixed: two convolutions learn as in f32',
  learnsAlike(() => new Thumb()),
  { timeout: 300 },
)

const narrow = (seed: number) =>
  buildModel({ name: 'frrn-a', options: { base: 4, lanes: 4, classes: 8, seed } })

test('mixed: a narrow FRRN learns as in f32', learnsAlike(narrow), { slow: true, timeout: 600 })

/** Variables as their bits. */
async function stateOf(device: Device, ...parts: (Network | Optimizer)[]): Promise<Uint8Array[]> {
  const variables: Variable[] = parts.flatMap((part) => [...part.stateDict().values()])
  const out: Uint8Array[] = []
  for (const v of variables) out.push(bitsOf(await device.read(v)))
  return out
}

test('mixed: a run that goes on from its checkpoint ends in the same bits, the loss scale included', async () => {
  const device = await halfDevice()
  // Small enough an interval that the scale grows on both sides of the stop.
  const lossScale = { initScale: 4, growthInterval: 2 }
  const fresh = (options: SmallRun) => {
    const model = narrow(1)
    const optimizer = new Adam(model.parameters(), { lossScale })
    return smallRun(device, { model, optimizer, precision: 'mixed', ...options })
  }
  const whole = fresh({ steps: 7 })
  const wholeLosses = lossesOf(await eventsOf(whole))
  let saved: { bytes: Uint8Array; progress: Progress } | undefined
  const first = fresh({
    steps: 3,
    save: async (_, progress) => {
      const info = { progress, classes: [], size: undefined, recipe: {} }
      const { bytes } = await encodeCheckpoint(device, first.model, first.optimizer, info)
      saved = { bytes, progress }
    },
  })
  const firstLosses = lossesOf(await eventsOf(first))
  const checkpoint = decodeCheckpoint(saved!.bytes, 'saved')
  const second = fresh({ steps: 7, from: checkpoint.info.progress })
  loadModel(device, second.model, checkpoint)
  loadOptimizer(device, second.optimizer, checkpoint)
  assert.deepEqual([...firstLosses, ...lossesOf(await eventsOf(second))], wholeLosses)
  const states = [second, whole].map((r) => stateOf(device, r.model, r.optimizer))
  assert.deepEqual(await states[0], await states[1])
  assert.equal((await device.read(second.optimizer.lossScale!.scale))[0], 32)
  // And a run without a scale is another.
  const plain = new Adam(second.model.parameters())
  assert.throws(() => loadOptimizer(device, plain, checkpoint), DataError)
})

test('mixed: the watch is refused, since gradients may overflow', async () => {
  const device = await testDevice()
  await assert.rejects(
    eventsOf(smallRun(device, { steps: 1, watch: true, precision: 'mixed' })),
    OptionError,
  )
})

test('mixed: activations that overflow end the run, and the error says what f16 has to do with it', async () => {
  const device = await halfDevice()
  // What f32 holds and f16 does not.
  const run = (precision: Precision) => {
    const small = smallRun(device, { steps: 4, precision })
    const batch = async (step: number) => {
      const made = await small.batch(step)
      if (step < 2) return made
      return new Batch({ ...made, image: made.image.map((x) => 1e6 * (x + 1)) })
    }
    return eventsOf({ ...small, batch })
  }
  await run('full')
  await assert.rejects(run('mixed'), (error: Error) => {
    assert.ok(error instanceof NonFiniteError)
    assert.match(error.message, /^the loss of step 3 is \w+\n {2}hint: .*65504.*full precision/)
    return true
  })
})

test('mixed: plan shows half the activation memory, and another precision is refused', async () => {
  const args = ['plan', 'frrn-a', '--base', '16', '--input', '128x256', '--batch', '2', '--json']
  const [full, mixed] = await Promise.all(
    ['full', 'mixed'].map(async (precision) => {
      const { code, out, err } = await ran([...args, '--precision', precision])
      assert.equal(code, 0, err)
      return JSON.parse(out)
    }),
  )
  assert.equal(mixed.precision, 'mixed')
  assert.equal(mixed.parameterBytes, full.parameterBytes)
  assert.equal(mixed.stateBytes, full.stateBytes)
  const share = mixed.activationBytes / full.activationBytes
  assert.ok(share >= 0.5 && share < 0.52, `${share}`)
  const { code, err } = await ran([...args, '--precision', 'half'])
  assert.equal(code, 2, err)
  assert.match(err, /--precision cannot be 'half'/)
})
