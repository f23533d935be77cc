// Training as a whole: what a short run's losses are, that it stops and goes on to the same bits, that it allocates
// nothing on the way, and how it fails.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import { DataError, NonFiniteError, OptionError } from '../../engine/errors.ts'
import type { Variable } from '../../engine/tensor.ts'
import { frrnA } from '../../models/index.ts'
import type { Network } from '../../models/network.ts'
import { bootstrappedCrossEntropy } from '../../nn/bootstrap.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  loadModel,
  loadOptimizer,
} from '../../train/checkpoint/checkpoint.ts'
import type { TrainEvent } from '../../train/events.ts'
import { Batch } from '../../train/loader/batch.ts'
import { DataLoader } from '../../train/loader/loader.ts'
import type { Progress } from '../../train/loop/progress.ts'
import { train } from '../../train/loop.ts'
import type { Optimizer } from '../../train/optimizers.ts'
import { streetScenes } from '../../train/scenes/street.ts'
import { testDevice } from '../device.ts'
import { slowWanted, test } from '../harness.ts'
import { eventsOf, lossesOf, smallRun } from './small-runs.ts'

/** Ten losses of a narrow FRRN A on street scenes of 32×32 in float64, from the interpreter of the same program. */
const TEN_LOSSES = [
  5.66808, 4.854919, 4.018031, 4.024866, 3.865771, 4.105189, 3.49822, 3.43715, 3.528741, 3.452055,
]

// Adam's first step is ± the learning rate whatever the size of a gradient, so rounding turns some of them round and
// f32 goes its own way: seen are 4e-5 at the second step, and up to 1e-2 at the later ones.
const tolerances = [1e-6, 2e-4, ...Array<number>(8).fill(2e-2)]

const narrow = () => frrnA({ classes: 8, base: 4, lanes: 4, seed: 1 })

function tenSteps(device: Device) {
  const model = narrow()
  const data = new DataLoader(streetScenes({ height: 32, width: 32 }), { count: 2, seed: 1 })
  return smallRun(device, {
    model,
    steps: 10,
    batch: (step) => data.batch(step),
    loss: (image, [labels], mode) =>
      bootstrappedCrossEntropy(model.apply(image, mode), labels, { keep: 256 }),
    rate: () => 2e-3,
  })
}

test('train: ten losses of a narrow FRRN are those of float64', async () => {
  const device = await testDevice()
  const losses = lossesOf(await eventsOf(tenSteps(device)))
  assert.equal(losses.length, 10)
  losses.forEach((loss, i) => {
    const off = Math.abs(loss / TEN_LOSSES[i] - 1)
    assert.ok(off < tolerances[i], `step ${i + 1}: ${losses.join(', ')}`)
  })
})

async function stateOf(device: Device, ...parts: (Network | Optimizer)[]): Promise<number[][]> {
  const variables: Variable[] = parts.flatMap((part) => [...part.stateDict().values()])
  const out: number[][] = []
  for (const v of variables) out.push([...(await device.read(v))])
  return out
}

test('train: a run that was stopped and resumed from its checkpoint ends in the same bits', async () => {
  const device = await testDevice()
  const whole = smallRun(device, { model: narrow(), steps: 6 })
  const data = new DataLoader(streetScenes({ height: 16, width: 16 }), { count: 2, seed: 1 })
  const common = {
    steps: 6,
    batch: (step: number) => data.batch(step),
    rate: (step: number) => 4e-3 / (1 + step),
  }
  const wholeLosses = lossesOf(await eventsOf({ ...whole, ...common }))

  const stop = new AbortController()
  const first = smallRun(device, { model: narrow(), ...common, signal: stop.signal })
  let saved: { bytes: Uint8Array; progress: Progress } | undefined
  const firstLosses = lossesOf(
    await eventsOf({
      ...first,
      batch: async (step) => {
        if (step === 2) stop.abort()
        return data.batch(step)
      },
      save: async (_, progress) => {
        const info = { progress, classes: [], size: undefined, recipe: {} }
        const { bytes } = await encodeCheckpoint(device, first.model, first.optimizer, info)
        saved = { bytes, progress }
      },
    }),
  )
  assert.equal(saved?.progress.step, 3)

  const second = smallRun(device, { model: narrow(), ...common })
  const checkpoint = decodeCheckpoint(saved!.bytes, 'saved')
  loadModel(device, second.model, checkpoint)
  loadOptimizer(device, second.optimizer, checkpoint)
  const secondLosses = lossesOf(await eventsOf({ ...second, from: checkpoint.info.progress }))

  assert.deepEqual([...firstLosses, ...secondLosses], wholeLosses)
  assert.deepEqual(
    await stateOf(device, second.model, second.optimizer),
    await stateOf(device, whole.model, whole.optimizer),
  )
})

const MANY = slowWanted ? 1000 : 250

test(`train: ${MANY} steps make no buffer after the first few`, async () => {
  const device = await testDevice()
  const options = smallRun(device, { steps: MANY })
  let early = 0
  const events = await eventsOf({
    ...options,
    batch: (step) => {
      if (step === 50) early = device.stats().buffersMade
      return options.batch(step)
    },
  })
  assert.equal(lossesOf(events).length, MANY)
  assert.equal(device.stats().buffersMade - early, 0)
  const losses = lossesOf(events)
  assert.ok(mean(losses.slice(-50)) < 0.7 * mean(losses.slice(0, 10)), 'it learns')
})

const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length

test('train: steps come in order, each once, with the figures of a terminal bar', async () => {
  const device = await testDevice()
  const events = await eventsOf(smallRun(device, { steps: 40 }))
  const points = events.flatMap((e) => (e.kind === 'step' ? e.losses : []))
  assert.deepEqual(
    points.map(({ step }) => step),
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
  assert.equal(events[0].kind, 'start')
  const last = events[events.length - 1]
  assert.ok(last.kind === 'end' && last.reason === 'steps' && last.step === 40)
  for (const e of events)
    if (e.kind === 'step') {
      assert.equal(e.of, 40)
      assert.ok(e.ms > 0 && e.imagesPerSecond > 0 && e.bytes > 0 && e.eta >= 0 && e.lr === 5e-3)
      assert.equal(e.outOfRange, 0)
    }
})

test('train: a time limit ends the run, and its progress is that of the clock', async () => {
  const device = await testDevice()
  const seen: number[] = []
  const rate = (_: number, progress: number) => {
    seen.push(progress)
    return 1e-3
  }
  const events = await eventsOf(smallRun(device, { minutes: 0.02, steps: undefined, rate }))
  const last = events[events.length - 1]
  assert.ok(last.kind === 'end' && last.reason === 'minutes')
  assert.ok(last.seconds >= 1.2 && last.seconds < 10, `${last.seconds}`)
  assert.ok(seen.every((p, i) => p >= (seen[i - 1] ?? 0) && p < 1))
  await assert.rejects(eventsOf(smallRun(device, { steps: 3, minutes: 1 })), OptionError)
})

test('train: validates on time, tells the best, and keeps both checkpoints', async () => {
  const device = await testDevice()
  const scores = [0.2, 0.4, 0.3]
  const kept: string[] = []
  const events = await eventsOf(
    smallRun(device, {
      steps: 25,
      validateEvery: 10,
      validate: async () => ({ score: scores.shift()!, scoreName: 'mean IoU', figures: {} }),
      save: async (which, { step }) => void kept.push(`${which} ${step}`),
    }),
  )
  const validations = events.flatMap((e) => (e.kind === 'validation' ? [[e.step, e.best]] : []))
  assert.deepEqual(validations, [
    [10, true],
    [20, true],
    [25, false],
  ])
  assert.deepEqual(kept, ['best 10', 'last 10', 'best 20', 'last 20', 'last 25'])
  const last = events[events.length - 1]
  assert.deepEqual(last.kind === 'end' && last.best, { step: 20, score: 0.4 })
})

test('train: keeps a checkpoint every now and then, so that a crash costs little', async () => {
  const device = await testDevice()
  const kept: number[] = []
  const save = async (_: string, { step }: Progress) => void kept.push(step)
  await eventsOf(smallRun(device, { steps: 8, validateEvery: 8, saveEvery: 0, save }))
  assert.deepEqual(kept, [1, 2, 3, 4, 5, 6, 7, 8])
})

test('train: a batch that cannot be made ends the run, with a checkpoint of all that was learned', async () => {
  const device = await testDevice()
  const kept: string[] = []
  const save = async (which: string, { step }: Progress) => void kept.push(`${which} ${step}`)
  const options = smallRun(device, { steps: 9, save })
  const seen: TrainEvent[] = []
  const broken = async () => {
    const batch = (step: number) =>
      step < 5 ? options.batch(step) : Promise.reject(new DataError('5.png', 'is torn'))
    for await (const event of train({ ...options, batch, validateEvery: 9 })) seen.push(event)
  }
  await assert.rejects(broken, (error) => error instanceof DataError && error.file === '5.png')
  assert.deepEqual(kept, ['last 5'])
  assert.equal(lossesOf(seen).length, 5)
})

test('train: a validation that fails or is cut short costs no step, and is made up for', async () => {
  const device = await testDevice()
  const stop = new AbortController()
  const fails = () => Promise.reject(new DataError('v.png', 'is torn'))
  const aborts = async () => {
    stop.abort()
    return { score: 0.1, scoreName: 'mean IoU', figures: {} }
  }
  for (const validate of [fails, aborts]) {
    const kept: [string, Progress][] = []
    const save = async (which: string, at: Progress) => void kept.push([which, at])
    const options = smallRun(device, { steps: 8, validateEvery: 5, save, signal: stop.signal })
    const run = eventsOf({ ...options, validate })
    if (validate === fails) await assert.rejects(run, /v\.png: is torn/)
    else await run
    const [[which, from], ...others] = kept
    assert.deepEqual([which, from.step, from.unvalidated, others], ['last', 5, true, []])
    const good = async () => ({ score: 0.5, scoreName: 'mean IoU', figures: {} })
    const events = await eventsOf({ ...options, signal: undefined, from, validate: good })
    const at = events.flatMap((e) => (e.kind === 'validation' ? [e.step] : []))
    assert.deepEqual(at, [5, 8])
    assert.equal(kept.at(-1)![1].unvalidated, undefined)
    assert.equal(lossesOf(events).length, 3)
  }
})

test('train: a loss that is not finite stops the run and names the step; the watch names the value', async () => {
  const device = await testDevice()
  const rate = (step: number) => (step === 4 ? 3e38 : 1e-3)
  await assert.rejects(eventsOf(smallRun(device, { steps: 20, rate })), (error: Error) => {
    assert.ok(error instanceof NonFiniteError)
    assert.match(error.message, /^the loss of step 6 is NaN\n {2}hint: lower the learning rate/)
    return true
  })
  await assert.rejects(
    eventsOf(smallRun(device, { steps: 20, rate, watch: true })),
    (error: Error) => {
      assert.ok(error instanceof NonFiniteError)
      assert.match(error.message, /^step 5: \w+ in optimizer/)
      return true
    },
  )
})

test('train: labels that are neither a class nor void are counted and told', async () => {
  const device = await testDevice()
  const options = smallRun(device, { steps: 3 })
  const events = await eventsOf({
    ...options,
    batch: async (step) => {
      const batch = await options.batch(step)
      const labels = batch.labels.slice()
      if (step === 1) labels.fill(77, 0, 5)
      return new Batch({ ...batch, targets: [{ ...batch.targets[0], data: labels }] })
    },
  })
  const counted = events.flatMap((e) => (e.kind === 'step' ? [e.outOfRange] : []))
  assert.equal(
    counted.reduce((a, b) => a + b, 0),
    5,
  )
})
