// The search for the CRF's parameters: which trials there are, that they repeat, and that it stops when asked.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crfScene } from '../../bench/crf-scene.ts'
import { hostTensor } from '../../engine/index.ts'
import { crfPublished } from '../../train/crf/index.ts'
import {
  type CrfExamples,
  type CrfSearch,
  type CrfSearchOptions,
  crfRanges,
  searchCrf,
} from '../../train/crf/search.ts'
import { STREET_CLASSES, streetPainter } from '../../train/scenes/street.ts'
import { refused, scratch } from '../cli/cli.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const [HEIGHT, WIDTH, CLASSES] = [12, 16, STREET_CLASSES.length]

const examples: CrfExamples = {
  classes: STREET_CLASSES,
  size: 2,
  get: async (index) => {
    const { picture, probabilities } = crfScene(HEIGHT, WIDTH, CLASSES, index)
    return {
      picture,
      probabilities: hostTensor(probabilities, [1, HEIGHT, WIDTH, CLASSES]),
      labels: streetPainter(HEIGHT, WIDTH)(index, 0).labels,
    }
  },
}

const search = async (options: CrfSearchOptions): Promise<CrfSearch> =>
  searchCrf(await testDevice(), examples, { iterations: 3, ...options })

test('crf search: without, published, then drawn and moved; the same again for the same seed', async () => {
  const told: number[] = []
  const found = await search({ trials: 8, seed: 3, onTrial: ({ number }) => told.push(number) })
  assert.deepEqual(told, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  const { trials, best } = found
  assert.deepEqual(
    trials.slice(0, 6).map(({ how }) => how),
    ['without', ...Object.keys(crfPublished)],
  )
  assert.deepEqual(trials[1].parameters, crfPublished.original)
  const drawn = trials.find(({ how }) => how === 'drawn')!
  for (const [name, [low, high]] of Object.entries(crfRanges)) {
    const value = drawn.parameters![name as keyof typeof crfRanges]
    assert.ok(value >= 0.99 * low && value <= 1.01 * high, `${name} ${value}`)
  }
  const moved = trials.find(({ how }) => how.startsWith('moved'))!
  const earlier = trials.slice(1, moved.number)
  const start = earlier.reduce((a, b) => (b.meanIoU > a.meanIoU ? b : a)).parameters!
  const differ = Object.entries(moved.parameters!).filter(
    ([name, value]) => value !== start[name as keyof typeof crfRanges],
  )
  assert.ok(differ.length <= 1)
  assert.equal(best!.meanIoU, Math.max(...trials.slice(1).map(({ meanIoU }) => meanIoU)))
  assert.ok(best!.meanIoU > trials[0].meanIoU, 'the CRF does not help on noise')

  assert.deepEqual(await search({ trials: 8, seed: 3 }), found)
  const other = await search({ trials: 6, seed: 4 })
  assert.notDeepEqual(other.trials[6], trials[6])
})

test('crf search: stopped, it has the best of the trials that were through', async () => {
  const stop = new AbortController()
  const { trials, best } = await search({
    trials: 50,
    signal: stop.signal,
    onProgress: (trial, done) => {
      if (trial === 2 && done === 1) stop.abort()
    },
  })
  assert.deepEqual(
    trials.map(({ number }) => number),
    [0, 1],
  )
  assert.equal(best, trials[1])
  stop.abort()
  const none = await search({ trials: 5, signal: stop.signal })
  assert.deepEqual(none, { trials: [], best: undefined })
})

test('crf search: no trials and no examples are refused', async () => {
  await assert.rejects(() => search({ trials: 0 }), /0 trials/)
  const device = await testDevice()
  await assert.rejects(
    () => searchCrf(device, { ...examples, size: 0 }, { trials: 1 }),
    /no examples/,
  )
})

test('cli: crf-search refuses what it cannot search with', async () => {
  const cwd = scratch()
  await refused(['crf-search'], /RUN or CHECKPOINT is missing/, cwd)
  await refused(['crf-search', 'nowhere'], /nowhere/, cwd)
  await refused(['crf-search', 'x', '--trials', '0'], /--trials cannot be '0'/, cwd)
  await refused(['crf-search', 'x', '--normalisation', 'half'], /--normalisation.*symmetric/s, cwd)
  await refused(['crf-search', 'x', '--crf'], /--crf/, cwd)
  writeFileSync(join(cwd, 'x.safetensors'), 'none')
  await refused(['crf-search', 'x.safetensors'], /x.safetensors/, cwd)
})
