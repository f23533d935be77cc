// Looking through images with a class each: what is stored how, broken, there twice, or in both splits.

import assert from 'node:assert/strict'
import sharp from 'sharp'
import { classifiedPreflightText, preflightImages } from '../train/data/classification-preflight.ts'
import { openImagenet } from '../train/data/imagenet.ts'
import { ran } from './cli.ts'
import { needShared, test } from './harness.ts'
import { folderOf, jpeg } from './imagenet-files.ts'

async function spoiled(): Promise<string> {
  const [one, two, three, four] = await Promise.all([10, 60, 110, 160].map((v) => jpeg(v)))
  const cmyk = await sharp(one).toColourspace('cmyk').jpeg().toBuffer()
  const grey = await sharp(two).toColourspace('b-w').jpeg().toBuffer()
  return folderOf({
    'train/cat/1.jpg': one,
    'train/cat/2.jpg': one,
    'train/cat/cmyk.jpg': cmyk,
    'train/cat/grey.jpg': grey,
    'train/cat/cut.jpg': four.subarray(0, four.length - 40),
    'train/dog/1.jpg': two,
    'train/dog/2.jpg': three,
    'train/dog/cat.jpg': one,
    'train/emu/readme.txt': 'soon',
    'val/cat/1.jpg': four,
    'val/dog/1.jpg': three,
    'wnids.txt': 'cat\ndog\nemu\n',
  })
}

test('classification data: how images are stored, what is broken, and what is there twice', async () => {
  const root = await spoiled()
  const splits = await Promise.all(
    (['train', 'val'] as const).map((split) => openImagenet(root, { split })),
  )
  const [train, val] = await preflightImages(splits)
  assert.deepEqual(
    train.classes.map(({ images }) => images),
    [4, 3, 0],
  )
  assert.deepEqual(train.stored, { 'jpeg srgb': 5, 'jpeg cmyk': 1, 'jpeg b-w': 1 })
  assert.equal(train.problems.length, 1)
  assert.match(train.problems[0], /train\/cat\/cut\.jpg: cannot be decoded/)
  assert.equal(train.warnings.length, 3)
  assert.match(train.warnings[0], /^no image is of emu$/)
  assert.match(
    train.warnings[1],
    /^1 image is twice in a class, as \S*cat\/1.jpg and \S*cat\/2.jpg$/,
  )
  assert.match(
    train.warnings[2],
    /^1 image is in two classes, as \S*cat\/1.jpg and \S*dog\/cat.jpg$/,
  )
  assert.deepEqual([val.examples, val.problems.length], [2, 0])
  assert.match(
    val.warnings[1],
    /^1 image is in train and in val: what is scored there was learned, as \S*train\/dog\/2.jpg and/,
  )
  assert.match(classifiedPreflightText(train), /7 images of 3 classes, 0–4 each, 6×8/)
})

test('classification data: the real sample is whole, and 179 of its images are grey', async () => {
  const root = needShared('data/tiny-imagenet-subset')
  const val = await openImagenet(root, { split: 'val', cacheBytes: 0 })
  const [found] = await preflightImages([val])
  assert.deepEqual(found.stored, { 'jpeg srgb': 981, 'jpeg b-w': 19 })
  assert.deepEqual([found.problems, found.warnings], [[], []])
  assert.ok(found.classes.every(({ images }) => images === 20))
})

test('cli: data looks through a folder of classes', async () => {
  const { code, out } = await ran(['data', await spoiled()])
  assert.equal(code, 1)
  assert.match(out, /laid out as imagenet[\s\S]*warning: .*in val[\s\S]*/)
})
