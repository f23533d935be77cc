// Results for the benchmarks' servers: read back, they are what was predicted.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { CITYSCAPES_CLASSES } from '../../train/data/cityscapes-classes.ts'
import { vocColour } from '../../train/data/palette.ts'
import { openVoc, VOC_CLASSES } from '../../train/data/voc.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { readLabels, writePng } from '../../train/pictures/images.ts'
import { colourPng } from '../../train/pictures/mask-png.ts'
import { Predictor } from '../../train/predict.ts'
import { Random } from '../../train/random.ts'
import { predictSplit } from '../../train/scoring/looks.ts'
import { openSubmission, openUnlabelled } from '../../train/submission/index.ts'
import { scratch } from '../cli/cli.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { RedNetwork } from './eval-network.ts'

const drawn = (seed: number, n: number, h: number, w: number): Uint8Array => {
  const random = new Random(seed)
  return Uint8Array.from({ length: h * w }, () => Math.floor(random.uniform() * n))
}

const kinds = (n: number): ClassInfo[] =>
  Array.from({ length: n }, (_, i) => ({ name: `class ${i + 1}`, colour: [0, 0, 0] }))

test("submission: VOC's indices and colours come back, in the devkit's folders", async () => {
  const folder = scratch()
  const voc = { name: 'voc', split: 'test', classes: VOC_CLASSES } as const
  const submission = await openSubmission(folder, voc, { competition: 5 })
  const sizes = [
    [7, 5],
    [1, 1],
    [33, 500],
  ] as const
  for (const [i, [h, w]] of sizes.entries())
    await submission.write(`2008_00000${i}`, drawn(i, 21, h, w), h, w)
  const inside = join(folder, 'results/VOC2012/Segmentation')
  assert.deepEqual(
    readdirSync(inside).filter((name) => !name.includes('.part-')),
    [],
  )
  await submission.finish()
  assert.deepEqual(readdirSync(inside), ['comp5_test_cls'])
  for (const [i, [h, w]] of sizes.entries()) {
    const file = join(inside, 'comp5_test_cls', `2008_00000${i}.png`)
    const { values, height, width } = await readLabels(file)
    assert.deepEqual([height, width, [...values]], [h, w, [...drawn(i, 21, h, w)]])
    // Another decoder sees the colours of the classes.
    const { data, info } = await sharp(file)
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    assert.deepEqual([info.height, info.width, info.channels], [h, w, 3])
    const colours = [...drawn(i, 21, h, w)].flatMap((k) => vocColour(k))
    assert.deepEqual([...data], colours)
  }
  await assert.rejects(openSubmission(folder, voc, { competition: 5 }), /holds 3 files already/)
})

test('submission: Cityscapes in label ids at full size, ADE20K with one more than the class', async () => {
  const folder = scratch()
  const city = { name: 'cityscapes', split: 'val', classes: CITYSCAPES_CLASSES } as const
  const submission = await openSubmission(join(folder, 'city'), city)
  const name = 'frankfurt_000000_000294'
  const classes = drawn(2, 19, 1024, 2048)
  await submission.write(name, classes, 1024, 2048)
  await assert.rejects(
    submission.write('small', new Uint8Array(2), 1, 2),
    /small: is 1×2, and cityscapes takes results of 1024×2048/,
  )
  await submission.finish()
  const file = join(folder, 'city', `${name}_pred.png`)
  const { values } = await readLabels(file)
  assert.ok(values.every((id, i) => id === CITYSCAPES_CLASSES[classes[i]].id))

  mkdirSync(join(folder, 'ade'))
  const ade = { name: 'ade20k', split: 'val', classes: kinds(150) } as const
  const other = await openSubmission(join(folder, 'ade'), ade)
  await other.write('ADE_val_00000001', drawn(3, 150, 20, 30), 20, 30)
  await other.finish()
  const read = await readLabels(join(folder, 'ade', 'ADE_val_00000001.png'))
  assert.deepEqual(
    [...read.values],
    [...drawn(3, 150, 20, 30)].map((k) => k + 1),
  )
})

test('submission: what would be numbered wrongly is refused, and what was not finished is not there', async () => {
  const folder = scratch()
  const open = (name: string, classes: readonly ClassInfo[]) =>
    openSubmission(join(folder, 'new'), { name, split: 'test', classes })
  await assert.rejects(open('voc', VOC_CLASSES.slice(1)), /there are 20 classes, and voc has 21/)
  const swapped = [...VOC_CLASSES.slice(0, 19), VOC_CLASSES[20], VOC_CLASSES[19]]
  await assert.rejects(open('voc', swapped), /class 19 is tvmonitor, and voc has train there/)
  await assert.rejects(open('ade20k', kinds(149)), /149 classes, and ade20k has 150/)
  await assert.rejects(open('camvid', kinds(11)), /no form in which results on camvid are sent in/)
  writeFileSync(join(folder, 'file'), '')
  const voc = { name: 'voc', split: 'test', classes: VOC_CLASSES } as const
  await assert.rejects(openSubmission(join(folder, 'file'), voc), /file/)
  const submission = await openSubmission(join(folder, 'new'), voc)
  await submission.write('a', new Uint8Array(1), 1, 1)
  await submission.discard()
  assert.deepEqual(readdirSync(join(folder, 'new/results/VOC2012/Segmentation')), [])
})

test('submission: a test split without labels is predicted whole', async () => {
  const device = await testDevice()
  const root = scratch()
  const names = ['2008_000006', '2008_000011', '2008_000012']
  const sizes = [
    [9, 12],
    [12, 9],
    [9, 12],
  ] as const
  mkdirSync(join(root, 'VOC2012/ImageSets/Segmentation'), { recursive: true })
  mkdirSync(join(root, 'VOC2012/JPEGImages'))
  writeFileSync(join(root, 'VOC2012/ImageSets/Segmentation/test.txt'), `${names.join('\n')}\n`)
  for (const [i, name] of names.entries()) {
    const [height, width] = sizes[i]
    const data = new Uint8Array(3 * height * width)
    drawn(i, 21, height, width).forEach((k, p) => {
      data[3 * p] = k
    })
    // Lossless, whatever the name says.
    await writePng(join(root, 'VOC2012/JPEGImages', `${name}.jpg`), { data, height, width })
  }
  await assert.rejects(openVoc(root, { split: 'test' }), /labels are not public/)
  const dataset = await openUnlabelled('voc', root, VOC_CLASSES)
  await dataset.check()
  assert.deepEqual([dataset.size, dataset.split], [3, 'test'])
  assert.ok((await dataset.get(1)).labels.every((v) => v === 255))
  using predictor = new Predictor(device, new RedNetwork(21))
  const out = join(root, 'out')
  const submission = await openSubmission(out, dataset)
  await predictSplit(predictor, dataset, {
    onExample: ({ name, height, width }, mask) => submission.write(name, mask, height, width),
  })
  await submission.finish()
  assert.deepEqual(
    readdirSync(submission.folder),
    names.map((name) => `${name}.png`),
  )
  for (const [i, name] of names.entries()) {
    const { values } = await readLabels(join(submission.folder, `${name}.png`))
    const [height, width] = sizes[i]
    assert.deepEqual([...values], [...drawn(i, 21, height, width)])
  }
  const city = join(root, 'leftImg8bit/test/berlin')
  mkdirSync(city, { recursive: true })
  mkdirSync(join(root, 'release_test/testing'), { recursive: true })
  const dot = { data: Uint8Array.of(3, 0, 0), height: 1, width: 1 }
  await writePng(join(city, 'berlin_000001_000019_leftImg8bit.png'), dot)
  await writePng(join(root, 'release_test/testing/ADE_test_00000001.jpg'), dot)
  for (const [kind, classes, name] of [
    ['cityscapes', CITYSCAPES_CLASSES, 'berlin_000001_000019'],
    ['ade20k', kinds(150), 'ADE_test_00000001'],
  ] as const) {
    const { size, get } = await openUnlabelled(kind, root, classes)
    assert.deepEqual([size, (await get(0)).name], [1, name])
  }
  assert.ok(existsSync(join(out, 'results/VOC2012/Segmentation/comp6_test_cls')))
  await assert.rejects(openUnlabelled('camvid', root, kinds(11)), /has no test split without/)
  const elsewhere = openUnlabelled('cityscapes', out, CITYSCAPES_CLASSES)
  await assert.rejects(elsewhere, /has no folder leftImg8bit/)
})

test('submission: a mask in colours is read back as colours, at sizes of one row and of many', async () => {
  const colours = [0, 1, 2].map((k) => vocColour(k + 3))
  for (const [h, w] of [
    [1, 1],
    [5, 7],
    [900, 130],
  ]) {
    const values = drawn(h, 3, h, w)
    values[0] = 255
    const { data, info } = await sharp(await colourPng(values, h, w, colours))
      .raw()
      .toBuffer({ resolveWithObject: true })
    assert.deepEqual([info.height, info.width, info.channels], [h, w, 3])
    const expected = [...values].flatMap((k) => colours[k] ?? [0, 0, 0])
    assert.ok(data.equals(Uint8Array.from(expected)), `${h}×${w}`)
  }
  await assert.rejects(colourPng(new Uint8Array(3), 2, 2, colours), /3 indices are not 2×2/)
})
