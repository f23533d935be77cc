// Training on folders of files, each known by its layout.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { STREET_CLASSES, streetPainter } from '../../train/scenes/street.ts'
import { testDevice } from '../device.ts'
import { needShared, test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

const narrow = ['--base', '2', '--lanes', '2', '--option', 'depthMultiplier=0.5']

async function ownFolder(images: number): Promise<string> {
  const root = scratch()
  for (const folder of ['images', 'labels']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'classes.txt'), STREET_CLASSES.map(({ name }) => name).join('\n'))
  const draw = streetPainter(32, 48)
  for (let i = 0; i < images; i++) {
    const { image, labels } = draw(1, i)
    await writePng(join(root, `images/${i}.png`), { data: image, height: 32, width: 48 })
    await writeLabelsPng(join(root, `labels/${i}.png`), labels, 32, 48)
  }
  return root
}

test('cli: a folder of one’s own is trained on, looked through, scored and predicted', async () => {
  await testDevice()
  const [root, cwd] = [await ownFolder(9), scratch()]
  const small = [...narrow, '--size', '16x32', '--steps', '2']
  const trained = await ran(['train', '--data', root, ...small, '--out', 'run', '--json'], cwd)
  assert.equal(trained.code, 0, trained.err)
  assert.equal(JSON.parse(trained.out).recipe?.data?.kind ?? 'folder', 'folder')
  const scored = await ran(['eval', 'run', '--data', root, '--split', 'val', '--json'], cwd)
  assert.equal(scored.code, 0, scored.err)
  assert.equal(JSON.parse(scored.out).images, 1)
  writeFileSync(join(root, 'classes.txt'), 'one\ntwo\n')
  await refused(['eval', 'run', '--data', root], /has 2|knows the classes/, cwd)
})

test('cli: VOC is known by its folder, and its classes are the network’s', async () => {
  await testDevice()
  const [voc, cwd] = [needShared('data/voc-sample'), scratch()]
  const size = [...narrow, '--size', '16x32', '--steps', '1']
  const { code, err } = await ran(['train', '--data', voc, ...size, '--out', 'run'], cwd)
  assert.equal(code, 0, err)
  await refused(['train', '--data', voc, '--format', 'cityscapes', ...size], /leftImg8bit/, cwd)
  await refused(['train', '--format', 'voc', ...size], /--format is of a folder/, cwd)
  await refused(['train', '--data', cwd, ...size], /laid out as none of the data sets/, cwd)
})

test('cli: data looks through the splits that are there, and names the one that is not', async () => {
  const root = await ownFolder(3)
  writeFileSync(join(root, 'train.txt'), '0\n1\n')
  const { code, out, err } = await ran(['data', root])
  assert.deepEqual([code, err], [1, ''])
  assert.match(
    out,
    /\nfolder, train: 2 images[\s\S]*\n\n.*val\.txt: does not exist, but .* train is/,
  )
  await refused(['data', root, '--split', 'val'], /val\.txt: does not exist/)
})
