// `models` and `summary` as a person meets them, and networks by name, id and option in all commands.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configurations } from '../../models/catalog.ts'
import { models } from '../../models/index.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

test('cli: models lists every network in its default form, or every configuration', async () => {
  const [short, all] = await Promise.all([ran(['models']), ran(['models', '--all'])])
  assert.equal(short.code, 0, short.err)
  assert.match(short.out, /^ +parameters +input +MACs +stride +field of view +activations\n/)
  for (const name of Object.keys(models)) assert.match(short.out, new RegExp(`^  ${name} `, 'm'))
  assert.match(short.out, /^ {2}fcrn-101 +43\.6 M +504×504 +176 G +1\/8 +392 +1\.78 GB$/m)
  assert.match(short.out, /^ {2}frrn-a +17\.7 M +256×512 +123 G +1\/1 +– +1\.35 GB$/m)
  assert.match(short.out, /^ {2}resnet-50 +25\.6 M +224×224 +4\.09 G +image /m)
  const lines = new Set(all.out.split('\n').map((line) => line.trim().split(' ')[0]))
  for (const { id } of configurations) assert.ok(lines.has(id), id)
  assert.match(all.out, /^ {2}gcn-resnet152-k15\/voc21\/gcn\+br +gcn-152 +60\.7 M +512×512 /m)
})

test('cli: models --json has a row for every configuration', async () => {
  const { code, out } = await ran(['models', '--json'])
  assert.equal(code, 0)
  const rows: Record<string, unknown>[] = JSON.parse(out)
  assert.deepEqual(
    rows.map(({ id }) => id),
    configurations.map(({ id }) => id),
  )
  const of = (id: string) => rows.find((row) => row['id'] === id)
  const { activationBytes, ...rest } = of('fcrn101-s8-k5-d12/voc21')!
  assert.ok(Math.abs(Number(activationBytes) / 1.78e9 - 1) < 0.01)
  assert.deepEqual(rest, {
    id: 'fcrn101-s8-k5-d12/voc21',
    alias: 'fcrn-101',
    name: 'fcrn-101',
    parameters: 43575381,
    macs: 176018863104,
    input: [1, 504, 504, 3],
    output: [1, 63, 63, 21],
    outputStride: 8,
    fieldOfView: 392,
    receptiveField: [971 + 384, 971 + 384],
    weights: 43470016,
    biases: 21,
    batchNorm: 105344,
    buffers: 105344,
  })
  const { alias, output, outputStride, fieldOfView, receptiveField } = of(
    'wider-F-imagenet/pool-down',
  )!
  assert.deepEqual([alias, output, outputStride], [null, [1, 1000], null])
  assert.deepEqual([fieldOfView, receptiveField], [null, null])
})

test('cli: summary goes through a network by id or name, to a depth, with options', async () => {
  const whole = await ran(['summary', 'fcrn50-s8-k5-d12/cityscapes19'])
  assert.equal(whole.code, 0, whole.err)
  assert.match(whole.out, /^fcrn-50 on \[1,1024,2048,3\]: FCRN /)
  assert.match(
    whole.out,
    /^ {6}conv2 +Conv2d 3×3 d4 +128×256×512 +2,359,296 +77\.3 G +9\.3 +67\.1 MB$/m,
  )
  assert.match(whole.out, /^all +Fcrn +128×256×19 +24,480,851 +829 G +100 +7\.89 GB$/m)
  assert.match(
    whole.out,
    /field of view of the classifier: 392 pixels \(5×5, dilation 12, on a grid of 1\/8\)/,
  )
  assert.match(whole.out, /receptive field of a score: 811×811 pixels/)
  assert.doesNotMatch(whole.out, /^note:/m)

  const small = ['summary', 'fcrn-18', '--input', '96x128', '--batch', '2', '--width', '8']
  const text = (await ran([...small, '--option', 'kernel=3', '--depth', '1'])).out
  assert.match(text, /^fcrn-18 on \[2,96,128,3\]: /)
  assert.deepEqual(text.match(/^(?!fcrn|module|all)[a-z]+(?= {2})/gm), ['backbone', 'head'])
  assert.match(
    text,
    /^note: the classifier of fcrn-18 sees 200×200 pixels, .*use larger images, or dilation: 5$/m,
  )
  assert.match(text, / multiply-adds of 2 images; scores \[2,12,16,21\], one for 8×8 pixels/)
})

test('cli: summary --json has the figures, the options and the layers', async () => {
  const args = ['summary', 'frrn-a', '--base', '8', '--lanes', '4', '--classes', '5', '--json']
  const all = JSON.parse((await ran([...args, '--option', 'splitBatchNorm=false'])).out)
  assert.deepEqual([all.model, all.input], ['frrn-a', [1, 256, 512, 3]])
  const { base, lanes, classes, splitBatchNorm, upsample } = all.options
  assert.deepEqual([base, lanes, classes, splitBatchNorm, upsample], [8, 4, 5, false, 'asymmetric'])
  assert.equal(all.parameters, all.weights + all.biases + all.batchNorm)
  const [stem] = all.layers
  assert.deepEqual([stem.path, stem.kind, stem.outputs], ['stem', 'ConvUnit', [[1, 256, 512, 8]]])
  const tops = all.layers.filter(({ path }: { path: string }) => !path.includes('.'))
  const total = tops.reduce((n: number, { macs }: { macs: number }) => n + macs, 0)
  assert.equal(total, all.macs)
})

test('cli: networks and options that do not exist are refused with the nearest', async () => {
  await Promise.all([
    refused(['summary'], /MODEL is missing/),
    refused(['models', 'fcrn'], /'fcrn' is one argument too many/),
    refused(['summary', 'fcrn101'], /there is no model 'fcrn101'\n {2}hint: did you mean fcrn-101/),
    refused(['summary', 'fcrn50-s8-k5-d12/voc'], /did you mean fcrn50-s8-k5-d12\/voc21/),
    refused(
      ['summary', 'fcrn-50', '--option', 'kernl=3'],
      /no option kernl\n.*did you mean kernel/,
    ),
    refused(['summary', 'fcrn-50', '--option', 'kernel=4'], /kernel cannot be 4\n.*odd whole/),
    refused(
      ['summary', 'fcrn-50', '--option', 'kernel'],
      /--option cannot be 'kernel'\n.*KEY=VALUE/,
    ),
    refused(['summary', 'fcrn-50', '--option', 'stride=3x4'], /stride cannot be "3x4"\n.*3x3, 1x1/),
    refused(['summary', 'fcrn-50', '--width', '8', '--option', 'width=8'], /width is given twice/),
    refused(['summary', 'frrn-a', '--width', '8'], /frrn-a has no option width/),
    refused(['summary', 'gcn-18', '--input', '100x96'], /multiples of 32.*\n.*128 x 96/),
    refused(['summary', 'model-a', '--option', 'units=[1,2]'], /units cannot be \[1,2\]\n.*seven/),
    refused(['train', '--model', 'resnet-18'], /resnet-18 scores images as a whole, and training/),
    refused(
      ['train', '--model', 'localization-18'],
      /localization-18 predicts boxes, and training by .*\n.*recipe localization-small/,
    ),
    refused(['train', '--option', 'classes=3'], /the data decides the number of classes/),
  ])
})

test('cli: explain takes the options of any network, and any network through a training step', async () => {
  const narrow = ['--width', '2', '--input', '1x64x64', '--json']
  const of = async (...args: string[]) => JSON.parse((await ran(['explain', ...args])).out)
  const plain = await of('gcn-18', ...narrow, '--option', 'block=1x1', '--option', 'classes=3')
  assert.deepEqual(plain.options, { width: 2, block: '1x1', classes: 3 })
  assert.deepEqual(plain.input, [1, 64, 64, 3])
  for (const name of ['resnet-18', 'localization-18', 'model-16']) {
    const { program, activationBytes } = await of(name, ...narrow, '--train')
    assert.equal(program, 'training step')
    assert.ok(activationBytes > 0, name)
  }
})

test('cli: a network with scores on a grid is trained, with batch statistics and a word on its field of view', async () => {
  await testDevice()
  const folder = join(scratch(), 'run')
  const options = ['--option', 'depthMultiplier=0.5', '--option', 'kernel=3', '--width', '2']
  const few = ['--set', 'data.val=4', '--set', 'data.test=4']
  const size = [...few, '--size', '32x32', '--batch', '2', '--steps', '2', '--out', folder]
  const { code, err } = await ran(['train', '--model', 'fcrn-18', ...options, ...size])
  assert.equal(code, 0, err)
  assert.match(
    err,
    /note: the classifier of fcrn-18 sees 200×200 pixels, more than images of 32×32/,
  )
  const { recipe } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  assert.equal(recipe.model.name, 'fcrn-18')
  const { frozen, width, classes, seed } = recipe.model.options
  assert.deepEqual([frozen, width, classes, seed], ['none', 2, 8, 1])
})
