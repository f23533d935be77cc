// Image and label files, whole and damaged, and the CamVid reader on folders with one fault each.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { DataError } from '../../engine/errors.ts'
import { CAMVID_CLASSES, openCamvid } from '../../train/data/camvid.ts'
import {
  decodeImage,
  readImage,
  readLabels,
  writeLabelsPng,
  writePng,
} from '../../train/pictures/images.ts'
import { readPngLabels } from '../../train/pictures/png-labels.ts'
import { readPngPicture } from '../../train/pictures/png-picture.ts'
import { Random } from '../../train/random.ts'
import { scratch } from '../cli/cli.ts'
import { needShared, test } from '../harness.ts'
import { crc32Of, png } from './png.ts'

for (const [colour, depths] of [
  [0, [1, 2, 4, 8, 16]],
  [3, [1, 2, 4, 8]],
] as const)
  for (const depth of depths)
    test(`labels: ${colour === 3 ? 'palette' : 'grey'} PNG of ${depth} bits is read as stored`, () => {
      const [height, width] = [7, 13]
      const values = Array.from({ length: height * width }, (_, i) => (i * 2654435) % 2 ** depth)
      const read = readPngLabels(png(values, height, width, depth, colour), 'x.png')
      assert.deepEqual([read.height, read.width], [height, width])
      assert.deepEqual([...read.values], values)
    })

/** That numbers are linear in light, which nobody heeds. */
function gammaChunk(): Uint8Array {
  const chunk = Buffer.from('0000000467414d41000186a000000000', 'hex')
  chunk.writeUInt32BE(crc32Of(chunk.subarray(4, 12)), 12)
  return chunk
}

test('pictures: an RGB PNG is decoded in the thread that asks as it is by the general decoder', async () => {
  const random = new Random(3)
  for (const [height, width] of [
    [1, 1],
    [11, 7],
    [23, 40],
  ] as const) {
    // Flat, steep and noisy places, so that every filter guesses right and wrong.
    const values = Array.from({ length: height * width * 3 }, (_, i) =>
      i % 7 < 3 ? (i * 5) % 256 : random.int(0, 255),
    )
    const bytes = png(values, height, 3 * width, 8, 2)
    const picture = readPngPicture(bytes)
    assert.deepEqual([...picture!.data], values)
    const { data } = await decodeImage(bytes, 'x.png')
    assert.deepEqual(picture, { data: new Uint8Array(data), height, width })
    const gamma = Buffer.concat([bytes.subarray(0, 33), gammaChunk(), bytes.subarray(33)])
    assert.deepEqual(readPngPicture(gamma), picture)
    assert.deepEqual(new Uint8Array((await decodeImage(gamma, 'x.png')).data), picture!.data)
    const turned = Uint8Array.from(bytes)
    turned[50] ^= 4
    for (const other of [turned, bytes.slice(0, -20), png(values, height, 3 * width, 8, 0)])
      assert.equal(readPngPicture(other), undefined)
  }
  const file = needShared(
    'data/cityscapes-sample/leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png',
  )
  const whole = await readImage(file)
  assert.ok(Buffer.from(whole.data).equals(readPngPicture(readFileSync(file))!.data))
})

test('labels: what sharp decodes of a grey PNG is what we read', async () => {
  const folder = scratch()
  const labels = Uint8Array.from({ length: 31 * 17 }, (_, i) => (i * i) % 12)
  await writeLabelsPng(join(folder, 'a.png'), labels, 31, 17)
  assert.deepEqual(new Uint8Array((await readLabels(join(folder, 'a.png'))).values), labels)
  const decoded = await sharp(join(folder, 'a.png')).toColourspace('b-w').raw().toBuffer()
  assert.deepEqual(new Uint8Array(decoded), labels)
})

test('labels: VOC palette masks hold indices', async () => {
  const file = needShared('data/voc-sample/VOCdevkit/VOC2007/SegmentationClass/000032.png')
  const { values, height, width } = await readLabels(file)
  assert.deepEqual([height, width], [281, 500])
  assert.deepEqual(
    [...new Set(values)].sort((a, b) => a - b),
    [0, 1, 15, 255],
  )
})

test('labels: Cityscapes instance ids need 16 bits, and divide to label ids', async () => {
  const stem = 'data/cityscapes-sample/gtFine/train/aachen/aachen_000000_000019_gtFine_'
  const [instances, ids] = [needShared(`${stem}instanceIds.png`), needShared(`${stem}labelIds.png`)]
  const instance = (await readLabels(instances)).values
  const label = (await readLabels(ids)).values
  assert.ok(instance.some((value) => value > 255))
  assert.ok(
    instance.every((value, i) => label[i] === (value < 1000 ? value : Math.floor(value / 1000))),
  )
})

test('labels: damaged and foreign files are refused by name', async () => {
  const whole = png([1, 2, 3, 4], 2, 2, 8, 0)
  const flipped = whole.slice()
  flipped[whole.length - 20] ^= 1
  const interlaced = whole.slice()
  interlaced[28] = 1
  new DataView(interlaced.buffer).setUint32(29, crc32Of(interlaced.subarray(12, 29)))
  const rgb = await sharp(new Uint8Array(12), { raw: { width: 2, height: 2, channels: 3 } })
    .png()
    .toBuffer()
  const cases: [Uint8Array, RegExp][] = [
    [whole.subarray(0, whole.length - 15), /x.png: the PNG is damaged: it ends before/],
    [whole.subarray(0, 20), /ends before/],
    [flipped, /wrong checksum in its IDAT/],
    [interlaced, /interlaced PNG/],
    [rgb, /is a RGB PNG, but labels are class indices/],
    [png([1, 2], 1, 2, 8, 0, 3), /fewer rows than it announces/],
    [new TextEncoder().encode('GIF89a…………'), /is not a PNG/],
  ]
  for (const [bytes, message] of cases)
    assert.throws(
      () => readPngLabels(bytes, 'x.png'),
      (error: Error) => error instanceof DataError && message.test(error.message),
      `${message}`,
    )
})

test('images: RGB, grey and 16-bit files all come as 8-bit RGB', async () => {
  const folder = scratch()
  const data = Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => i * 4)
  await writePng(join(folder, 'a.png'), { data, height: 5, width: 4 })
  const read = await readImage(join(folder, 'a.png'))
  assert.deepEqual(new Uint8Array(read.data), data)
  const grey = await decodeImage(png([0, 128, 255, 7], 2, 2, 8, 0), 'grey.png')
  assert.deepEqual([...grey.data], [0, 0, 0, 128, 128, 128, 255, 255, 255, 7, 7, 7])
  const deep = await decodeImage(png([0, 0x8080, 0xffff, 0x0707], 2, 2, 16, 0), 'deep.png')
  assert.deepEqual([deep.data[0], deep.data[3], deep.data[6], deep.data.length], [0, 128, 255, 12])
})

/** A data folder of two 8×6 images; `break` may damage it. */
async function camvid(lines?: string): Promise<string> {
  const root = scratch()
  for (const folder of ['train', 'trainannot']) mkdirSync(join(root, folder))
  for (const name of ['a', 'b']) {
    const pixels = Uint8Array.from({ length: 8 * 6 * 3 }, (_, i) => (i * 37) % 256)
    const image = sharp(pixels, { raw: { width: 8, height: 6, channels: 3 } })
    writeFileSync(join(root, 'train', `${name}.jpg`), await image.jpeg().toBuffer())
    const labels = Uint8Array.from({ length: 48 }, (_, i) => i % 12)
    await writeLabelsPng(join(root, 'trainannot', `${name}.png`), labels, 6, 8)
  }
  const both = 'train/a.jpg trainannot/a.png\ntrain/b.jpg trainannot/b.png\n'
  writeFileSync(join(root, 'train.txt'), lines ?? both)
  return root
}

test('camvid: a whole folder passes; index 11 becomes void', async () => {
  const dataset = await openCamvid(await camvid(), { split: 'train' })
  await dataset.check()
  assert.equal(dataset.size, 2)
  const { name, labels, image, height, width } = await dataset.get(1)
  assert.deepEqual([name, height, width, image.length], ['b', 6, 8, 6 * 8 * 3])
  assert.equal(labels[11], 255)
  assert.equal(labels[10], 10)
})

test("camvid: the original lists' absolute paths point into the folder", async () => {
  const line = '/SegNet/CamVid/train/a.jpg /SegNet/CamVid/trainannot/a.png\r\n'
  const dataset = await openCamvid(await camvid(line), { split: 'train', height: 3, width: 4 })
  await dataset.check()
  const example = await dataset.get(0)
  assert.deepEqual([example.height, example.width, example.labels.length], [3, 4, 12])
  assert.equal(await dataset.get(0), example)
})

async function refused(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(
    work,
    (error: Error) => error instanceof DataError && message.test(error.message),
    `${message}`,
  )
}

test('camvid: missing folder, list, image and label are named before training', async () => {
  const root = await camvid()
  const options = { split: 'train' } as const
  await refused(openCamvid(join(root, 'none'), options), /none: the data folder .*does not exist/)
  await refused(openCamvid(join(root, 'train.txt'), options), /is a file, not a data folder/)
  await refused(openCamvid(root, { split: 'val' }), /val.txt: cannot be read: does not exist/)
  rmSync(join(root, 'trainannot/b.png'))
  const dataset = await openCamvid(root, options)
  await refused(dataset.check(), /trainannot\/b.png: is the label of .*train\/b.jpg, but does not/)
  rmSync(join(root, 'train/a.jpg'))
  await refused(dataset.check(), /train\/a.jpg: is named in train.txt, line 1, but does not exist/)
  await refused(openCamvid(await camvid('train/a.jpg\n'), options), /line 1 holds 1 path, not/)
  await refused(openCamvid(await camvid('\n'), options), /lists no image/)
})

test('camvid: sizes that differ, strange labels and damaged files are named', async () => {
  const root = await camvid()
  const dataset = await openCamvid(root, { split: 'train' })
  await writeLabelsPng(join(root, 'trainannot/a.png'), new Uint8Array(35), 5, 7)
  await refused(dataset.check(), /trainannot\/a.png: is 7×5 but its image .*a.jpg is 8×6/)
  await refused(dataset.get(0), /is 7×5 but its image/)
  const strange = new Uint8Array(48)
  strange[19] = 12
  await writeLabelsPng(join(root, 'trainannot/a.png'), strange, 6, 8)
  await refused(dataset.get(0), /a.png: has label 12 at row 2, column 3, which is no class/)
  const jpeg = readFileSync(join(root, 'train/b.jpg'))
  writeFileSync(join(root, 'train/b.jpg'), jpeg.subarray(0, jpeg.length - 12))
  await refused(dataset.get(1), /train\/b.jpg: cannot be decoded/)
  writeFileSync(join(root, 'train/b.jpg'), 'hello')
  await refused(dataset.check(), /train\/b.jpg: is not an image/)
})

test('camvid: the published set has its counts and label shares', async () => {
  const root = needShared('data/camvid')
  for (const [split, size] of [
    ['train', 367],
    ['val', 101],
    ['test', 233],
  ] as const) {
    const dataset = await openCamvid(root, { split })
    await dataset.check()
    assert.equal(dataset.size, size)
  }
  const { labels, height, width } = await (await openCamvid(root, { split: 'val' })).get(0)
  assert.deepEqual([height, width], [360, 480])
  assert.ok(labels.every((label) => label === 255 || label < CAMVID_CLASSES.length))
})
