// Networks that start from checkpoints of this library: from the same network, and from a classifier's.

import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { buildModel, type Network } from '../../models/index.ts'
import { encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import { Sgd } from '../../train/optimizers.ts'
import { readWeights } from '../../train/weights/files.ts'
import { loadWeights } from '../../train/weights/load.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const build = (name: string, options: object): Network =>
  buildModel({ name, options: { ...(name !== 'frrn-a' && { width: 2 }), ...options } })

async function checkpointOf(model: Network): Promise<Uint8Array> {
  const { bytes } = await encodeCheckpoint(
    await testDevice(),
    model,
    new Sgd(model.parameters(), { momentum: 0.9 }),
    { recipe: {}, classes: [], size: [8, 8], progress: { step: 1, seconds: 1 } } as never,
  )
  return bytes
}

async function saved(model: Network): Promise<string> {
  const file = join(mkdtempSync(join(tmpdir(), 'atrous-own-')), 'checkpoint.safetensors')
  writeFileSync(file, await checkpointOf(model))
  return file
}

/** Loads, and gives the paths that came from the file after comparing them. */
async function loaded(from: Network, to: Network, options: object = {}): Promise<string[]> {
  const device = await testDevice()
  const report = loadWeights(device, to, await readWeights(await saved(from)), options)
  for (const path of report.loaded) {
    const [a, b] = [from, to].map((model) => model.stateDict().get(path)!)
    assert.deepEqual(await device.read(b), await device.read(a), path)
  }
  return [...report.loaded]
}

const paths = (model: Network) => [...model.stateDict().keys()]
const bodies = (model: Network) =>
  paths(model).filter((path) => !/^(head|fc|classifier)\./.test(path))

test('own weights: a network for segmentation starts from a classifier, but for its last layer', async () => {
  for (const [classifier, segmenting] of [
    [build('resnet-18', { classes: 7, seed: 1 }), build('fcrn-18', { classes: 3, seed: 2 })],
    [
      build('model-16', { head: 'classify', downsample: 'strided', classes: 7, seed: 1 }),
      build('model-16', { classes: 3, seed: 2 }),
    ],
  ])
    for (const options of [{}, { part: 'backbone' }])
      assert.deepEqual(await loaded(classifier, segmenting, options), bodies(segmenting))
})

test('own weights: the same network for other classes starts from all but its last layer', async () => {
  for (const [name, options] of [
    ['resnet-18', {}],
    ['model-16', { head: 'classify' }],
    ['model-16', {}],
    ['fcrn-18', {}],
    ['frrn-a', { base: 4, lanes: 4 }],
  ] as const) {
    const make = (classes: number, seed: number) => build(name, { ...options, classes, seed })
    const other = make(3, 2)
    assert.deepEqual(await loaded(make(7, 1), other, { part: 'backbone' }), bodies(other), name)
    await assert.rejects(loaded(make(7, 1), make(3, 2)), (error: Error) => {
      assert.ok(error instanceof DataError)
      assert.match(error.message, /of another shape[\s\S]*part: 'backbone'/)
      return true
    })
    assert.deepEqual(await loaded(make(7, 1), make(7, 2)), paths(other), name)
  }
})

test('own weights: Model A1 is tuned from Model A, all of it', async () => {
  const [a, a1] = (['pool', 'strided'] as const).map((downsample, seed) =>
    build('model-16', { head: 'classify', downsample, classes: 5, seed }),
  )
  assert.deepEqual(await loaded(a, a1), paths(a1))
})

test('own weights: of a run the best', async () => {
  const [last, best] = [1, 2].map((seed) => build('resnet-18', { classes: 2, seed }))
  const folder = mkdtempSync(join(tmpdir(), 'atrous-own-run-'))
  writeFileSync(join(folder, 'checkpoint.safetensors'), await checkpointOf(last))
  writeFileSync(join(folder, 'checkpoint-best.safetensors'), await checkpointOf(best))
  const { file } = await readWeights(folder)
  assert.match(file, /checkpoint-best\.safetensors$/)
})
