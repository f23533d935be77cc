// What looking through a data set finds, on the real one whose figures are known and on drawn ones with a fault each.

import assert from 'node:assert/strict'
import { DataError } from '../engine/errors.ts'
import { openCamvid } from '../train/data/camvid.ts'
import { formatOf, openFiles } from '../train/data/formats.ts'
import { preflight, preflightText } from '../train/data/preflight.ts'
import type { Dataset, Example } from '../train/dataset.ts'
import { Random } from '../train/random.ts'
import { atrous, refused } from './cli.ts'
import { needShared, test } from './harness.ts'

const drawn = (
  size: number,
  classes: number,
  draw: (i: number) => Uint8Array | Error,
): Dataset => ({
  ...{ name: 'drawn', split: 'train', ignore: 255, size },
  classes: Array.from({ length: classes }, (_, k) => ({ name: `c${k}`, colour: [k, k, k] })),
  get: async (i): Promise<Example> => {
    const labels = draw(i)
    if (labels instanceof Error) throw labels
    return { name: `${i}`, labels, image: new Uint8Array(3 * 64).fill(51), height: 8, width: 8 }
  },
})

test('the figures of CamVid’s val split are those that its description states', async () => {
  const found = await preflight(await openCamvid(needShared('data/camvid'), { split: 'val' }))
  assert.equal(found.examples, 101)
  assert.deepEqual(
    [found.height, found.width],
    [
      [360, 360],
      [480, 480],
    ],
  )
  const stated = [9.336, 26.412, 0.574, 29.455, 8.87, 16.619, 0.908, 3.131, 1.776, 0.662, 2.256]
  found.classes.forEach(({ share }, k) => {
    assert.ok(Math.abs(100 * share - stated[k]) < 5e-4, `${share} for ${stated[k]}`)
  })
  assert.ok(Math.abs(100 * found.void - 1.703) < 5e-4)
  assert.deepEqual([found.problems, found.warnings], [[], []])
})

test('weights by median frequency, mean and deviation follow their definitions', async () => {
  const halves = (i: number) =>
    Uint8Array.from({ length: 64 }, (_, at) => (i === 0 ? (at < 48 ? 0 : 1) : at < 32 ? 2 : 255))
  const found = await preflight(drawn(2, 3, halves))
  const f = [48 / 64, 16 / 64, 1]
  assert.deepEqual(
    found.classes.map((c) => c.medianWeight),
    f.map((v) => 0.75 / v),
  )
  assert.deepEqual(
    found.classes.map((c) => c.images),
    [1, 1, 1],
  )
  assert.deepEqual(found.mean, [0.2, 0.2, 0.2])
  assert.ok(found.deviation.every((v) => v < 1e-7))
  assert.equal(found.void, 0.25)
  assert.match(preflightText(found), /^drawn, train: 2 images, 8×8, 25.00 % void\n/)
})

test('labels that count from one, that were smoothed, and files that cannot be read are said', async () => {
  const random = new Random(4)
  const fromOne = await preflight(drawn(3, 3, () => new Uint8Array(64).map(() => random.int(1, 2))))
  assert.match(fromOne.warnings[0], /no pixel is c0: where labels count from 1/)
  // From 0 to 8 by way of 4 at every edge.
  const ramp = Uint8Array.from({ length: 64 }, (_, i) => [0, 0, 4, 8, 8, 4, 0, 0][i % 8])
  const smooth = await preflight(drawn(20, 9, () => ramp))
  assert.ok(smooth.warnings.some((w) => /by way of a class between the two/.test(w)))
  const sharp = await preflight(
    drawn(20, 9, () => Uint8Array.from({ length: 64 }, (_, i) => [0, 0, 4, 4, 8, 8, 0, 0][i % 8])),
  )
  assert.ok(!sharp.warnings.some((w) => /between/.test(w)))
  const broken = await preflight(
    drawn(3, 2, (i) =>
      i === 1 ? new DataError('b.png', 'is torn') : new Uint8Array(64).fill(255),
    ),
  )
  assert.deepEqual([broken.examples, broken.problems.length], [2, 1])
  assert.match(broken.problems[0], /b\.png/)
  assert.match(broken.warnings[0], /every pixel is void/)
  await assert.rejects(preflight(drawn(1, 1, () => new TypeError('a bug'))), TypeError)
})

test('a folder is known by what lies in it', async () => {
  for (const [folder, format, size] of [
    ['data/camvid', 'camvid', 101],
    ['data/voc-sample', 'voc', 20],
    ['data/voc-sample/VOCdevkit/VOC2012', 'voc', 20],
    ['data/ade20k-sample', 'ade20k', 3],
    ['data/cityscapes-sample/small-256x128', 'cityscapes', 1],
    ['data/context-sample', 'context', 4],
  ] as const) {
    const root = needShared(folder)
    assert.equal(await formatOf(root), format)
    assert.equal((await openFiles(format, root, 'val')).size, size)
  }
  await assert.rejects(formatOf(needShared('data')), /laid out as none of the data sets/)
  await assert.rejects(formatOf('/no/such/folder'), /does not exist/)
})

test('cli: data says what is in a folder, and what is wrong with it in its exit code', async () => {
  const root = needShared('data/cityscapes-sample/small-256x128')
  const { code, out } = await atrous(['data', root, '--split', 'val'])
  assert.equal(code, 0)
  assert.match(out, /^laid out as cityscapes\n\ncityscapes, val: 1 images, 128×256, /)
  const json = await atrous(['data', root, '--split', 'val', '--json'])
  const { format, splits } = JSON.parse(json.out)
  assert.deepEqual([format, splits.length, splits[0].classes.length], ['cityscapes', 1, 19])
  await refused(['data', root, '--split', 'train'], /has no folder leftImg8bit\/train/)
  await refused(['data', root, '--format', 'mnist'], /format/)
})
