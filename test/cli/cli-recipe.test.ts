// What a recipe says of which images are seen, and of how the weights are tested, is what `train` does and `eval` goes on with.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

const [height, width] = [16, 32]
const small = [
  '--size',
  '16x32',
  '--steps',
  '1',
  '--batch',
  '2',
  '--base',
  '4',
  '--lanes',
  '4',
  '--option',
  'depthMultiplier=0.5',
]
const plain = ['--set', 'augmentation=[]', '--json']

/** Images of grass, of which those that are named are half a rare thing. */
async function folderOf(rare: readonly string[], common: readonly string[]): Promise<string> {
  const root = scratch()
  for (const folder of ['images', 'labels']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'classes.txt'), 'grass\nthing\n')
  for (const split of ['train', 'val'])
    writeFileSync(join(root, `${split}.txt`), [...rare, ...common].join('\n'))
  for (const name of [...rare, ...common]) {
    const labels = new Uint8Array(height * width)
    if (rare.includes(name)) labels.fill(1, 0, labels.length / 2)
    const data = Uint8Array.from({ length: 3 * labels.length }, (_, i) =>
      labels[Math.floor(i / 3)] ? 200 : (7 * i) % 90,
    )
    await writePng(join(root, `images/${name}.png`), { data, height, width })
    await writeLabelsPng(join(root, `labels/${name}.png`), labels, height, width)
  }
  return root
}

async function firstLoss(folder: string, ...more: string[]): Promise<number> {
  const cwd = scratch()
  const args = ['train', '--data', folder, ...small, ...plain, ...more, '--out', 'run']
  const { code, err } = await ran(args, cwd)
  assert.equal(code, 0, err)
  const [line] = readFileSync(join(cwd, 'run/metrics.jsonl'), 'utf8').split('\n')
  return JSON.parse(line).loss
}

test('cli: sampling by rare classes draws the images that have them', async () => {
  await testDevice()
  const folder = await folderOf(['a'], ['b', 'c', 'd', 'e', 'f', 'g', 'h'])
  const sampled = await firstLoss(folder, '--set', 'sampling=rare-classes')
  assert.equal(sampled, await firstLoss(await folderOf(['a', 'again'], [])))
  assert.notEqual(sampled, await firstLoss(folder))
  const street = ['train', ...small, '--set', 'sampling=rare-classes']
  await refused(street, /counts the labels' pixels, and drawn scenes have no label files/)
})

test("cli: a run is tested by its recipe's procedure, and says so", async () => {
  await testDevice()
  const [folder, cwd] = [await folderOf(['a'], ['b']), scratch()]
  const asked = ['--set', 'test.flip=true', '--set', 'test.scales=[0.5,1]']
  const trained = await ran(['train', '--data', folder, ...small, ...asked, '--out', 'run'], cwd)
  assert.equal(trained.code, 0, trained.err)
  assert.match(trained.out, /weights of step 1, looked at by \{"flip":true,"scales":\[0\.5,1\]\}/)
  const { test, scores } = JSON.parse(readFileSync(join(cwd, 'run/scores.json'), 'utf8'))
  assert.deepEqual(test, { flip: true, scales: [0.5, 1] })
  assert.match(readFileSync(join(cwd, 'run/report.html'), 'utf8'), /looked at by \{&quot;flip/)
  const scored = await ran(['eval', 'run', '--json'], cwd)
  assert.equal(scored.code, 0, scored.err)
  const told = JSON.parse(scored.out)
  assert.deepEqual(told.test, { resize: { height, width }, ...test })
  assert.deepEqual(told.scores.perClass, scores.perClass)
})

test('cli: data that nothing can be learned from, or scored on, is refused before a run begins', async () => {
  const [folder, cwd] = [await folderOf(['a'], ['b']), scratch()]
  const args = ['train', '--data', folder, ...small, '--set', 'batch=1', '--out', 'run']
  const empty = new Uint8Array(height * width).fill(255)
  writeFileSync(join(folder, 'train.txt'), 'b\n')
  await writeLabelsPng(join(folder, 'labels/b.png'), empty, height, width)
  await refused(args, /has no pixel of a class in the labels of its train split/, cwd)
  const one = await folderOf(['a'], [])
  for (const split of ['train', 'val']) rmSync(join(one, `${split}.txt`))
  await refused(['train', '--data', one, ...args.slice(3)], /has no image in its val split/, cwd)
  assert.ok(!existsSync(join(cwd, 'run')))
})
