// A classifier from the command line: trained, resumed, scored, and what a network for segmentation starts from.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../train/random.ts'
import { folderOf, jpeg } from '../data/imagenet-files.ts'
import { test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

/** Dark and light images of different sizes, which anything can tell apart. */
async function twoClasses(): Promise<string> {
  const files: Record<string, Uint8Array> = {}
  const random = new Random(1)
  for (const [split, count] of [
    ['train', 24],
    ['val', 6],
  ] as const)
    for (let i = 0; i < count; i++)
      for (const [id, low] of [
        ['dark', 0],
        ['light', 160],
      ] as const)
        files[`${split}/${id}/${i}.jpg`] = await jpeg(
          random.int(low, low + 90),
          random.int(40, 80),
          random.int(40, 80),
        )
  return folderOf(files)
}

async function output(cwd: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await ran(args, cwd)
  assert.equal(code, 0, `${args.join(' ')}: ${out}${err}`)
  return out
}

test(
  'cli: a folder of classes is learned, scored and resumed, and its weights start a segmentation',
  async () => {
    const [data, cwd] = [await twoClasses(), scratch()]
    const small = ['--batch', '8', '--size', '32x32', '--width', '8']
    const trained = JSON.parse(
      await output(cwd, 'train', '--data', data, ...small, '--steps', '30', '--out', 'a', '--json'),
    )
    assert.equal(trained.images, 12)
    assert.ok(trained.top1 > 0.9, `${trained.top1}`)
    assert.deepEqual(
      trained.perClass.map(({ name }: { name: string }) => name),
      ['dark', 'light'],
    )
    const { recipe } = JSON.parse(readFileSync(join(cwd, 'a/config.json'), 'utf8'))
    assert.deepEqual([recipe.name, recipe.model.name], ['images', 'resnet-18'])
    const scored = JSON.parse(await output(cwd, 'eval', 'a', '--json'))
    assert.deepEqual([scored.top1, scored.top5], [trained.top1, trained.top5])
    assert.match(await output(cwd, 'eval', 'a', '--split', 'train'), /top-1 .* of 48 images/)
    const pixels = await ran(['eval', 'a', '--trimap'], cwd)
    assert.match(pixels.err, /resnet-18 scores images as a whole, and --trimap is of class masks/)
    assert.equal(pixels.code, 2)
    await output(cwd, 'train', '--resume', 'a', '--steps', '32')

    const street = [
      'train',
      '--model',
      'fcrn-18',
      '--width',
      '8',
      '--steps',
      '2',
      '--size',
      '32x32',
    ]
    const { err, code } = await ran([...street, '--init', 'a', '--only', 'backbone'], cwd)
    assert.equal(code, 0, err)
    assert.match(err, /weights: .*a, names of atrous below model\.\s+loaded +100\b/)
    await refused(
      ['train', '--data', data, '--model', 'frrn-a', '--steps', '1'],
      /frrn-a scores pixels, and the images of imagenet have one class each/,
      cwd,
    )
    await refused(
      ['train', '--model', 'resnet-18', '--steps', '1'],
      /resnet-18 scores images as a whole/,
      cwd,
    )
  },
  { timeout: 300 },
)
