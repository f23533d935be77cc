// What looking through a data set finds, on the real one whose figures are known and on drawn ones with a fault each.

import assert from 'node:assert/strict'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { openCamvid } from '../../train/data/camvid.ts'
import { formatOf, openFiles } from '../../train/data/formats.ts'
import { heldOutWarnings } from '../../train/data/held-out.ts'
import { preflight, preflightText } from '../../train/data/preflight.ts'
import { preflightFor, refuseProblems } from '../../train/data/preflight-cache.ts'
import type { Dataset, Example } from '../../train/dataset.ts'
import { rareClassWeights } from '../../train/loader/sampling.ts'
import { readImage, writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { Random } from '../../train/random.ts'
import { ran, refused } from '../cli/cli.ts'
import { needShared, test } from '../harness.ts'

// What is found here is nobody's own. The runner puts the environment back behind each file.
const cache = mkdtempSync(join(tmpdir(), 'atrous-cache-'))
process.env['XDG_CACHE_HOME'] = cache
const folders = mkdtempSync(join(tmpdir(), 'atrous-own-'))
process.on('exit', () => {
  for (const folder of [cache, folders]) rmSync(folder, { recursive: true, force: true })
})

/** A folder of one's own with images of `width`×32 whose labels are these values, by column. */
async function own(
  classes: readonly string[],
  labels: readonly (readonly number[])[],
): Promise<string> {
  const root = mkdtempSync(join(folders, 'own-'))
  writeFileSync(join(root, 'classes.txt'), classes.join('\n'))
  for (const [i, row] of labels.entries()) {
    const width = row.length
    const data = new Uint8Array(32 * width * 3).fill(10 * i)
    await writePng(join(root, `images/train/${i}.png`), { data, height: 32, width })
    const values = Uint8Array.from({ length: 32 * width }, (_, at) => row[at % width])
    await writeLabelsPng(join(root, `labels/train/${i}.png`), values, 32, width)
  }
  return root
}

const train = { splits: ['train'], workers: 0 } as const

/** Runs of labels along a row: [label, pixels] each. */
const runs = (...parts: readonly (readonly [number, number])[]): number[] =>
  parts.flatMap(([label, count]) => new Array<number>(count).fill(label))

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

test('labels saved in colours, counted from one, or with a void of their own are explained by name', async () => {
  const root = await own(
    ['sky', 'road', 'car'],
    [runs([0, 40], [1, 40]), runs([1, 30], [3, 30]), runs([1, 20], [2, 20], [3, 20])],
  )
  const label = (i: number) => join(root, `labels/train/${i}.png`)
  // VOC's palette, which classes without a colour get.
  const colours = [0, 0, 0, 128, 0, 0]
  const data = Uint8Array.from(
    { length: 32 * 80 * 3 },
    (_, i) => colours[(i % 3) + (i % 240 < 120 ? 0 : 3)],
  )
  await writePng(label(0), { data, height: 32, width: 80 })
  const source = { kind: 'folder', folder: root } as const
  const [looked] = await preflightFor(source, train)
  const { problems } = looked
  assert.equal(problems.length, 3)
  assert.match(
    problems[0],
    /0\.png: is a RGB PNG, but labels are class indices\n {2}hint: 2 of its 2 colours are those of classes \(#000000 is 0, sky; #800000 is 1, road\): save the indices with that palette, as an 8-bit PNG$/,
  )
  assert.match(problems[1], /1\.png: has label 3 .*\n.*they are one too high: classes count from 0/)
  assert.match(problems[2], /2\.png: has label 3 /)
  assert.throws(
    () => refuseProblems([looked]),
    (error: Error) =>
      error instanceof DataError &&
      error.file === label(0) &&
      /^[^\n]*class indices \(in the train split of folder, and 2 more files are at fault\)\n {2}hint: 2 of/.test(
        error.message,
      ),
  )
  const grey = Uint8Array.from({ length: 32 * 80 * 3 }, (_, i) => (i % 240 < 120 ? 0 : 2))
  await writePng(label(0), { data: grey, height: 32, width: 80 })
  const [again] = await preflightFor(source, train)
  assert.match(again.problems[0], /save it with one channel, as an 8-bit grey PNG/)
  const photo = (await readImage(join(root, 'images/train/0.png'))).data.map(
    (_, i) => (i * 37) % 251,
  )
  await writePng(label(0), { data: photo, height: 32, width: 80 })
  const [third] = await preflightFor(source, train)
  assert.match(third.problems[0], /colours.*(none of them of a class|more than there can be)/)
})

test('a void among the classes is told by its name, or by the band that it is around others', async () => {
  const named = await own(['sky', 'road', 'Void'], [runs([0, 20], [1, 20], [2, 20])])
  const found = async (folder: string) => (await preflightFor({ kind: 'folder', folder }, train))[0]
  assert.deepEqual((await found(named)).warnings, [
    'class 2 is called Void: it is learned and scored as a class; void is 255 in label files',
  ])
  const row = runs([0, 60], [2, 5], [1, 60], [2, 5], [0, 30])
  const banded = await own(['sky', 'road', 'edge'], [row, row, row, row])
  assert.deepEqual((await found(banded)).warnings, [
    'class 2, edge, runs as a band around others in nearly all images, as void does: it is learned and scored as a class; void is 255 in label files',
  ])
  // A pole is thin too, with the same on both sides.
  const pole = runs([0, 60], [2, 5], [0, 60], [1, 35])
  assert.deepEqual(
    (await found(await own(['sky', 'road', 'pole'], [pole, pole, pole]))).warnings,
    [],
  )
})

test('the image of another size, and the label that was smoothed, are named', async () => {
  const sharp = Array.from({ length: 60 }, (_, x) => Math.floor(x / 3) % 3)
  const usual = Array.from({ length: 19 }, () => sharp)
  const smooth = Array.from({ length: 60 }, (_, x) => [0, 1, 2, 1][x % 4])
  const root = await own(['a', 'b', 'c'], [...usual, [...smooth, 0]])
  const [{ warnings }] = await preflightFor({ kind: 'folder', folder: root }, train)
  assert.equal(warnings.length, 2)
  assert.match(
    warnings[0],
    /train\/19\.png: 50\.\d\d % of the changes of label go by way of a class between the two/,
  )
  assert.match(warnings[1], /train\/19\.png is not 60×32 as the others are$/)
})

test('what was looked through is not read again unless it has changed, and never where it was at fault', async () => {
  const root = await own(['a', 'b'], [runs([0, 9]), runs([1, 9]), runs([0, 4], [1, 5])])
  const source = { kind: 'folder', folder: root } as const
  const label = join(root, 'labels/train/1.png')
  utimesSync(label, 1e9, 1e9)
  const [first] = await preflightFor(source, train)
  assert.deepEqual(
    first.images.map((image) => image?.classes),
    [[0], [1], [0, 1]],
  )
  assert.equal(rareClassWeights(first.images).length, 3)
  assert.deepEqual(await preflightFor(source, train), [first])
  // Other bytes of the same size and time: only what is kept can say so.
  writeFileSync(label, new Uint8Array(statSync(label).size))
  utimesSync(label, 1e9, 1e9)
  assert.deepEqual(await preflightFor(source, train), [first])
  const [fresh] = await preflightFor(source, { ...train, fresh: true })
  assert.match(fresh.problems[0], /1\.png: is not a PNG/)
  assert.deepEqual(fresh.images[1], null)
  const [still] = await preflightFor(source, train)
  assert.equal(still.problems.length, 1)
  await writeLabelsPng(label, new Uint8Array(32 * 9), 32, 9)
  const [mended] = await preflightFor(source, train)
  assert.deepEqual([mended.problems, mended.images[1]?.classes], [[], [0]])
  const files = () => readdirSync(join(cache, 'atrous/preflight'))
  for (const file of files()) writeFileSync(join(cache, 'atrous/preflight', file), '{"version":')
  assert.deepEqual(await preflightFor(source, train), [mended])
  assert.ok(files().every((file) => file.endsWith('.json')))
})

test('splits are told apart by their files: val that stands in for test is looked through once', async () => {
  const root = await own(['a', 'b'], [runs([0, 9]), runs([1, 9])])
  // The same names in another folder, with a fault.
  for (const part of ['images', 'labels'])
    cpSync(join(root, part, 'train'), join(root, part, 'val'), { recursive: true })
  await writeLabelsPng(join(root, 'labels/val/1.png'), new Uint8Array(32 * 9).fill(7), 32, 9)
  const both = await preflightFor({ kind: 'folder', folder: root }, { splits: ['train', 'val'] })
  assert.deepEqual(
    both.map(({ problems }) => problems.length),
    [0, 1],
  )
  const folder = needShared('data/voc-sample')
  const voc = await preflightFor({ kind: 'voc', folder }, { splits: ['val', 'test'] })
  assert.deepEqual(
    voc.map(({ split, examples }) => [split, examples]),
    [['val', 20]],
  )
})

test('threads count what one thread counts, and stopping leaves what was seen', async () => {
  const source = { kind: 'camvid', folder: needShared('data/camvid') } as const
  const options = { splits: ['val'], fresh: true } as const
  const [alone] = await preflightFor(source, { ...options, workers: 0 })
  const [together] = await preflightFor(source, { ...options, workers: 2 })
  assert.deepEqual(together, alone)
  const stop = new AbortController()
  const onProgress = (_: unknown, done: number) => done >= 5 && stop.abort()
  const [part] = await preflightFor(source, {
    ...options,
    workers: 0,
    onProgress,
    signal: stop.signal,
  })
  assert.ok(part.examples >= 5 && part.examples < 20, `${part.examples}`)
  assert.deepEqual(part.images[0], alone.images[0])
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
  const { code, out } = await ran(['data', root, '--split', 'val'])
  assert.equal(code, 0)
  assert.match(out, /^laid out as cityscapes\n\ncityscapes, val: 1 images, 128×256, /)
  const json = await ran(['data', root, '--split', 'val', '--json'])
  const { format, splits } = JSON.parse(json.out)
  assert.deepEqual([format, splits.length, splits[0].classes.length], ['cityscapes', 1, 19])
  await refused(['data', root, '--split', 'train'], /has no folder leftImg8bit\/train/)
  await refused(['data', root, '--format', 'mnist'], /format/)
})

test('preflight: an image that is trained on and held out is named, under whatever name', async () => {
  const root = await own(['sky', 'road'], [runs([0, 30], [1, 30]), runs([1, 30], [0, 30])])
  for (const [from, to] of [
    ['train/1', 'val/other'],
    ['train/0', 'test/0'],
  ])
    for (const part of ['images', 'labels'])
      cpSync(join(root, part, `${from}.png`), join(root, part, `${to}.png`))
  const data = Uint8Array.from({ length: 32 * 60 * 3 }, (_, i) => i % 251)
  await writePng(join(root, 'images/val/new.png'), { data, height: 32, width: 60 })
  cpSync(join(root, 'labels/train/0.png'), join(root, 'labels/val/new.png'))
  const found = await preflightFor({ kind: 'folder', folder: root }, { workers: 0 })
  const said = heldOutWarnings(found)
  assert.equal(said.length, 2)
  assert.match(
    said[0],
    /^1 of 2 images of val are in train too, .*val\/other\.png as .*train\/1\.png: scores/,
  )
  assert.match(said[1], /^1 of 1 images of test/)
  const { out } = await ran(['data', root])
  assert.match(out, /warning: 1 of 2 images of val are in train too/)
})
