// A training goes on over lost devices, pauses and other processes, to the same bits as one that nothing happened to.

import assert from 'node:assert/strict'
import { openDevice } from '../../engine/node.ts'
import {
  checkpointModel,
  decodeCheckpoint,
  loadModel,
  loadOptimizer,
} from '../../train/checkpoint/checkpoint.ts'
import type { TrainingEvent } from '../../train/events.ts'
import { Predictor } from '../../train/predict.ts'
import { recipeNamed } from '../../train/recipes/index.ts'
import { type Recipe, recipeOptimizer } from '../../train/recipes/recipe.ts'
import { streetScenes } from '../../train/scenes/street.ts'
import { type Snapshots, Training } from '../../train/training.ts'
import { test } from '../harness.ts'

const size = { height: 16, width: 16 }
const { summary: _, source: __, fresh: ___, rateFor: ____, ...street } = recipeNamed('street')
const recipe: Recipe = {
  ...street,
  data: { kind: 'street', seed: 1, ...size },
  model: {
    name: 'frrn-a',
    options: { classes: 8, base: 2, lanes: 2, depthMultiplier: 0.3, seed: 1 },
  },
  rate: [{ lr: 5e-3, steps: 12, schedule: 'linear' }],
  minutes: undefined,
  steps: 12,
  validateEvery: 6,
  seed: 1,
} as Recipe

class Kept implements Snapshots {
  bytes: Uint8Array | undefined
  readonly steps: number[] = []
  async write(bytes: Uint8Array, { progress }: { progress: { step: number } }) {
    this.bytes = bytes
    this.steps.push(progress.step)
  }
  async read() {
    return this.bytes
  }
}

const training = (snapshots: Snapshots, more = {}) =>
  new Training({
    ...{ recipe, snapshots, snapshotEvery: 4, readEvery: 0 },
    train: streetScenes({ split: 'train', size: 32, ...size }),
    val: streetScenes({ split: 'val', size: 4, ...size }),
    open: () => openDevice(),
    ...more,
  })

/** All events; `at` is told of each. */
async function played(of: Training, at: (event: TrainingEvent) => void, signal?: AbortSignal) {
  const events: TrainingEvent[] = []
  for await (const event of of.run(signal)) {
    events.push(event)
    at(event)
  }
  return events
}

const tensorsOf = ({ bytes }: Kept) => {
  const { model, optimizer, info } = decodeCheckpoint(bytes!, 'kept')
  const values = [...model, ...optimizer].map(([name, { data }]) => [name, [...(data as never)]])
  return { values, step: info.progress.step }
}

test(
  'training: a lost device, a pause and another process give the bits of a run without them',
  async () => {
    const plain = new Kept()
    using first = training(plain)
    await played(first, () => {})
    assert.deepEqual(plain.steps, [1, 4, 6, 8, 12])
    assert.equal(first.answers.length, 4)

    // Lost after step 7: it goes on from the validation's snapshot at 6.
    const kept = new Kept()
    using lost = training(kept)
    let done = false
    const events = await played(lost, (event) => {
      if (done || event.kind !== 'step' || event.step < 7) return
      done = true
      lost.device!.gpu.destroy()
    })
    const told = events.find((event) => event.kind === 'lost')
    assert.ok(told?.kind === 'lost' && told.step >= 7 && told.from === 6, JSON.stringify(told))
    assert.match(told.error.message, /the device was lost/)
    assert.deepEqual(tensorsOf(kept), tensorsOf(plain))

    // Paused after step 2, gone on with, paused after step 5, and gone on with by another.
    const stopped = new Kept()
    const until = async (of: Training, step: number) => {
      const stop = new AbortController()
      const seen = await played(
        of,
        (event) => event.kind === 'step' && event.step >= step && stop.abort(),
        stop.signal,
      )
      assert.equal(seen.at(-1)!.kind, 'end')
    }
    using paused = training(stopped)
    await until(paused, 2)
    await until(paused, 5)
    // Nobody listens any more: what comes after begins at the last snapshot.
    for await (const event of paused.run()) if (event.kind === 'step' && event.step >= 7) break
    assert.equal(paused.device, undefined)
    using other = training(stopped, { checkpoint: decodeCheckpoint(stopped.bytes!, 'kept') })
    await played(other, () => {})
    assert.deepEqual(tensorsOf(stopped), tensorsOf(plain))
  },
  { timeout: 300 },
)

test('training: a device that is lost again and again before any snapshot is given up', async () => {
  let opened = 0
  using hopeless = training(new Kept(), {
    open: async () => {
      opened++
      return openDevice()
    },
  })
  await assert.rejects(
    played(hopeless, ({ kind }) => {
      if (kind === 'start') hopeless.device!.gpu.destroy()
    }),
    /the device was lost/,
  )
  assert.equal(opened, 4)
})

test('training: what is validated are the averaged weights, where a recipe averages them', async () => {
  const kept = new Kept()
  const averaging = { ...recipe, optimizer: { ...recipe.optimizer, ema: 0.9 }, steps: 6 } as Recipe
  using averaged = training(kept, { recipe: averaging })
  await played(averaged, () => {})
  const { answers } = averaged
  const checkpoint = decodeCheckpoint(kept.bytes!, 'kept')
  const model = checkpointModel(checkpoint)
  const optimizer = recipeOptimizer(averaging, model)
  using device = await openDevice()
  loadModel(device, model, checkpoint)
  loadOptimizer(device, optimizer, checkpoint)
  using predictor = new Predictor(device, model)
  const masks = async () => {
    const all: Uint8Array[] = []
    for (const { example } of answers) {
      const { image: data, height, width } = example
      all.push(await predictor.picture({ data, height, width }))
    }
    return all
  }
  const given = answers.map(({ prediction }) => prediction)
  assert.notDeepEqual(await masks(), given)
  assert.deepEqual(await optimizer.ema!.withAveraged(device, masks), given)
})

test('training: parts of a recipe that it cannot do by itself are refused', () => {
  const refused = (more: Partial<Recipe>, message: RegExp) =>
    assert.throws(() => training(new Kept(), { recipe: { ...recipe, ...more } }), message)
  refused({ init: 'resnet18.pth', only: 'backbone' }, /begins from the weights of resnet18.pth/)
  const sampling = 'rare-classes'
  refused({ sampling }, /how often each is to be seen is not given/)
  const weights = new Float64Array(32).fill(1)
  training(new Kept(), { recipe: { ...recipe, sampling }, weights }).close()
  assert.throws(
    () => training(new Kept(), { recipe: { ...recipe, sampling }, weights: [1, 2] }),
    /2 weights for 32 examples/,
  )
})
