// The readers of the papers' data sets, on real samples in their real layouts, and on files written to the letter of a format where
// no real one could be had.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openAde20k } from '../../train/data/ade20k.ts'
import { cityscapesIds, openCityscapes } from '../../train/data/cityscapes.ts'
import { CITYSCAPES_CLASSES } from '../../train/data/cityscapes-classes.ts'
import { CONTEXT_CLASSES, openContext } from '../../train/data/context.ts'
import { openFolder } from '../../train/data/folder.ts'
import { formatOf, openFiles } from '../../train/data/formats.ts'
import { vocColour } from '../../train/data/palette.ts'
import { openVoc } from '../../train/data/voc.ts'
import { readLabels, writeLabelsPng } from '../../train/pictures/images.ts'
import { needShared, test } from '../harness.ts'
import { names, present, refused, scratch, write, writeImage } from './reader-folders.ts'

test('the colours of VOC follow from the bits of the index', () => {
  for (const [k, colour] of [
    [0, [0, 0, 0]],
    [1, [128, 0, 0]],
    [2, [0, 128, 0]],
    [15, [192, 128, 128]],
    [20, [0, 64, 128]],
    [255, [224, 224, 192]],
  ] as const)
    assert.deepEqual(vocColour(k), colour)
})

test('VOC: splits, palette indices and objects of the real sample', async () => {
  const root = needShared('data/voc-sample')
  const [train, val] = await Promise.all(
    (['train', 'val'] as const).map((split) => openVoc(root, { split, objects: true })),
  )
  assert.deepEqual([train.size, val.size], [24, 20])
  await train.check()
  await val.check()
  const objects = new Array(21).fill(0)
  for (const set of [train, val])
    for (let i = 0; i < set.size; i++) {
      const { labels, instances, image, height, width } = await set.get(i)
      assert.equal(image.length, 3 * height * width)
      const classOf = new Map<number, number>()
      instances!.forEach((n, at) => {
        if (n > 0 && n < 255) classOf.set(n, labels[at])
        // Background and the band are the same in both masks.
        assert.equal(n === 0, labels[at] === 0)
        assert.equal(n === 255, labels[at] === 255)
      })
      for (const k of classOf.values()) objects[k]++
    }
  // Objects per class 1 … 20, as the sample states them.
  assert.deepEqual(objects.slice(1), [9, 5, 4, 8, 7, 5, 8, 4, 7, 4, 3, 2, 3, 3, 31, 1, 1, 2, 3, 5])
  const further = await openVoc(root, { split: 'val', list: 'class_only' })
  assert.equal(further.size, 9)
  assert.equal(
    (await openVoc(join(root, 'VOCdevkit'), { split: 'train', year: 'VOC2007' })).size,
    20,
  )
  assert.equal((await further.get(0)).instances, undefined)
})

test('Cityscapes: ids become train ids, objects keep their numbers, results their ids', async () => {
  const root = needShared('data/cityscapes-sample')
  const set = await openCityscapes(root, { split: 'train', objects: true })
  assert.equal(set.size, 8)
  await set.check()
  const { name, labels, instances, height, width } = await set.get(6)
  assert.deepEqual([name, height, width], ['aachen_000006_000019', 1024, 2048])
  const stem = join(root, 'gtFine/train/aachen', `${name}_gtFine_`)
  const ids = (await readLabels(`${stem}labelIds.png`)).values
  const back = cityscapesIds(labels)
  ids.forEach((id, i) => {
    const k = CITYSCAPES_CLASSES.findIndex((c) => c.id === id)
    assert.equal(labels[i], k < 0 ? 255 : k)
    assert.equal(back[i], k < 0 ? 0 : id)
    assert.ok(instances![i] === 0 || Math.floor(instances![i] / 1000) === id)
  })
  assert.ok(present(instances!).length > 2)
  const small = join(root, 'small-256x128')
  const [one] = [await (await openCityscapes(small, { split: 'val' })).get(0)]
  const train = await readLabels(
    join(small, `gtFine/val/frankfurt/${one.name}_gtFine_labelTrainIds.png`),
  )
  // Its train ids were made smaller on their own: as many pixels differ as the sample states.
  assert.equal(one.labels.filter((k, i) => k !== train.values[i]).length, 77)
  await refused(openCityscapes(root, { split: 'test' }), /has no folder leftImg8bit\/test/)
})

test('ADE20K: 150 named classes, what is none of them is void', async () => {
  const root = needShared('data/ade20k-sample')
  const set = await openAde20k(root, { split: 'val' })
  assert.equal(set.size, 3)
  await set.check()
  assert.deepEqual(
    set.classes.slice(0, 3).map((c) => c.name),
    ['wall', 'building', 'sky'],
  )
  assert.equal(set.classes.length, 150)
  for (let i = 0; i < set.size; i++) {
    const { name, labels } = await set.get(i)
    const file = join(root, 'ADEChallengeData2016/annotations/validation', `${name}.png`)
    const { values } = await readLabels(file)
    assert.ok(labels.every((k, at) => (values[at] === 0 ? k === 255 : k === values[at] - 1)))
  }
  await refused(openAde20k(root, { split: 'train' }), /has no folder .*images\/training/)
})

test('PASCAL-Context: 59 classes with background or without', async () => {
  const root = needShared('data/context-sample')
  const all = await openContext(root, { split: 'val' })
  const only = await openContext(root, { split: 'val', background: false })
  assert.deepEqual([all.size, all.classes.length, only.classes.length], [4, 60, 59])
  await all.check()
  for (let i = 0; i < 4; i++) {
    const [a, b] = await Promise.all([all.get(i), only.get(i)])
    assert.ok(a.labels.every((k, at) => b.labels[at] === (k === 0 || k === 255 ? 255 : k - 1)))
  }
  const listed = needShared('data/context-sample/classes-59.txt')
  const { readFileSync } = await import('node:fs')
  const names59 = readFileSync(listed, 'utf8').trim().split('\n')
  assert.deepEqual(
    names59.map((line) => line.replace(/^\d+: /, '').trim()),
    CONTEXT_CLASSES.map((c) => c.name),
  )
})

test('a folder of one’s own: classes by name, splits by list, by folder or by themselves', async () => {
  const root = scratch()
  const labels = Uint8Array.from([0, 1, 255, 1])
  const stems = Array.from({ length: 9 }, (_, i) => `p${i}`)
  for (const stem of stems) {
    await writeImage(root, `images/${stem}.png`, 2, 2)
    mkdirSync(join(root, 'labels'), { recursive: true })
    await writeLabelsPng(join(root, `labels/${stem}.png`), labels, 2, 2)
  }
  write(root, 'classes.txt', 'open sea 0 0 250\nland\n')
  const open = (split: 'train' | 'val' | 'test') => openFolder(root, { split })
  const [train, val] = [await open('train'), await open('val')]
  assert.deepEqual(train.classes, [
    { name: 'open sea', colour: [0, 0, 250] },
    { name: 'land', colour: [128, 0, 0] },
  ])
  assert.deepEqual([train.size, val.size], [8, 1])
  assert.deepEqual([...(await names(train)), ...(await names(val))].sort(), stems)
  assert.deepEqual([...(await val.get(0)).labels], [...labels])
  write(root, 'train.txt', 'p3\np1.png\n')
  assert.deepEqual(await names(await open('train')), ['p3', 'p1'])
  await refused(open('val'), /val\.txt: does not exist, but the split train is there/)
  write(root, 'val.txt', 'p4\n')
  const held = await open('test')
  assert.deepEqual([held.split, ...(await names(held))], ['val', 'p4'])
  write(root, 'val.txt', 'p9\n')
  await refused(open('val'), /names p9, which is not in images/)
  write(root, 'val.txt', 'p3\np3\n')
  await refused(open('val'), /names p3 in line 1 and in line 2/)
  write(root, 'classes.txt', 'land\nland\n')
  await refused(open('train'), /names land twice/)
  write(root, 'classes.txt', 'land\n')
  await refused((await open('train')).get(0), /has label 1 at row 0, column 1, which is no class/)
  await writeImage(root, 'images/q.png', 2, 2)
  await refused(open('train'), /q\.png: has no label/)
  await refused(openFolder(join(root, 'none'), { split: 'train' }), /does not exist/)
  rmSync(join(root, 'classes.txt'))
  assert.equal(await formatOf(root), 'folder')
  await refused(open('train'), /classes\.txt: .*does not exist/)
  await assert.rejects(openFiles('vok' as 'voc', root, 'train'), /no data format vok\n.*voc/)
  await refused(openVoc(root, { split: 'train' }), /has no folder/)
})
