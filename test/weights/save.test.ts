// Weights exported under our names or torchvision's, written and read again: the same bits, or the nearest that the type holds.

import assert from 'node:assert/strict'
import { buildModel } from '../../models/index.ts'
import type { AnyModule } from '../../nn/module.ts'
import { encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import { Sgd } from '../../train/optimizers.ts'
import { decodeWeights } from '../../train/weights/decode.ts'
import { loadWeights } from '../../train/weights/load.ts'
import { type ExportOptions, exportWeights } from '../../train/weights/save.ts'
import { decodeShards, encodeShards, type ShardOptions } from '../../train/weights/shards.ts'
import type { Weights } from '../../train/weights/tensor.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const narrow = { width: 2, classes: 3 } as const

const resnet = (depth: number, options: object = {}) =>
  buildModel({ name: `resnet-${depth}`, options: { ...narrow, ...options } })

const all = (model: AnyModule) => [...model.stateDict().keys()]

/** What was exported, written and read again. */
async function readBack(model: AnyModule, options: ExportOptions & ShardOptions): Promise<Weights> {
  const { tensors, metadata } = await exportWeights(await testDevice(), model, options)
  const files = new Map(
    [...encodeShards(tensors, { ...options, metadata })].map(({ name, bytes }) => [name, bytes]),
  )
  const load = (name: string) => decodeWeights(files.get(name)!, name)
  const index = [...files.keys()].find((name) => name.endsWith('.json'))
  return index ? decodeShards(files.get(index)!, index, load) : load([...files.keys()][0])
}

for (const keys of ['atrous', 'torch', 'torchvision'] as const)
  for (const maxBytes of [1e9, 2000])
    test(`saved with the names of ${keys} in files of ${maxBytes} bytes and loaded: the same bits`, async () => {
      const device = await testDevice()
      const model = resnet(18, { seed: 1 })
      const weights = await readBack(model, { keys, maxBytes })
      const other = resnet(18, { seed: 2 })
      const report = loadWeights(device, other, weights)
      assert.equal(report.keys, keys)
      for (const [path, variable] of model.stateDict())
        assert.deepEqual(
          await device.read(other.stateDict().get(path)!),
          await device.read(variable),
        )
    })

test('saved as f16 and bf16 and loaded: the nearest numbers', async () => {
  const device = await testDevice()
  const model = resnet(18, { seed: 1 })
  for (const [dtype, bits] of [
    ['f16', 11],
    ['bf16', 8],
  ] as const) {
    const other = resnet(18, { seed: 2 })
    loadWeights(device, other, await readBack(model, { dtype }))
    for (const [path, variable] of model.stateDict()) {
      const [want, got] = [
        await device.read(variable),
        await device.read(other.stateDict().get(path)!),
      ]
      got.forEach((v, i) => {
        assert.ok(
          Math.abs((v as number) - (want[i] as number)) <=
            Math.max(Math.abs(want[i] as number) * 2 ** -bits, 2 ** -25),
          path,
        )
      })
    }
  }
})

test('a part saved from one network goes into another, and torchvision has no place for a head', async () => {
  const device = await testDevice()
  const from = buildModel({ name: 'fcrn-18', options: { ...narrow, seed: 1 } })
  const weights = await readBack(from, { part: 'backbone' })
  const to = buildModel({ name: 'gcn-18', options: { ...narrow, seed: 2 } })
  const report = loadWeights(device, to, weights, { part: 'backbone' })
  assert.deepEqual([report.keys, report.fresh, report.missing], ['atrous', [], []])
  await assert.rejects(
    exportWeights(device, from, { keys: 'torchvision' }),
    /no place for head\.classifier\.weight/,
  )
  const backbone = await readBack(from, { keys: 'torchvision', part: 'backbone' })
  assert.ok(backbone.tensors.has('layer4.1.bn2.running_var'))
  await assert.rejects(
    exportWeights(device, from, { part: 'bakbone' }),
    /no variables below 'bakbone'/,
  )
})

test('a checkpoint of training is loaded as weights, without its optimiser', async () => {
  const device = await testDevice()
  const model = resnet(18, { seed: 1 })
  const optimizer = new Sgd(model.parameters())
  const progress = { step: 1, seconds: 1, images: 1 }
  const { bytes } = await encodeCheckpoint(device, model, optimizer, {
    ...{ recipe: {}, classes: ['a', 'b', 'c'], progress },
  } as never)
  const other = resnet(18, { seed: 2 })
  const report = loadWeights(device, other, await decodeWeights(bytes, 'checkpoint.safetensors'))
  assert.deepEqual([report.prefix, report.loaded.length], ['model.', all(model).length])
})
