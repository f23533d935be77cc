// `paths` and `field` as a person meets them.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildModel, type Network } from '../../models/index.ts'
import { encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import { writeAtomic } from '../../train/files.ts'
import { readImage, writePng } from '../../train/pictures/images.ts'
import { STREET_CLASSES } from '../../train/scenes/street.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

const narrow = ['--width', '4', '--option', 'depthMultiplier=0.5', '--classes', '8']

test('cli: paths prints a row for each length and writes the chart', async () => {
  await testDevice()
  const chart = join(scratch(), 'new/paths.svg')
  const args = ['paths', 'fcrn-18', ...narrow, '--input', '16x24', '--batch', '2', '--draws', '3']
  const other = ['--json', '--every', '3', '--seed', '2', '--statistics', 'batch']
  const [text, json] = await Promise.all([ran([...args, '--out', chart]), ran([...args, ...other])])
  assert.equal(text.code, 0, text.err)
  assert.match(text.err, /^16 gradients: the whole one, and 3 draws for each of 5 k;/m)
  assert.match(text.out, /^fcrn-18 \(.*width 4.*\), starting values: not trained\n/)
  assert.match(
    text.out,
    /\n4 residual units; gradient of the cross entropy at 2 images of 16x24; 3 draws for each k\n/,
  )
  assert.match(text.out, /\n +0 {2}\d\.\d\de[+-]\d+ .*\n +1 .*\n +2 .*\n +3 .*\n +4 {2}\d[^\n]*\n$/)
  assert.match(readFileSync(chart, 'utf8'), /^<svg /)

  const { units, lengths, statistics, model } = JSON.parse(json.out)
  assert.deepEqual([units, statistics, model.name], [4, 'batch', 'fcrn-18'])
  assert.deepEqual(
    lengths.map(({ k, norms }: { k: number; norms: number[] }) => [k, norms.length]),
    [
      [0, 3],
      [3, 3],
    ],
  )
})

test('cli: field prints where the shares are and writes a picture with its frame', async () => {
  await testDevice()
  const folder = scratch()
  for (const name of ['a', 'b']) {
    const data = Uint8Array.from(
      { length: 20 * 30 * 3 },
      (_, i) => (i * (name === 'a' ? 7 : 11)) % 256,
    )
    await writePng(join(folder, `photos/${name}.png`), { data, height: 20, width: 30 })
  }
  const photos = ['--images', join(folder, 'photos'), '--input', '48x64']
  const out = join(folder, 'field.png')
  const of = ['field', 'fcrn-18', ...narrow, ...photos]
  const [text, json] = await Promise.all([
    ran([...of, '--option', 'kernel=3', '--option', 'dilation=1', '--out', out]),
    ran([...of, '--at', '0,7', '--channel', '3', '--json']),
  ])
  assert.equal(text.code, 0, text.err)
  assert.match(text.out, /field of the largest score at pixel 24, 32, mean of 2 images of 48x64\n/)
  assert.match(text.out, /share of it +50 % +90 % +95 % +99 %\n.*square.*\n.*strongest first/)
  assert.match(text.out, /field of view of the classifier 24 x 24\n$/)
  const { data, height, width } = await readImage(out)
  assert.deepEqual([height, width], [5 * 48, 5 * 64])
  const at = (y: number, x: number) =>
    Array.from(data.subarray(3 * (5 * y * width + 5 * x)).subarray(0, 3))
  const frame = at(24 - 11, 32)
  assert.deepEqual([at(24 + 12, 32), at(24, 32 - 11), at(24, 32 + 12)], [frame, frame, frame])
  assert.notDeepEqual(at(24, 32), frame)

  const found = JSON.parse(json.out)
  assert.deepEqual([found.pixel, found.images, found.channel], [[0, 56], 2, 3])
  assert.deepEqual([found.shares.length, found.field], [4, undefined])
})

/** A checkpoint of a network as it starts. */
async function saved(model: Network): Promise<string> {
  const file = join(scratch(), 'checkpoint.safetensors')
  const { bytes } = await encodeCheckpoint(await testDevice(), model, undefined, {
    progress: { step: 7 } as never,
    classes: STREET_CLASSES,
    size: [16, 32],
    recipe: { data: { kind: 'street', seed: 3, height: 16, width: 32 } },
  })
  await writeAtomic(file, bytes)
  return file
}

test('cli: paths and field read a checkpoint: its network, its weights, its size and its data', async () => {
  const options = { width: 4, depthMultiplier: 0.5, classes: 8, seed: 5 }
  const file = await saved(buildModel({ name: 'fcrn-18', options }))
  const figures = async (...more: string[]) => {
    const { code, out, err } = await ran([...more, '--json'])
    assert.equal(code, 0, err)
    return JSON.parse(out)
  }
  const one = ['--draws', '1', '--batch', '1']
  const form = ['fcrn-18', ...narrow, '--input', '16x32']
  const [found, loaded, fresh, field] = await Promise.all([
    figures('paths', '--checkpoint', file, ...one),
    figures('paths', ...form, '--weights', file, ...one),
    figures('paths', ...form, '--option', 'seed=5', ...one),
    figures('field', 'fcrn-18', '--checkpoint', file, '--count', '1'),
  ])
  assert.deepEqual([found.units, found.of, found.images], [4, 'cross entropy', [1, 16, 32]])
  assert.deepEqual(found.model, fresh.model)
  assert.deepEqual(field.pixel, [8, 16])
  assert.equal(loaded.weights, file)
  // It holds the starting values of seed 5, and the run's scenes are others.
  assert.deepEqual(loaded.lengths, fresh.lengths)
  assert.notEqual(found.full, fresh.full)

  await Promise.all([
    refused(['paths', 'frrn-b', '--checkpoint', file], /is a checkpoint of fcrn-18, not of frrn-b/),
    refused(
      ['field', '--checkpoint', file, '--width', '3'],
      /--width cannot change a trained network/,
    ),
    refused(['field', '--checkpoint', file, '--weights', file], /exclude each other/),
  ])
})

test('cli: what paths and field cannot do is refused before a device is opened', async () => {
  const chart = join(scratch(), 'none.jpg')
  await Promise.all([
    refused(['paths'], /MODEL is missing/),
    refused(['paths', 'frrm-a'], /no model 'frrm-a'\n.*frrn-a/),
    refused(['paths', 'fcrn-18', '--out', chart], /--out cannot be .*\n.*\.svg or \.png/),
    refused(['field', 'fcrn-18', '--at', '3'], /--at cannot be '3'\n.*3,5/),
    refused(['field', 'fcrn-18', '--channel', 'x'], /--channel cannot be 'x'/),
    refused(['field', 'fcrn-18', '--images', '/no/such', '--data', 'street'], /exclude each other/),
    refused(['field', 'fcrn-18', '--images', '/no/such'], /\/no\/such: cannot be opened/),
  ])
  assert.ok(!existsSync(chart))
})
