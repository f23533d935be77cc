// Readers of MATLAB files, SBD and COCO, on files made here to the format’s letter where no real one could be had.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { openCoco } from '../../train/data/coco.ts'
import { matImage, readMat } from '../../train/data/mat.ts'
import {
  fillPolygon,
  maskOfRuns,
  packCounts,
  runLengths,
  unpackCounts,
} from '../../train/data/rle.ts'
import { openSbd, openVocAugmented, readSbdCategories } from '../../train/data/sbd.ts'
import { VOC_CLASSES } from '../../train/data/voc.ts'
import { writeLabelsPng } from '../../train/pictures/images.ts'
import { Random } from '../../train/random.ts'
import { needShared, test } from '../harness.ts'
import { type MatNode, matFile } from './mat-file.ts'
import { names, present, refused, scratch, write, writeImage } from './reader-folders.ts'

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
