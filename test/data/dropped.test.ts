// A folder that was dropped on a page is read as the same folder on disk is, down to the words of its faults.

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import sharp from 'sharp'
import { DataError } from '../../engine/errors.ts'
import { asStored, type DroppedFile, openDropped } from '../../train/data/dropped.ts'
import { openFolder } from '../../train/data/folder.ts'
import { preflight } from '../../train/data/preflight.ts'
import { preflightFor } from '../../train/data/preflight-cache.ts'
import { decodeImage, writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { readPngLabels } from '../../train/pictures/png-labels.ts'
import { decodePngLabels } from '../../train/pictures/png-labels-web.ts'
import { scratch } from '../cli/cli.ts'
import { test } from '../harness.ts'
import { png } from './png.ts'

/** Six images of 12×16 with labels of three classes. */
async function folder(): Promise<string> {
  const root = scratch()
  for (let i = 0; i < 6; i++) {
    const data = Uint8Array.from({ length: 12 * 16 * 3 }, (_, at) => (at * (i + 3)) % 251)
    await writePng(join(root, `images/${i}.png`), { data, height: 12, width: 16 })
    const labels = Uint8Array.from({ length: 12 * 16 }, (_, at) => (at % 16 < 8 ? i % 3 : 2))
    await writeLabelsPng(join(root, `labels/${i}.png`), labels, 12, 16)
  }
  writeFileSync(join(root, 'classes.txt'), 'ground\nroad 1 2 3\ncar\n')
  return root
}

/** What a page gets of a folder. */
const dropped = (root: string, before = ''): DroppedFile[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({
      path: `${before}${relative(root, file)}`,
      file: new Blob([readFileSync(file)]),
    }))

const decode = async (file: Blob) =>
  decodeImage(new Uint8Array(await file.arrayBuffer()), 'an image')

/** The message of what is thrown. */
const thrown = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => assert.fail('nothing was thrown'),
    (error) => error,
  )

test('png labels: streams inflate what zlib does, at every depth, and refuse the same files', async () => {
  for (const [colour, depths] of [
    [0, [1, 2, 4, 8, 16]],
    [3, [1, 2, 4, 8]],
  ] as const)
    for (const depth of depths) {
      const values = Array.from({ length: 91 }, (_, i) => (i * 2654435) % 2 ** depth)
      const bytes = png(values, 7, 13, depth, colour)
      assert.deepEqual(await decodePngLabels(bytes, 'x.png'), readPngLabels(bytes, 'x.png'))
    }
  const whole = png(Array(91).fill(1), 7, 13, 8, 0)
  const flipped = Uint8Array.from(whole)
  flipped[whole.length - 20] ^= 1
  const faults = [whole.slice(0, -20), flipped, png(Array(21).fill(1), 7, 3, 8, 2), whole.slice(3)]
  for (const bytes of faults) {
    const error = await thrown(decodePngLabels(bytes, 'x.png'))
    assert.throws(() => readPngLabels(bytes, 'x.png'), { message: error.message })
  }
  // A header that announces far more than its rows could inflate to takes no memory.
  const vast = png([1], 1, 1, 8, 0, 2 ** 30)
  assert.match((await thrown(decodePngLabels(vast, 'x.png'))).message, /fewer rows/)
})

test('dropped folder: the same splits, classes and bytes as on disk', async () => {
  const root = await folder()
  for (const split of ['train', 'val'] as const)
    for (const before of ['', 'my-photos/', 'images/', '.kept/']) {
      const own = await openFolder(root, { split })
      const there = await openDropped(dropped(root, before), { split, decode })
      assert.deepEqual(there.classes, own.classes)
      assert.equal(there.size, own.size)
      for (let i = 0; i < own.size; i++) {
        const [a, b] = [await own.get(i), await there.get(i)]
        assert.deepEqual({ ...b, image: [...b.image] }, { ...a, image: [...a.image] })
      }
    }
  const half = { height: 6, width: 8 }
  const own = await openFolder(root, { split: 'train', ...half })
  const there = await openDropped(dropped(root), { split: 'train', decode, ...half })
  const [a, b] = [await own.get(0), await there.get(0)]
  assert.deepEqual(b.labels, a.labels)
  assert.equal(b.image.length, 6 * 8 * 3)
})

test('dropped folder: splits by list and by folder, and hidden files are nobody’s', async () => {
  const root = await folder()
  writeFileSync(join(root, 'train.txt'), '0\n1.png\n')
  writeFileSync(join(root, 'val.txt'), '5\n')
  mkdirSync(join(root, '.hidden'))
  writeFileSync(join(root, 'images/.DS_Store'), 'x')
  for (const split of ['train', 'val', 'test'] as const) {
    const own = await openFolder(root, { split })
    const there = await openDropped(dropped(root), { split, decode })
    assert.deepEqual(
      there.pairs.map(({ name }) => name),
      own.pairs.map(({ name }) => name),
    )
  }
})

test('dropped folder: what is missing and what is wrong is said as it is of a folder on disk', async () => {
  const says = async (spoil: (root: string) => unknown) => {
    const root = await folder()
    await spoil(root)
    const own = await thrown(openFolder(root, { split: 'train' }))
    const there = await thrown(openDropped(dropped(root), { split: 'train', decode }))
    assert.ok(there instanceof DataError)
    const plain = own.message.replaceAll(`${root}/`, '').replaceAll(root, 'what was dropped')
    assert.equal(there.message.split(': ').slice(1).join(), plain.split(': ').slice(1).join())
    return there.message
  }
  assert.match(await says((r) => rmSync(join(r, 'labels/3.png'))), /3\.png: has no label labels/)
  assert.match(
    await says((r) => rmSync(join(r, 'labels'), { recursive: true })),
    /no folder labels/,
  )
  assert.match(
    await says((r) => writeFileSync(join(r, 'classes.txt'), 'car\ncar\n')),
    /names car twice/,
  )
  assert.match(await thrown(openDropped([], { split: 'train' })).then(String), /no folder images/)
})

test('dropped folder: labels in colours and of no class are explained, each with its file', async () => {
  const root = await folder()
  const rgb = Array.from({ length: 12 * 16 * 3 }, (_, at) => [1, 2, 3][at % 3])
  writeFileSync(join(root, 'labels/1.png'), png(rgb, 12, 48, 8, 2))
  await writeLabelsPng(join(root, 'labels/2.png'), new Uint8Array(12 * 16).fill(7), 12, 16)
  writeFileSync(join(root, 'train.txt'), '0\n1\n2\n')
  writeFileSync(join(root, 'val.txt'), '3\n')
  const dataset = await openDropped(dropped(root), { split: 'train', decode })
  const { problems } = await preflight(dataset)
  const source = { kind: 'folder', folder: root } as const
  const [own] = await preflightFor(source, { splits: ['train'], workers: 0, fresh: true })
  assert.deepEqual(
    problems,
    own.problems.map((line) => line.replaceAll(`${root}/`, '')),
  )
  assert.match(problems[0], /^labels\/1\.png: is a RGB PNG[\s\S]*#010203 is 1, road/)
  assert.match(
    problems[1],
    /^labels\/2\.png: has label 7 at row 0[\s\S]*it has 7 where classes are/,
  )
})

test('dropped folder: a JPEG is read as its pixels are stored, without the note of how its camera was held', async () => {
  const [width, height] = [6, 4]
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (7 * i) % 256)
  const raw = { width, height, channels: 3 } as const
  const turned = await sharp(data, { raw }).jpeg().withMetadata({ orientation: 6 }).toBuffer()
  assert.equal((await sharp(turned).metadata()).orientation, 6)
  const stored = Buffer.from(await (await asStored(new Blob([turned]))).arrayBuffer())
  assert.equal((await sharp(stored).metadata()).orientation, undefined)
  assert.deepEqual(await sharp(stored).raw().toBuffer(), await sharp(turned).raw().toBuffer())
  const png = new Blob([await sharp(data, { raw }).png().toBuffer()])
  assert.equal(await asStored(png), png)
  assert.equal((await asStored(new Blob([turned.subarray(0, 3)]))).size, 3)
})
