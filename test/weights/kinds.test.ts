// Whose names a weight file has, in what layout, and below what prefix: the cases in which two answers are near, and files
// that are made to take long or to say something false.

import assert from 'node:assert/strict'
import { buildModel } from '../../models/index.ts'
import { keyMap, keyMaps } from '../../models/keys/index.ts'
import { mapillaryOptions } from '../../models/keys/mapillary.ts'
import type { AnyModule } from '../../nn/module.ts'
import { differences, loadWeights, matchWeights } from '../../train/weights/load.ts'
import { checkReport, type LoadReport } from '../../train/weights/report.ts'
import { exportWeights } from '../../train/weights/save.ts'
import type { WeightDtype, Weights } from '../../train/weights/tensor.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import {
  ademxappListing,
  caffeListing,
  filledFile,
  type Listing,
  mapillaryListing,
  torchvisionListing,
} from '../keys/files.ts'

const narrow = { width: 2, classes: 3 }
const blocks = [3, 4, 6, 3]
const units = [3, 3, 6, 3, 1, 1]
const torchvision = torchvisionListing(blocks, narrow)

const net = (name: string, options: object = narrow) =>
  buildModel({ name, options: { ...options } })

/** The names and shapes that a model of ours has in a file, which says nothing of itself. */
function ownListing(model: AnyModule, layout: 'atrous' | 'torch', prefix = ''): Listing {
  const state = model.stateDict()
  const sources = keyMap(layout).sources(state, new Map())
  return [...state].map(([path, { shape }]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
    return [prefix + path, sources.get(path)!.invert!({ shape, data }).shape]
  })
}

const within = (prefix: string, listing: Listing): Listing =>
  listing.map(([name, shape]) => [prefix + name, shape])

const ofType = (weights: Weights, dtype: WeightDtype): Weights => ({
  ...weights,
  tensors: new Map([...weights.tensors].map(([name, t]) => [name, { ...t, dtype }])),
})

const match = (model: AnyModule, listing: Listing, options = {}): LoadReport =>
  matchWeights(model, filledFile(listing), options).report

for (const [name, options] of [
  ['fcrn-18', narrow],
  ['gcn-18', narrow],
  ['resnet-50', narrow],
  ['model-a', { ...narrow, width: 1 }],
  ['frrn-a', { base: 2, lanes: 3, classes: 4 }],
] as const)
  test(`${name}: a file of all its names is read as ours in either layout, though nothing says so`, () => {
    const model = net(name, options)
    for (const layout of ['atrous', 'torch'] as const)
      for (const prefix of ['', 'state_dict.']) {
        const report = match(model, ownListing(model, layout, prefix))
        checkReport(report)
        assert.deepEqual([report.keys, report.prefix], [layout, prefix])
        assert.equal(report.loaded.length, model.stateDict().size)
      }
  })

test('the deconvolutions of single channels go to PyTorch as its depthwise ones, and come back the same', () => {
  const model = net('gcn-18', { ...narrow, deconvolution: 'per-channel' })
  const path = 'doublings.2.deconv.weight'
  const data = Float32Array.from({ length: 48 }, (_, i) => i)
  const source = keyMap('torch').sources(model.stateDict(), new Map()).get(path)!
  const stored = source.invert!({ shape: [4, 4, 3], data })
  assert.deepEqual(stored.shape, [3, 1, 4, 4])
  // Row 1 and column 2 of channel 2.
  assert.equal(stored.data[2 * 16 + 4 + 2], (4 + 2) * 3 + 2)
  const back = source.convert({ shape: stored.shape, values: () => stored.data })
  assert.deepEqual(back, { shape: [4, 4, 3], data })
  checkReport(match(model, ownListing(model, 'torch')))
})

test('names that we share with torchvision are ours in our layout', () => {
  const { backbone } = net('resnet-50') as unknown as { backbone: AnyModule }
  for (const [layout, keys] of [
    ['atrous', 'atrous'],
    ['torch', 'torchvision'],
  ] as const) {
    const report = match(backbone, ownListing(backbone, layout))
    checkReport(report)
    assert.equal(report.keys, keys)
  }
})

test('a head of other classes does not decide the layout', () => {
  const other = ownListing(net('fcrn-18', { ...narrow, classes: 5 }), 'torch')
  const { keys, misshaped } = match(net('fcrn-18'), other)
  assert.deepEqual([keys, misshaped.length], ['torch', 2])
})

test('names beside those that are read are told: of averaged weights, an optimiser, another head', () => {
  const file = [...within('ema.', torchvision), ...within('model.', torchvision)]
  const { prefix, elsewhere, text } = match(net('resnet-50'), file)
  assert.equal(prefix, 'ema.')
  assert.equal(elsewhere.length, torchvision.length)
  assert.match(text, /^names of torchvision below ema\.\n/)
  assert.match(text, /\nelsewhere in the file +320 +model\.conv1\.weight, /)
  const chosen = match(net('resnet-50'), file, { prefix: 'model.' })
  assert.deepEqual([chosen.prefix, chosen.elsewhere[0]], ['model.', 'ema.conv1.weight'])
})

test('a part that the model does not have is refused by name', () => {
  const load = (part: string) => () => match(net('fcrn-50'), torchvision, { part })
  assert.throws(load('bakbone'), /no variables below 'bakbone'[\s\S]*did you mean backbone/)
  assert.throws(load(''), /no variables below ''/)
})

test('whole numbers are no weights: a quantised file does not load', () => {
  const file = ofType(filledFile(torchvision), 'i8')
  const { report } = matchWeights(net('resnet-50'), file)
  assert.equal(report.misshaped[0], 'backbone.conv1.weight i8 for f32')
  assert.throws(() => checkReport(report, { strict: false }), /gives this model nothing/)
  for (const dtype of ['f64', 'f16', 'bf16'] as const)
    checkReport(matchWeights(net('resnet-50'), ofType(filledFile(torchvision), dtype)).report)
})

test('names that control a terminal are not printed', () => {
  const { text } = match(net('resnet-50'), [...torchvision, ['\x1b[2Jevil\n', [1]]])
  assert.match(text, /unexpected in the file +1 +\?\[2Jevil\?$/m)
})

test('a file of many names, each below prefixes of its own, takes no time', () => {
  const file = filledFile(Array.from({ length: 40_000 }, (_, i) => [`a${i}.b.c.weight`, []]))
  const model = net('resnet-18')
  const started = performance.now()
  assert.equal(matchWeights(model, file).report.unexpected.length, 40_000)
  assert.equal(matchWeights(model, file, { keys: 'caffe' }).report.loaded.length, 0)
  // Looking through the file once for each prefix took an hour.
  assert.ok(performance.now() - started < 20_000)
})

const original = { ...narrow, stride: '1x1', pool: 'ceil', input: 'caffe', stemBias: true }
const caffe = caffeListing(blocks, { ...narrow, stemBias: true })

test('Caffe: old blobs have four axes, and only such of 1 are dropped', async () => {
  const model = net('resnet-50', original)
  const padded = caffe.map(
    ([name, shape]) => [name, [...Array(4 - shape.length).fill(1), ...shape]] as const,
  )
  checkReport(match(model, padded))
  const wrong = caffe.map(
    ([name, shape]) => [name, name === 'scale_conv1/0' ? [2, ...shape] : shape] as const,
  )
  const device = await testDevice()
  assert.throws(
    () => loadWeights(device, model, filledFile(wrong)),
    /of another shape or type +1 +backbone\.bn1\.weight \[2,2\] for \[2\]/,
  )
})

test('Caffe: what a deeper network lacks is named as the deeper file has it', () => {
  const { missing } = match(net('resnet-101', original), caffe)
  const last = missing.find((path) => path.startsWith('backbone.layer3.22.conv1'))
  assert.equal(last, 'backbone.layer3.22.conv1.weight (res4b22_branch2a/0)')
})

test('a net that averages inverse deviations does not take variances for them', () => {
  const other = { statistic: 'inverse-deviation' }
  const wide = { ...narrow, width: 1 }
  for (const { otherForm, loaded } of [
    match(net('resnet-50', { ...original, ...other }), caffe),
    match(net('resnet-50', { ...narrow, ...other }), torchvision),
    match(net('model-a', { ...wide, head: 'classify', ...other }), ademxappListing(units, wide)),
  ]) {
    assert.deepEqual(otherForm, ['statistic is "inverse-deviation" for "variance"'])
    assert.ok(!loaded.some((path) => path.endsWith('running_inv_std')))
  }
})

test('mapillary: a net without its poolings is of another form', () => {
  const options = { ...narrow, width: 1, ...mapillaryOptions }
  const file = mapillaryListing(units, { ...narrow, width: 1 })
  const { otherForm } = match(net('model-a', options), file)
  assert.deepEqual(otherForm, ['downsample is "strided" for "mixed" or "pool"'])
  for (const downsample of ['mixed', 'pool'])
    checkReport(match(net('model-a', { ...options, downsample }), file))
})

/** A network that a map's files are for, and for each option that it must have another value. */
const otherForms: Readonly<Record<string, readonly [name: string, other: object]>> = {
  torchvision: [
    'resnet-50',
    {
      ...{ stride: '1x1', pool: 'ceil', stemBias: true, input: 'caffe', eps: 1e-3 },
      statistic: 'inverse-deviation',
    },
  ],
  caffe: [
    'resnet-50',
    {
      ...{ stride: '3x3', pool: 'padded', input: 'imagenet', eps: 1e-3 },
      statistic: 'inverse-deviation',
    },
  ],
  mapillary: [
    'model-a',
    {
      ...{ activation: 'relu', eps: 1.001e-5, firstUnitDilation: 'second', input: 'none' },
      ...{ downsample: 'strided', statistic: 'inverse-deviation' },
    },
  ],
  ademxapp: [
    'model-a',
    {
      ...{ activation: 'leaky-relu', eps: 1e-5, firstUnitDilation: 'whole', input: 'none' },
      statistic: 'inverse-deviation',
    },
  ],
  frrn: ['frrn-a', { splitBatchNorm: false, upsample: 'half-pixel', input: 'imagenet', eps: 1e-5 }],
  atrous: ['resnet-18', {}],
  torch: ['resnet-18', {}],
}

for (const [keys, map] of Object.entries(keyMaps))
  test(`${keys}: each option that makes its weights mean something else is told of`, () => {
    const [name, others] = otherForms[keys]
    const first = (value: unknown) => (Array.isArray(value) ? value[0] : value)
    const form = Object.fromEntries(Object.entries(map.expects).map(([k, v]) => [k, first(v)]))
    assert.deepEqual(Object.keys(others).sort(), Object.keys(form).sort())
    assert.deepEqual(differences(net(name, form), map), [])
    for (const [option, other] of Object.entries(others))
      assert.deepEqual(
        differences(net(name, { ...form, [option]: other }), map).map(
          (line) => line.split(' for')[0],
        ),
        [`${option} is ${JSON.stringify(other)}`],
      )
  })

test("mapillary: what is dropped in training changes no weight's meaning", () => {
  const { dropoutKind: _, ...form } = mapillaryOptions
  const options = { ...form, downsample: 'pool', dropoutKind: 'element' }
  assert.deepEqual(differences(net('model-a', options), keyMap('mapillary')), [])
})

test("torchvision's names are refused to a net that torchvision would run in another form", async () => {
  const device = await testDevice()
  const model = net('resnet-18', { ...narrow, input: 'caffe' })
  await assert.rejects(
    exportWeights(device, model, { keys: 'torchvision' }),
    /of another form: input is "caffe" for "imagenet"[\s\S]*keys: 'torch'/,
  )
  assert.ok((await exportWeights(device, model, { keys: 'torch' })).tensors.length > 100)
})
