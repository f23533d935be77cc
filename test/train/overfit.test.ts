// A few images learned by heart: which ones, that all splits are these, and that scoring looks at the same.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Args } from '../../apps/cli/command.ts'
import { sourceOf } from '../../apps/cli/eval-data.ts'
import { findData, newRecipe } from '../../apps/cli/settings.ts'
import { train } from '../../apps/cli/train.ts'
import type { Checkpoint } from '../../train/checkpoint/checkpoint.ts'
import { type Dataset, SPLITS } from '../../train/dataset.ts'
import { writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { openSplit, openSplits } from '../../train/sources.ts'
import { ran, refused, scratch } from '../cli/cli.ts'
import { test } from '../harness.ts'

/** A folder of eight images, six of which are trained on. */
async function eight(): Promise<string> {
  const folder = scratch()
  for (const sub of ['images', 'labels']) mkdirSync(join(folder, sub))
  const names = Array.from({ length: 8 }, (_, i) => `p${i}`)
  for (const [i, name] of names.entries()) {
    const data = new Uint8Array(3 * 16 * 16).fill(20 * i)
    await writePng(join(folder, 'images', `${name}.png`), { data, height: 16, width: 16 })
    const labels = Uint8Array.from({ length: 256 }, (_, at) => +(at % 16 > i + 2))
    await writeLabelsPng(join(folder, 'labels', `${name}.png`), labels, 16, 16)
  }
  writeFileSync(join(folder, 'classes.txt'), 'sky\nroad\n')
  writeFileSync(join(folder, 'train.txt'), `${names.slice(0, 6).join('\n')}\n`)
  writeFileSync(join(folder, 'val.txt'), `${names.slice(6).join('\n')}\n`)
  return folder
}

async function recipeOf(...argv: string[]) {
  const args = new Args(train, [...argv, '--size', '16x16'])
  return newRecipe(args, await findData(args))
}

const namesIn = (of: Dataset) =>
  Promise.all(Array.from({ length: of.size }, async (_, i) => (await of.get(i)).name))

test('overfit: all splits are the images of training that were named, in that order', async () => {
  const folder = await eight()
  const { data } = await recipeOf('--data', folder, '--overfit', 'p4,p1')
  assert.deepEqual(data, { kind: 'folder', folder, height: 16, width: 16, overfit: ['p4', 'p1'] })
  const splits = await openSplits(data)
  for (const split of SPLITS) {
    const { name, image } = await splits[split].get(0)
    assert.deepEqual([name, image[0]], ['p4', 80])
    assert.deepEqual(await namesIn(splits[split]), ['p4', 'p1'])
    assert.equal(splits[split].split, 'train')
  }
  const { pairs } = await openSplit(data, 'val')
  assert.deepEqual(
    pairs!.map(({ name }) => name),
    ['p4', 'p1'],
  )
})

test('overfit: a number is of the first images, and drawn scenes have one too', async () => {
  const folder = await eight()
  const { data } = await recipeOf('--data', folder, '--overfit', '3')
  assert.deepEqual(await namesIn(await openSplit(data, 'test')), ['p0', 'p1', 'p2'])
  const drawn = await recipeOf('--data', 'crowd', '--overfit', '2')
  const [first, again] = [await openSplit(drawn.data, 'train'), await openSplit(drawn.data, 'val')]
  assert.deepEqual([first.size, again.size], [2, 2])
  assert.deepEqual((await first.get(1)).image, (await again.get(1)).image)
})

test('overfit: a checkpoint is scored on what it learned, other data as a whole', async () => {
  const [folder, other] = [await eight(), await eight()]
  const recipe = await recipeOf('--data', folder, '--overfit', 'p4,p1')
  const checkpoint = { file: 'a', info: { recipe } } as unknown as Checkpoint
  const own = await sourceOf(checkpoint, undefined, undefined)
  assert.deepEqual(await namesIn(await openSplit(own, 'test')), ['p4', 'p1'])
  const theirs = await sourceOf(checkpoint, other, undefined)
  assert.deepEqual(await namesIn(await openSplit(theirs, 'val')), ['p6', 'p7'])
})

test('overfit: a run of it, and what is refused', async () => {
  const folder = await eight()
  const cwd = scratch()
  const two = ['--data', folder, '--overfit', 'p4,p1', '--size', '16x16', '--steps', '1']
  const { code, err } = await ran(['train', ...two, '--base', '4', '--out', 'run', '--json'], cwd)
  assert.equal(code, 0, err)
  const scored = await ran(['eval', 'run', '--json'], cwd)
  assert.equal(scored.code, 0, scored.err)
  assert.equal(JSON.parse(scored.out).images, 2)
  const data = ['--data', folder]
  for (const [args, says] of [
    [[...data, '--overfit', 'p4,p6'], /folder, train split: has no image p6/],
    [[...data, '--overfit', '7'], /folder, train split: has 6 images, not 7/],
    [[...data, '--overfit', 'p1,p1'], /data.overfit cannot be \['p1','p1'\]/],
    [[...data, '--overfit', 'p1,'], /data.overfit cannot be ''/],
    [[...data, '--set', 'data.overfit=0.5'], /data.overfit cannot be 0.5/],
    [['--data', 'street', '--overfit', 'a,b'], /drawn scenes have no names/],
    [['--data', 'street', '--overfit', '0'], /--overfit cannot be '0'\n.*a whole number from 1/],
  ] as const)
    await refused(['train', ...args, '--size', '16x16', '--out', 'no'], says, cwd)
})
