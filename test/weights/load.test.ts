// Loading weights by the names that other projects give them: every name accounted for, the layouts and conventions converted,
// and what does not fit refused before anything is written.

import assert from 'node:assert/strict'
import { hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import { buildModel } from '../../models/index.ts'
import { mapillaryOptions } from '../../models/keys/mapillary.ts'
import { wider } from '../../models/wider.ts'
import type { AnyModule } from '../../nn/module.ts'
import { loadWeights, matchWeights } from '../../train/weights/load.ts'
import type { Weights } from '../../train/weights/tensor.ts'
import { testDevice } from '../device.ts'
import { permuted } from '../goldens/layout.ts'
import { recipeValues } from '../goldens/recipe.ts'
import { goldenCase } from '../goldens/shared.ts'
import { test } from '../harness.ts'
import {
  ademxappListing,
  caffeListing,
  filledFile,
  frrnListing,
  type Listing,
  mapillaryListing,
  torchvisionListing,
} from '../keys/files.ts'

const narrow = { width: 2, classes: 3, input: 'imagenet' } as const
const blocks = { 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3] } as const

const resnet = (depth: number, options: object = {}) =>
  buildModel({ name: `resnet-${depth}`, options: { ...narrow, ...options } })

/** A listing whose tensors cost nothing until somebody asks for them. */
const onlyNames = (listing: Listing): Weights => filledFile(listing.map(([name]) => [name, []]))

const without = (weights: Weights, drop: (name: string) => boolean): Weights => ({
  ...weights,
  tensors: new Map([...weights.tensors].filter(([name]) => !drop(name))),
})

const withTensor = (weights: Weights, name: string, { shape, data }: HostTensor): Weights => ({
  ...weights,
  tensors: new Map([
    ...weights.tensors,
    [name, { dtype: 'f32', shape, values: () => data as Float32Array }],
  ]),
})

/** The values that a model would get, by path. */
function given(model: AnyModule, weights: Weights, options = {}): Map<string, Float32Array> {
  const { report, values } = matchWeights(model, weights, options)
  for (const kind of ['missing', 'unexpected', 'misshaped', 'nonFinite', 'otherForm'] as const)
    assert.deepEqual(report[kind], [], kind)
  return new Map(
    [...model.stateDict()].flatMap(([path, v]) => (values.has(v) ? [[path, values.get(v)!]] : [])),
  )
}

const all = (model: AnyModule) => [...model.stateDict().keys()]

for (const [depth, counts] of [
  [50, [320, 267]],
  [101, [626, 522]],
  [152, [932, 777]],
] as const)
  test(`torchvision: the ${counts[0]} keys of ResNet-${depth}, and the ${counts[1]} of old files, are its variables`, () => {
    const model = resnet(depth)
    for (const counted of [true, false]) {
      const listing = torchvisionListing(blocks[depth], { ...narrow, counted })
      assert.equal(listing.length, counts[counted ? 0 : 1])
      assert.deepEqual([...given(model, filledFile(listing)).keys()], all(model))
    }
  })

test('torchvision: convolutions and the last layer come in our layout', () => {
  const weights = filledFile(torchvisionListing(blocks[50], narrow), (_, i) => i)
  const values = given(resnet(50), weights)
  const of = (name: string) =>
    hostTensor(weights.tensors.get(name)!.values(), weights.tensors.get(name)!.shape)
  assert.deepEqual(
    values.get('backbone.conv1.weight'),
    permuted(of('conv1.weight'), [2, 3, 1, 0]).data,
  )
  assert.deepEqual(values.get('fc.weight'), permuted(of('fc.weight'), [1, 0]).data)
  assert.deepEqual(values.get('backbone.bn1.running_var'), of('bn1.running_var').data)
})

test('a file of a classifier gives a segmentation network its backbone, and the head stays new', () => {
  const file = filledFile(torchvisionListing(blocks[50], narrow))
  const model = buildModel({ name: 'fcrn-50', options: { ...narrow, classes: 5 } })
  const { report } = matchWeights(model, file)
  assert.deepEqual(report.fresh, ['head.classifier.weight', 'head.classifier.bias'])
  assert.equal(report.loaded.length, all(model).length - 2)
  assert.deepEqual(report.unexpected, [])
  const parted = matchWeights(model, file, { part: 'backbone' }).report
  assert.deepEqual([parted.loaded, parted.fresh], [report.loaded, []])
  const backbone = (model as unknown as { backbone: AnyModule }).backbone
  assert.deepEqual([...given(backbone, file).keys()], all(backbone))
})

test('wrappers and prefixes are found: state_dict, module, and both', () => {
  const listing = torchvisionListing(blocks[50], narrow)
  for (const prefix of ['module.', 'state_dict.', 'state_dict.module.', 'backbone.']) {
    const wrapped = filledFile(listing.map(([name, shape]) => [prefix + name, shape]))
    assert.equal(matchWeights(resnet(50), wrapped).report.prefix, prefix)
    assert.equal(given(resnet(50), wrapped).size, all(resnet(50)).length)
  }
})

test('what does not fit is listed in one table, and nothing is written', async () => {
  const device = await testDevice()
  const model = resnet(50)
  const [first] = model.parameters()
  const before = await device.read(first)
  const whole = filledFile(torchvisionListing(blocks[50], narrow))
  const damaged = withTensor(
    withTensor(
      without(whole, (name) => name === 'layer2.0.conv1.weight'),
      'layer9.0.conv1.weight',
      hostTensor(new Float32Array(4), [2, 2, 1, 1]),
    ),
    'fc.bias',
    hostTensor(new Float32Array(7), [7]),
  )
  assert.throws(
    () => loadWeights(device, model, damaged),
    (error: Error) => {
      assert.match(error.message, /weights\.bin: does not fit the model/)
      assert.match(
        error.message,
        /missing in the file +1 +backbone\.layer2\.0\.conv1\.weight \(layer2\.0\.conv1\.weight\)/,
      )
      assert.match(error.message, /unexpected in the file +1 +layer9\.0\.conv1\.weight/)
      assert.match(error.message, /of another shape or type +1 +fc\.bias \[7\] for \[3\]/)
      return true
    },
  )
  assert.deepEqual(await device.read(first), before)
  const report = loadWeights(device, model, damaged, { strict: false })
  assert.equal(report.loaded.length, all(model).length - 2)
  assert.notDeepEqual(await device.read(first), before)
})

test('a deeper file is refused, and so are values that are not finite and negative variances, even where strict is false', async () => {
  const device = await testDevice()
  const deeper = filledFile(torchvisionListing(blocks[101], narrow))
  assert.throws(() => loadWeights(device, resnet(50), deeper), /unexpected in the file +/)
  for (const [name, bad, said] of [
    ['bias', Number.NaN, /not finite or negative +1 +backbone\.bn1\.bias\n/],
    ['bias', Number.POSITIVE_INFINITY, /not finite or negative +1 +backbone\.bn1\.bias\n/],
    ['running_var', -1e-9, /negative +1 +backbone\.bn1\.running_var \(negative\)/],
  ] as const) {
    const file = withTensor(
      filledFile(torchvisionListing(blocks[50], narrow)),
      `bn1.${name}`,
      hostTensor(Float32Array.of(0, bad), [2]),
    )
    assert.throws(() => loadWeights(device, resnet(50), file, { strict: false }), said)
  }
  const fine = withTensor(
    filledFile(torchvisionListing(blocks[50], narrow)),
    'bn1.running_mean',
    hostTensor(Float32Array.of(0, -1), [2]),
  )
  loadWeights(device, resnet(50), fine)
})

test('a file with nothing for the model says so', async () => {
  const device = await testDevice()
  const file = filledFile([['encoder.weight', [2, 2]]])
  assert.throws(() => loadWeights(device, resnet(50), file), /gives this model nothing/)
})

test('timm: ResNets with deep stems or pooled shortcuts look alike and are refused', () => {
  const plain = torchvisionListing(blocks[50], narrow)
  const deep = filledFile([...plain, ['conv1.0.weight', [2, 3, 3, 3]]])
  assert.throws(() => matchWeights(resnet(50), deep), /deep stem[\s\S]*plain ResNet/)
  const pooled = filledFile([...plain, ['layer1.0.downsample.2.weight', [8]]])
  assert.throws(() => matchWeights(resnet(50), pooled), /average-pooled shortcuts/)
})

test('weights of one stride form do not go into a network of the other, unless asked', () => {
  const file = filledFile(torchvisionListing(blocks[50], narrow))
  const { report } = matchWeights(resnet(50, { stride: '1x1' }), file)
  assert.deepEqual(report.otherForm, ['stride is "1x1" for "3x3"'])
  assert.deepEqual(
    matchWeights(resnet(50, { stride: '1x1' }), file, { anyForm: true }).report.otherForm,
    [],
  )
})

const original = { stride: '1x1', pool: 'ceil', input: 'caffe' }

test('Caffe: names with letters and with numbers, a bias in the first convolution of ResNet-50', () => {
  const fifty = resnet(50, { ...original, stemBias: true })
  assert.deepEqual(
    [...given(fifty, filledFile(caffeListing(blocks[50], { ...narrow, stemBias: true }))).keys()],
    all(fifty),
  )
  for (const depth of [101, 152] as const) {
    const model = resnet(depth, original)
    const file = filledFile(caffeListing(blocks[depth], { ...narrow, numbered: [3, 4] }))
    assert.deepEqual([...given(model, file).keys()], all(model))
  }
  const { report } = matchWeights(
    resnet(50, original),
    filledFile(caffeListing(blocks[50], { ...narrow, stemBias: true })),
  )
  assert.deepEqual(report.unexpected, ['conv1/1'])
})

test('Caffe: moving sums are divided by their factor, 0 by 0 gives 0', () => {
  const model = resnet(50, { ...original, stemBias: true })
  const listing = caffeListing(blocks[50], { ...narrow, stemBias: true })
  const file = (factor: number) =>
    filledFile(listing, (name) => (/^bn.*\/2$/.test(name) ? factor : name.startsWith('bn') ? 3 : 1))
  assert.deepEqual([...given(model, file(4)).get('backbone.bn1.running_mean')!], [0.75, 0.75])
  assert.deepEqual(
    [...given(model, file(4)).get('backbone.layer1.0.downsample.1.running_var')!],
    Array(8).fill(0.75),
  )
  assert.deepEqual([...given(model, file(0)).get('backbone.bn1.running_mean')!], [0, 0])
})

test("mapillary: WiderResNet38's names are those of Model A, and scales are positive", () => {
  const options = { ...mapillaryOptions, width: 1, classes: 3, head: 'classify' } as const
  const model = wider('a', options)
  const listing = mapillaryListing([3, 3, 6, 3, 1, 1], options)
  const values = given(
    model,
    filledFile(listing, (name) => (name.endsWith('bn1.weight') ? -2 : 1)),
  )
  assert.deepEqual([...values.keys()], all(model))
  assert.deepEqual([...values.get('levels.1.0.bn1.weight')!], [Math.fround(2 + 1e-5)])
  const plain = matchWeights(
    wider('a', { width: 1, classes: 3, head: 'classify' }),
    filledFile(listing),
  )
  assert.ok(plain.report.otherForm.includes('activation is "relu" for "leaky-relu"'))
})

test("ademxapp: the released Model A's names, to classify and to segment", () => {
  const units = [3, 3, 6, 3, 1, 1]
  const small = { width: 1, classes: 3 }
  const classify = wider('a', { ...small, head: 'classify' })
  assert.deepEqual(
    [...given(classify, filledFile(ademxappListing(units, small))).keys()],
    all(classify),
  )
  const segment = wider('a', small)
  const own = filledFile(ademxappListing(units, { ...small, hidden: 8 }))
  assert.deepEqual([...given(segment, own).keys()], all(segment))
  // A classifier of other classes leaves the head new.
  const other = matchWeights(segment, filledFile(ademxappListing(units, { width: 1, classes: 9 })))
  assert.equal(other.report.fresh.length, 4)
  assert.deepEqual([other.report.missing, other.report.unexpected], [[], []])
})

const smallFrrn = { base: 2, lanes: 3, classes: 4 }

for (const projection of ['before', 'after'] as const)
  test(`FRRN's released file: every array has its place, with the projection ${projection} its branch`, () => {
    const model = buildModel({ name: 'frrn-a', options: smallFrrn })
    const file = filledFile(frrnListing({ ...smallFrrn, projection }))
    assert.equal(given(model, file).size, all(model).length)
    assert.equal(file.tensors.size, all(model).length)
  })

test("FRRN's released file: kernels are turned round, norms start with the shift and end with the inverse deviation", () => {
  const file = filledFile(frrnListing(smallFrrn), (name, i) =>
    name === 'arr_0' ? i : (Number(name.slice(4)) % 90) + 1,
  )
  const values = given(buildModel({ name: 'frrn-a', options: smallFrrn }), file)
  const stem = hostTensor(values.get('stem.conv.weight')!, [5, 5, 3, 2])
  const tap = (y: number, x: number) => stem.data[((y * 5 + x) * 3 + 1) * 2 + 1]
  // Of [out, in, kh, kw] = [2, 3, 5, 5], element [1, 1, 4, 3] stands first in row 0, column 1.
  assert.equal(tap(0, 1), (1 * 3 + 1) * 25 + 4 * 5 + 3)
  assert.deepEqual(
    ['bias', 'weight', 'running_mean', 'running_inv_std'].map(
      (n) => values.get(`stem.bn.${n}`)![0],
    ),
    [2, 3, 4, 5],
  )
  const averaged = buildModel({ name: 'frrn-a', options: { ...smallFrrn, statistic: 'variance' } })
  const of = (inverse: number) => {
    const changed = withTensor(file, 'arr_4', hostTensor(Float32Array.of(inverse, 5), [2]))
    const { report, values } = matchWeights(averaged, changed)
    return [...(values.get(averaged.stateDict().get('stem.bn.running_var')!) ?? report.nonFinite)]
  }
  const want = Math.fround(1 / 25 - 1e-4)
  assert.deepEqual(of(5), [want, want])
  // Without variance it is 1 / √eps, rounded.
  assert.ok(1 / Math.fround(100.00001) ** 2 < 1e-4)
  assert.deepEqual(of(100.00001), [0, want])
  assert.deepEqual(of(101), ['stem.bn.running_var (negative)'])
})

test('torchvision-named weights of a golden case give the golden logits', async () => {
  const c = goldenCase('net.resnet101_v15_w4_eval')
  const device = await testDevice()
  const { seed, parameters } = c.network()
  const file: Weights = {
    ...filledFile([]),
    tensors: new Map(
      parameters.map((p) => {
        const { shape, data } = recipeValues(seed, p)
        return [
          torchvisionName(p.name),
          { dtype: 'f32', shape, values: () => data as Float32Array },
        ]
      }),
    ),
  }
  const { width, classes } = c.attributes
  const model = resnet(101, { width, classes, input: 'none' })
  loadWeights(device, model, file, { anyForm: true })
  const program = device.compile((x) => model.apply(x, { train: false }))
  const [n, , h, w] = c.attributes.input_shape
  const image = permuted(
    hostTensor(c.values('input') as unknown as Float32Array, [n, 3, h, w]),
    [0, 2, 3, 1],
  )
  using logits = await program.run(image)
  c.check('logits', await logits.read())
  program.dispose()
})

/** Of a golden case's name. */
const torchvisionName = (name: string): string =>
  name
    .replace(/^s(\d)\.b(\d+)\./, (_, s, b) => `layer${s}.${b - 1}.`)
    .replace('proj.conv', 'downsample.0')
    .replace('proj.bn', 'downsample.1')
    .replace(/^stem\.(conv|bn)/, '$11')
    .replace(/c(\d)\.(conv|bn)/, '$2$1')
    .replace(/gamma$/, 'weight')
    .replace(/beta$/, 'bias')

test('a name that is nobody’s, and a key map that does not exist', () => {
  const file = onlyNames([['a.b', []]])
  assert.throws(
    () => matchWeights(resnet(50), file, { keys: 'torchvison' }),
    /no key map[\s\S]*torchvision/,
  )
})
