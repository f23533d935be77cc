// What is read of images with a class each: colours, the middle, and the real sample of Tiny ImageNet.

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { formatOf } from '../../train/data/formats.ts'
import { type ImagenetDataset, openImagenet } from '../../train/data/imagenet.ts'
import { needShared, test } from '../harness.ts'
import { folderOf, jpeg, scratch } from './imagenet-files.ts'

test('ImageNet: grey, CMYK, alpha and PNG within a JPEG name all become RGB', async () => {
  const sized = { width: 8, height: 6 }
  const grey = sharp({ create: { ...sized, channels: 3, background: '#777777' } })
  const files = {
    'train/a/cmyk.JPEG': await sharp(await jpeg(200))
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer(),
    'train/a/grey.JPEG': await grey.clone().toColourspace('b-w').jpeg().toBuffer(),
    'train/a/png.JPEG': await grey.clone().png().toBuffer(),
    'train/a/rgba.png': await grey.ensureAlpha(0.5).png().toBuffer(),
  }
  assert.equal((await sharp(files['train/a/cmyk.JPEG']).metadata()).channels, 4)
  assert.equal((await sharp(files['train/a/grey.JPEG']).metadata()).channels, 1)
  const set = await openImagenet(folderOf(files), { split: 'train' })
  for (let i = 0; i < 4; i++) assert.equal((await set.get(i)).image.length, 3 * 6 * 8)
  const [cmyk, one, png] = await Promise.all([0, 1, 2].map((i) => set.get(i)))
  assert.ok(Math.abs(cmyk.image[0] - 200) < 25 && Math.abs(cmyk.image[1] - 90) < 25)
  for (const { image } of [one, png]) assert.ok(image.every((v) => Math.abs(v - 0x77) < 3))
})

test('ImageNet: images are cut from the middle, their proportions kept', async () => {
  // Columns 0 … 39 of 20 rows, each of the shade of its number.
  const data = Uint8Array.from({ length: 3 * 20 * 40 }, (_, i) => 5 * (Math.floor(i / 3) % 40))
  const wide = await sharp(data, { raw: { width: 40, height: 20, channels: 3 } })
    .png()
    .toBuffer()
  const root = folderOf({ 'train/a/wide.png': wide })
  const cut = async (height: number, width: number) => {
    const set = await openImagenet(root, { split: 'train', height, width })
    const { image, ...example } = await set.get(0)
    assert.deepEqual([example.height, example.width], [height, width])
    return [image[0] / 5, image[3 * (width - 1)] / 5]
  }
  assert.deepEqual(await cut(20, 20), [10, 29])
  assert.deepEqual(await cut(20, 30), [5, 34])
  // Twice as large: column 20 of the larger one lies between columns 9 and 10.
  const [left, right] = await cut(40, 40)
  assert.ok(Math.abs(left - 9.75) < 0.4 && Math.abs(right - 29.25) < 0.4, `${left} ${right}`)
  // Half as large: columns 5 … 14 of 20, each of two.
  const [first, last] = await cut(10, 10)
  assert.ok(Math.abs(first - 10.5) < 0.6 && Math.abs(last - 28.5) < 0.6, `${first} ${last}`)
})

test('Tiny ImageNet: the real sample from its tars, as its description has it', async () => {
  const root = needShared('data/tiny-imagenet-subset')
  assert.equal(await formatOf(root), 'imagenet')
  const [train, val] = await Promise.all(
    (['train', 'val'] as const).map((split) => openImagenet(root, { split, cacheBytes: 0 })),
  )
  assert.deepEqual([train.size, val.size, train.ids.length], [8000, 1000, 50])
  assert.deepEqual(val.ids, train.ids)
  assert.deepEqual(
    [train.classes[0].name, train.classes[1].name],
    ['goldfish', 'American alligator'],
  )
  const count = (set: ImagenetDataset) => {
    const counts = new Array<number>(50).fill(0)
    for (let i = 0; i < set.size; i++) counts[set.category(i)]++
    return new Set(counts)
  }
  assert.deepEqual([count(train), count(val)], [new Set([160]), new Set([20])])
  for (let i = 0; i < train.size; i += 160) {
    const { height, width } = await train.get(i)
    assert.deepEqual([height, width], [64, 64])
  }
  // A validation image is of the class that the list gives it.
  const at = Array.from({ length: 1000 }, (_, i) => i).find((i) =>
    /val_2\.JPEG$/.test(val.where(i)),
  )
  assert.equal(val.ids[val.category(at!)], 'n04070727')
  assert.equal((await val.get(at!)).name, 'val_2')
})

test(
  'Tiny ImageNet: mean and deviation of the real sample are those of its description',
  async () => {
    const root = needShared('data/tiny-imagenet-subset')
    const train = await openImagenet(root, { split: 'train', cacheBytes: 0 })
    // Mean and deviation of the training images, and how many are grey.
    const sums = [0, 0, 0]
    const squares = [0, 0, 0]
    let grey = 0
    for (let i = 0; i < train.size; i++) {
      const [{ image, height, width }, bytes] = await Promise.all([train.get(i), train.bytes(i)])
      assert.deepEqual([height, width], [64, 64])
      if ((await sharp(bytes).metadata()).channels === 1) grey++
      for (let at = 0; at < image.length; at++) {
        sums[at % 3] += image[at]
        squares[at % 3] += image[at] ** 2
      }
    }
    const pixels = 8000 * 64 * 64
    const mean = sums.map((sum) => sum / pixels / 255)
    const deviation = squares.map((sum, c) => Math.sqrt(sum / pixels / 255 ** 2 - mean[c] ** 2))
    const shown = (values: number[]) => values.map((v) => v.toFixed(4)).join(' ')
    assert.equal(shown(mean), '0.4768 0.4509 0.3997')
    assert.equal(shown(deviation), '0.2764 0.2669 0.2791')
    assert.equal(grey, 179)
  },
  // Eight thousand pictures; one of each class is read above.
  { slow: true },
)

test('Tiny ImageNet: unpacked, the sample gives the same bytes', async () => {
  const root = needShared('data/tiny-imagenet-subset')
  const packed = await openImagenet(root, { split: 'val' })
  const folder = scratch()
  for (const file of ['wnids.txt', 'words.txt']) copyFileSync(join(root, file), join(folder, file))
  mkdirSync(join(folder, 'val/images'), { recursive: true })
  copyFileSync(join(root, 'val_annotations.txt'), join(folder, 'val/val_annotations.txt'))
  for (let i = 0; i < packed.size; i++)
    writeFileSync(
      join(folder, 'val/images', packed.where(i).replace(/^.*\//, '')),
      await packed.bytes(i),
    )
  const plain = await openImagenet(folder, { split: 'val' })
  assert.equal(plain.size, 1000)
  for (let i = 0; i < 1000; i++) {
    assert.equal(plain.category(i), packed.category(i))
    assert.deepEqual(Buffer.from(await plain.bytes(i)), Buffer.from(await packed.bytes(i)))
  }
})
