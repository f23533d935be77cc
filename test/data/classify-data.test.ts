// Looking through images with a class each: what is stored how, broken, there twice, or in both splits.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import {
  classifiedPreflightText,
  preflightImages,
} from '../../train/data/classification-preflight.ts'
import { openImagenet } from '../../train/data/imagenet.ts'
import { ran } from '../cli/cli.ts'
import { needShared, test } from '../harness.ts'
import { folderOf, jpeg, tarOf } from './imagenet-files.ts'

// What is found here is nobody's own. The runner puts the environment back behind each file.
const cache = mkdtempSync(join(tmpdir(), 'atrous-cache-'))
process.env['XDG_CACHE_HOME'] = cache
process.on('exit', () => rmSync(cache, { recursive: true, force: true }))

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

test('classification data: what was looked through is not read again unless it has changed, in folders and tars', async () => {
  const [one, two, three] = await Promise.all([10, 60, 110].map((v) => jpeg(v)))
  const files = { 'cat/1.jpg': one, 'cat/2.jpg': two, 'dog/1.jpg': three }
  const inTrain = Object.entries(files).map(([name, bytes]) => [`train/${name}`, bytes] as const)
  const root = folderOf(Object.fromEntries(inTrain))
  const look = async (folder: string, fresh = false) => {
    const set = await openImagenet(folder, { split: 'train', cacheBytes: 0 })
    let reads = 0
    const bytes = set.bytes.bind(set)
    set.bytes = (index) => {
      reads++
      return bytes(index)
    }
    const [found] = await preflightImages([set], { fresh })
    return { found, reads }
  }
  const first = await look(root)
  assert.deepEqual([first.reads, first.found.examples], [3, 3])
  assert.deepEqual(await look(root), { ...first, reads: 0 })
  assert.deepEqual(await look(root, true), first)
  // Broken, of another size: it is read, and what was counted before does not count.
  writeFileSync(join(root, 'train/cat/2.jpg'), two.subarray(0, two.length - 40))
  const broken = await look(root)
  assert.deepEqual([broken.reads, broken.found.examples, broken.found.problems.length], [1, 2, 1])
  assert.equal((await look(root)).reads, 1, 'what is at fault is looked at each time')
  writeFileSync(join(root, 'train/cat/2.jpg'), one)
  // Read as it is new, and both once more to compare what looks the same.
  const mended = await look(root)
  assert.match(mended.found.warnings[0], /^1 image is twice in a class/)
  assert.deepEqual([mended.reads, (await look(root)).reads], [3, 2])

  const packed = folderOf({ 'train.tar': tarOf(files) })
  const tar = await look(packed)
  assert.deepEqual([tar.reads, tar.found.examples], [3, 3])
  assert.deepEqual(await look(packed), { ...tar, reads: 0 })
  const later = new Date(Date.now() + 10_000)
  utimesSync(join(packed, 'train.tar'), later, later)
  assert.deepEqual(await look(packed), tar)
})

test('cli: data looks through a folder of classes', async () => {
  const { code, out } = await ran(['data', await spoiled()])
  assert.equal(code, 1)
  assert.match(out, /laid out as imagenet[\s\S]*warning: .*in val[\s\S]*/)
})
