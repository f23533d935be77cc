// Weight files on the command line: listed, compared with a network, converted, and trained from.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readWeights, writeWeights } from '../../train/weights/files.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { filledFile, torchvisionListing } from '../keys/files.ts'
import { ran, refused, scratch } from './cli.ts'

/** A ResNet-50 of torchvision's names, 8 channels wide, whose batch norms are the identity. */
async function narrowFile(): Promise<string> {
  const unit = (name: string, i: number): number => {
    if (/running_var$|(bn\d|downsample\.1)\.weight$/.test(name)) return 1
    return /bias$|running_mean$/.test(name) ? 0 : Math.sin(12.9898 * i + name.length) / 8
  }
  const { tensors } = filledFile(torchvisionListing([3, 4, 6, 3], { width: 8 }), unit)
  const metadata = { format: 'pt' }
  const [file] = await writeWeights(scratch(), tensors, { name: 'resnet50', metadata })
  return file
}

test('cli: weights lists a file, says where its tensors go, and converts it', async () => {
  const file = await narrowFile()
  const half = join(scratch(), 'half.safetensors')
  const [listed, fit, unfit, converted] = await Promise.all([
    ran(['weights', file]),
    ran(['weights', file, '--model', 'fcrn-50', '--width', '8']),
    ran([
      'weights',
      file,
      '--model',
      'fcrn-50',
      '--width',
      '8',
      '--option',
      'stride=1x1',
      '--json',
    ]),
    ran(['weights', file, '--out', half, '--dtype', 'f16', '--all']),
  ])
  assert.equal(listed.code, 0, listed.err)
  assert.match(listed.out, /safetensors, 320 tensors, .*\nnames: ResNet-18 … 152 of torchvision/)
  assert.match(listed.out, /\nconv1\.weight +f32 +\[8,3,7,7\]\n[\s\S]*… and 308 more: --all/)
  assert.equal(fit.code, 0, fit.err)
  assert.match(fit.out, /loaded +265\n.*keep their starting values +2 +head\.classifier\.weight/)
  assert.equal(unfit.code, 1)
  assert.deepEqual(JSON.parse(unfit.out).match.otherForm, ['stride is "1x1" for "3x3"'])
  assert.match(converted.out, /\nfc\.bias +f32 +\[1000\]\nwritten: .*half\.safetensors/)
  const { tensors, metadata } = await readWeights(half)
  assert.deepEqual([...metadata], [['format', 'pt']])
  assert.deepEqual([tensors.size, tensors.get('fc.bias')!.dtype], [320, 'f16'])
})

test('cli: training starts from a weight file, or refuses it before a folder is made', async () => {
  await testDevice()
  const file = await narrowFile()
  const out = join(scratch(), 'run')
  const few = ['--set', 'data.val=4', '--set', 'data.test=4']
  const train = [
    'train',
    ...few,
    '--model',
    'fcrn-50',
    '--init',
    file,
    '--steps',
    '1',
    '--out',
    out,
  ]
  const wide = await ran(train)
  assert.equal(wide.code, 2)
  assert.match(
    wide.err,
    /gives this model nothing\n[\s\S]*of another shape or type +265 [\s\S]*\n {2}hint: build the model with/,
  )
  assert.ok(!existsSync(out))
  const { code, err } = await ran([...train, '--width', '8', '--size', '16x16', '--batch', '1'])
  assert.equal(code, 0, err)
  assert.match(err, /weights: .*names of torchvision\s+loaded +265/)
  const { recipe } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  assert.deepEqual([recipe.init, recipe.model.options.frozen], [file, undefined])
})

test('cli: a network of other classes starts from the backbone alone', async () => {
  await testDevice()
  const file = await narrowFile()
  const { tensors } = await readWeights(file)
  const backbone = [...tensors].filter(([name]) => !name.startsWith('fc.'))
  const own = new Map(backbone.map(([name, t]) => [`backbone.${name}`, t]))
  own.set('head.classifier.weight', {
    dtype: 'f32',
    shape: [3],
    values: () => Float32Array.of(1, 2, 3),
  })
  const [net] = await writeWeights(scratch(), own, { metadata: { 'atrous.layout': 'torch' } })
  const out = join(scratch(), 'run')
  const train = [
    ...['train', '--model', 'fcrn-50', '--width', '8', '--init', net, '--steps', '1'],
    ...['--set', 'data.val=4', '--set', 'data.test=4'],
    ...['--size', '16x16', '--batch', '1', '--out', out],
  ]
  const whole = await ran(train)
  assert.equal(whole.code, 2)
  assert.match(whole.err, /head\.classifier\.weight \[3\] for [\s\S]*hint: .*part: 'backbone'/)
  const { code, err } = await ran([...train, '--only', 'backbone'])
  assert.equal(code, 0, err)
  const { recipe } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  assert.equal(recipe.only, 'backbone')
  await refused(['train', '--only', 'backbone'], /--only is of the network that weights go into/)
})

test('cli: files that are no weights, and options without their file, are refused', async () => {
  const file = await narrowFile()
  await Promise.all([
    refused(
      ['weights', 'nowhere.pth'],
      /nowhere\.pth: the weights cannot be opened: does not exist/,
    ),
    refused(['weights', file, '--dtype', 'f16'], /--dtype is of the file that is written/),
    refused(
      ['weights', file, '--part', 'backbone', '--classes', '3'],
      /--part is of a network\n.*name it with --model/,
    ),
    refused(['weights', file, '--keys', 'torchvision'], /--keys is of a network/),
    refused(['weights', file, '--out', 'x.pth'], /--out cannot be 'x.pth'/),
    refused(['weights', file, '--model', 'fcrn50'], /no model 'fcrn50'/),
  ])
})
