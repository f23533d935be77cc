// Several data sets trained on as one.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Args } from '../../apps/cli/command.ts'
import { findData, newRecipe } from '../../apps/cli/settings.ts'
import { train } from '../../apps/cli/train.ts'
import { OptionError } from '../../engine/errors.ts'
import { writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { openSplit, openSplits } from '../../train/sources.ts'
import { needShared, test } from '../harness.ts'

/** A folder of so many images, all of one grey, with these classes. */
async function folderOf(count: number, grey: number, classes: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-joined-'))
  for (const sub of ['images', 'labels']) mkdirSync(join(folder, sub))
  writeFileSync(join(folder, 'classes.txt'), classes)
  for (let i = 0; i < count; i++) {
    const data = new Uint8Array(3 * 8 * 8).fill(grey + i)
    await writePng(join(folder, 'images', `${grey}-${i}.png`), { data, height: 8, width: 8 })
    await writeLabelsPng(join(folder, 'labels', `${grey}-${i}.png`), new Uint8Array(64), 8, 8)
  }
  return folder
}

test('joined: training takes the images of all, in order; val and test those of the first', async () => {
  const [a, b] = [await folderOf(10, 20, 'sky\nroad\n'), await folderOf(10, 120, 'sky\nroad\n')]
  const args = new Args(train, ['--data', a, '--also', b, '--size', '8x8'])
  const recipe = newRecipe(args, await findData(args))
  assert.deepEqual(recipe.data, {
    ...{ kind: 'folder', folder: a, height: 8, width: 8 },
    also: [{ kind: 'folder', folder: b }],
  })
  const { train: all, val } = await openSplits(recipe.data)
  const own = await openSplits({ kind: 'folder', folder: a })
  const other = await openSplits({ kind: 'folder', folder: b })
  assert.equal(all.size, own.train.size + other.train.size)
  assert.equal(val.size, own.val.size)
  const names = await Promise.all(
    Array.from({ length: all.size }, async (_, i) => (await all.get(i)).name),
  )
  assert.deepEqual(new Set(names).size, all.size)
  assert.deepEqual((await all.get(own.train.size)).name, (await other.train.get(0)).name)
})

test('joined: other classes, and nothing to join with, are refused', async () => {
  const [a, b] = [await folderOf(4, 20, 'sky\nroad\n'), await folderOf(4, 120, 'road\nsky\n')]
  const source = { kind: 'folder', folder: a, also: [{ kind: 'folder', folder: b }] } as const
  await assert.rejects(openSplit(source, 'train'), (error: Error) => {
    assert.ok(error instanceof OptionError)
    assert.match(error.message, /other classes than .*: road, sky[\s\S]*the classes sky, road/)
    return true
  })
  await assert.rejects(findData(new Args(train, ['--also', a])), /--also is of a folder/)
})

test('joined: SBD beside VOC is the augmented set, without what VOC validates on', async () => {
  const voc = needShared('data/voc-sample')
  const sbd = needShared('data/sbd-sample')
  const alone = await openSplit({ kind: 'voc', folder: voc }, 'train')
  const also = [{ kind: 'sbd', folder: sbd }] as const
  const both = await openSplit({ kind: 'voc', folder: voc, also }, 'train')
  assert.ok(both.size > alone.size)
  assert.equal(both.name, 'voc-augmented')
  const names = (set: typeof both) =>
    Promise.all(Array.from({ length: set.size }, async (_, i) => (await set.get(i)).name))
  const val = await names(await openSplit({ kind: 'voc', folder: voc }, 'val'))
  assert.ok((await names(both)).every((name) => !val.includes(name)))
})
