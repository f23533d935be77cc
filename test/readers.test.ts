// The readers of the papers' data sets, on real samples in their real layouts, and on files written to the letter of a format where
// no real one could be had.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DataError, OptionError } from '../engine/errors.ts'
import { openAde20k } from '../train/data/ade20k.ts'
import { cityscapesIds, openCityscapes } from '../train/data/cityscapes.ts'
import { CITYSCAPES_CLASSES } from '../train/data/cityscapes-classes.ts'
import { openCoco } from '../train/data/coco.ts'
import { CONTEXT_CLASSES, openContext } from '../train/data/context.ts'
import { openFolder } from '../train/data/folder.ts'
import { formatOf, openFiles } from '../train/data/formats.ts'
import { matImage, readMat } from '../train/data/mat.ts'
import { vocColour } from '../train/data/palette.ts'
import { fillPolygon, maskOfRuns, packCounts, runLengths, unpackCounts } from '../train/data/rle.ts'
import { openSbd, openVocAugmented, readSbdCategories } from '../train/data/sbd.ts'
import { openVoc, VOC_CLASSES } from '../train/data/voc.ts'
import type { Dataset } from '../train/dataset.ts'
import { readLabels, writeLabelsPng, writePng } from '../train/pictures/images.ts'
import { Random } from '../train/random.ts'
import { needShared, test } from './harness.ts'
import { type MatNode, matFile } from './mat-file.ts'

const scratch = () => mkdtempSync(join(tmpdir(), 'atrous-readers-'))

function write(folder: string, file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), content)
}

async function writeImage(folder: string, file: string, height: number, width: number) {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  const data = new Uint8Array(3 * height * width).fill(90)
  await writePng(join(folder, file), { data, height, width })
}

const present = (values: ArrayLike<number>) =>
  [...new Set(Array.from(values))].sort((a, b) => a - b)

async function names(dataset: Dataset): Promise<string[]> {
  const all = []
  for (let i = 0; i < dataset.size; i++) all.push((await dataset.get(i)).name)
  return all
}

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

const image = (rows: readonly (readonly number[])[], type?: 'uint16' | 'double'): MatNode => ({
  // Column by column.
  numbers: rows[0].flatMap((_, x) => rows.map((row) => row[x])),
  shape: [rows.length, rows[0].length],
  ...(type && { type }),
})

const rows = [
  [0, 0, 7],
  [3, 3, 20],
]

test('MATLAB files: compressed and not, of both orders of bytes, short elements and long ones', () => {
  for (const compressed of [false, true])
    for (const big of [false, true])
      for (const short of [false, true])
        for (const type of [undefined, 'uint16', 'double'] as const) {
          const bytes = matFile(
            {
              other: { numbers: [1], shape: [1, 1] },
              GTcls: {
                struct: {
                  Boundaries: { cells: [{ sparse: true }, { numbers: [], shape: [0, 0] }] },
                  Segmentation: image(rows, type),
                },
              },
            },
            { compressed, big, short },
          )
          const value = readMat(bytes, 'x.mat').get('GTcls')
          assert.ok(value?.kind === 'struct')
          const { values, height, width } = matImage(value.items[0]['Segmentation'], 's', 'x.mat')
          assert.deepEqual([[...values], height, width], [rows.flat(), 2, 3])
          const cells = value.items[0]['Boundaries']
          assert.ok(cells?.kind === 'cell' && cells.items[0] === undefined)
        }
})

test('MATLAB files: every cut and every changed byte is an error by name, or still a file', () => {
  const bytes = matFile({ GTcls: { struct: { Segmentation: image(rows) } } })
  const tryIt = (changed: Uint8Array) => {
    try {
      readMat(changed, 'x.mat')
    } catch (error) {
      assert.ok(error instanceof DataError && /x\.mat/.test(error.message), String(error))
    }
  }
  for (let n = 0; n < bytes.length; n++) tryIt(bytes.slice(0, n))
  const random = new Random(8)
  for (let i = 0; i < 3000; i++) {
    const changed = bytes.slice()
    changed[random.int(0, bytes.length - 1)] = random.int(0, 255)
    tryIt(changed)
  }
  assert.throws(() => readMat(new Uint8Array(300), 'x.mat'), /is no MATLAB file of level 5/)
})

/** A VOC devkit and an SBD folder of five and six images: c and d are in VOC's val, e in neither list. */
async function sbdFolder() {
  const root = scratch()
  const list = (file: string, ...lines: string[]) =>
    write(root, `VOC2012/ImageSets/${file}.txt`, `${lines.join('\n')}\n`)
  list('Segmentation/train', 'a', 'b')
  list('Segmentation/val', 'c', 'd')
  list('Main/train', 'a', 'e')
  list('Main/val', 'c', 'f')
  const grey = Uint8Array.from(rows.flat())
  for (const name of ['a', 'b', 'c', 'd']) {
    await writeImage(root, `VOC2012/JPEGImages/${name}.jpg`, 2, 3)
    mkdirSync(join(root, 'VOC2012/SegmentationClass'), { recursive: true })
    await writeLabelsPng(join(root, `VOC2012/SegmentationClass/${name}.png`), grey, 2, 3)
  }
  for (const name of ['a', 'c', 'e', 'f']) {
    await writeImage(root, `sbd/dataset/img/${name}.jpg`, 2, 3)
    const cls = matFile({ GTcls: { struct: { Segmentation: image(rows) } } }, { compressed: true })
    write(root, `sbd/dataset/cls/${name}.mat`, cls)
    const inst = matFile({
      GTinst: {
        struct: {
          Segmentation: image([
            [0, 0, 1],
            [2, 2, 3],
          ]),
          Categories: { numbers: [7, 3, 20], shape: [3, 1], type: 'double' },
        },
      },
    })
    write(root, `sbd/dataset/inst/${name}.mat`, inst)
  }
  write(root, 'sbd/dataset/train.txt', 'a\nc\n')
  write(root, 'sbd/dataset/val.txt', 'e\nf\n')
  return { voc: root, sbd: join(root, 'sbd') }
}

test('SBD: divided by the lists of VOC, instances with their classes, no image of VOC’s val to train on', async () => {
  const { voc, sbd } = await sbdFolder()
  const open = (part: Parameters<typeof openSbd>[1]['part'], more = {}) =>
    openSbd(sbd, { part, voc, ...more })
  const train = await open('instances-train', { objects: true })
  assert.deepEqual(await names(train), ['a', 'e'])
  assert.deepEqual(await names(await open('instances-val')), ['c', 'f'])
  assert.deepEqual(await names(await open('extra')), ['e', 'f'])
  assert.deepEqual(await names(await open('own-val')), ['e', 'f'])
  const { labels, instances } = await train.get(1)
  assert.deepEqual([...labels], rows.flat())
  assert.deepEqual([...instances!], [0, 0, 1, 2, 2, 3])
  assert.deepEqual(await readSbdCategories(join(sbd, 'dataset/inst/e.mat')), [7, 3, 20])
  await refused(open('own-train'), /train\.txt: names 1 images of VOC 2012's val, c first/)
  await assert.rejects(openSbd(sbd, { part: 'extra' }), OptionError)
  const augmented = await openVocAugmented(voc, sbd)
  assert.deepEqual(await names(augmented), ['a', 'b', 'e', 'f'])
  assert.deepEqual(augmented.classes, VOC_CLASSES)
})

test('SBD: class labels of the real sample, and the official lists', async () => {
  const root = needShared('data/sbd-sample')
  const { cpSync } = await import('node:fs')
  const folder = scratch()
  cpSync(join(root, 'dataset'), folder, { recursive: true })
  const set = await openSbd(folder, { part: 'instances-val' }).catch((error) => error)
  assert.match(String(set), /sds_val\.txt[\s\S]*add the list, an image a line/)
  cpSync(join(root, 'lists'), folder, { recursive: true })
  const { readFileSync } = await import('node:fs')
  const listed = (file: string) => readFileSync(join(folder, file), 'utf8').trim().split('\n')
  assert.deepEqual([listed('sds_train.txt').length, listed('sds_val.txt').length], [5623, 5732])
  const whole = await openSbd(folder, { part: 'instances-val' })
  assert.equal(whole.size, 5732)
  // Twelve of them are here.
  const at = whole.pairs.findIndex(({ name }) => name === '2008_001602')
  const { labels } = await whole.get(at)
  assert.ok(present(labels).every((k) => k <= 20) && present(labels).length > 1)
})

test('COCO: runs as text and plain, and polygons, column by column', () => {
  const random = new Random(21)
  for (let round = 0; round < 50; round++) {
    const [h, w] = [random.int(1, 12), random.int(1, 12)]
    const mask = Uint8Array.from({ length: h * w }, () => Number(random.uniform() < 0.4))
    const runs = runLengths(mask, h, w)
    assert.deepEqual(maskOfRuns(runs), mask)
    assert.deepEqual(unpackCounts(packCounts(runs.counts)), runs.counts)
  }
  const large = [100_000, 3, 70_000, 1, 250_000]
  assert.deepEqual(unpackCounts(packCounts(large)), large)
  // Two runs of the format's own kind: 6 of 0, 1 of 1, then 40 less than nothing packed.
  assert.equal(packCounts([6, 1, 40, 4, 5, 4, 5, 4, 21]), '61X13mN000`0')
  assert.equal(maskOfRuns({ size: [2, 2], counts: [1, 2] }), undefined)
  assert.equal(maskOfRuns({ size: [2, 2], counts: [Number.NaN] }), undefined)
  const square = new Uint8Array(16)
  fillPolygon(square, 4, 4, [1, 1, 3, 1, 3, 3, 1, 3])
  assert.deepEqual([...square], [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0])
})

test('COCO: VOC’s classes with the smaller object on top and crowds void', async () => {
  const root = scratch()
  await writeImage(root, 'train2017/1.jpg', 4, 4)
  await writeImage(root, 'train2017/2.jpg', 4, 4)
  const square = (from: number, to: number) => [[from, from, to, from, to, to, from, to]]
  const annotation = (image_id: number, category_id: number, segmentation: unknown, more = {}) => ({
    ...{ image_id, category_id, segmentation },
    ...more,
  })
  const json = (annotations: unknown[]) =>
    write(
      root,
      'annotations/instances_train2017.json',
      JSON.stringify({
        images: [1, 2].map((id) => ({ id, file_name: `${id}.jpg`, height: 4, width: 4 })),
        annotations,
      }),
    )
  json([
    annotation(1, 1, square(1, 3)),
    annotation(1, 2, square(0, 3)),
    annotation(1, 3, { size: [4, 4], counts: [12, 4] }, { iscrowd: 1 }),
    annotation(2, 90, square(0, 4)),
  ])
  const set = await openCoco(root, { split: 'train', objects: true })
  assert.deepEqual(await names(set), ['1'])
  const { labels, instances } = await set.get(0)
  assert.deepEqual([...labels], [2, 2, 2, 255, 2, 15, 15, 255, 2, 15, 15, 255, 0, 0, 0, 255])
  assert.deepEqual([...instances!], [2, 2, 2, 0, 2, 1, 1, 0, 2, 1, 1, 0, 0, 0, 0, 0])
  assert.equal((await openCoco(root, { split: 'train', images: 'all' })).size, 2)
  json([annotation(1, 1, { size: [4, 4], counts: '^' })])
  await refused(
    (await openCoco(root, { split: 'train' })).get(0),
    /1\.jpg whose outline cannot be drawn/,
  )
  write(root, 'annotations/instances_train2017.json', '{')
  await refused(openCoco(root, { split: 'train' }), /cannot be read as JSON/)
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

async function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof DataError, String(error))
    assert.match(error.message, message)
    return true
  })
}
