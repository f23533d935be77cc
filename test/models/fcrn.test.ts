// FCRNs: counts and fields of view, dilated features against undilated ones, options, and what trains and predicts with them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { slice } from '../../engine/ops/shape.ts'
import { constant, scalar } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import {
  Backbone,
  type BackboneOptions,
  buildModel,
  checkFieldOfView,
  type FcrnOptions,
  fcrn,
  fieldOfView,
  fieldOfViewOf,
  frrnA,
  ResNet,
  type ResNetDepth,
} from '../../models/index.ts'
import { crossEntropy } from '../../nn/losses.ts'
import type { Mode } from '../../nn/module.ts'
import { needShared, test } from '../harness.ts'
import { checkSlope, drawnImage, drawnLabels, drawnState, valuesOf } from './drawn.ts'
import { checkCounts, countsRows, onPaper } from './paper.ts'

const evaluation: Mode = { train: false }
const narrow = { width: 2, depthMultiplier: 0.5, classes: 4 }
const small = { ...narrow, kernel: 3, dilation: 2 }
const forms: [ResNetDepth, BackboneOptions][] = [
  [34, {}],
  [50, {}],
  [50, { stride: '1x1', pool: 'ceil' }],
]
const titleOf = ([depth, { stride = '3x3' }]: (typeof forms)[number]) =>
  depth === 34 ? 'basic blocks' : `stride on the ${stride}`

test('fcrn: parameters, multiply-adds, shapes and fields of view of all that is counted', () => {
  const rows = Object.entries(countsRows()).filter(([, row]) => row.family === 'fcrn')
  assert.equal(rows.length, 32)
  const stages = {
    ...{ conv1: 'backbone.conv1', pool1: 'backbone:maxPool2d', score: 'head' },
    ...{ res2: 'backbone.0', res3: 'backbone.1', res4: 'backbone.2', res5: 'backbone.3' },
  }
  for (const [id, { classes, fov }] of rows) {
    const [depth, outputStride, kernel, dilation] = id.match(/\d+/g)!.map(Number)
    const stride = id.endsWith('caffe-stride') ? '1x1' : '3x3'
    const options = { outputStride, kernel, dilation, classes, stride } as FcrnOptions
    const net = fcrn(depth as ResNetDepth, options)
    checkCounts(id, net, stages)
    if (fov) assert.equal(fieldOfViewOf(net)!.pixels, fov, id)
  }
})

test('fcrn: the size of a score map is that of the image, rounded up', () => {
  const { components } = JSON.parse(readFileSync(needShared('reference/counts.json'), 'utf8'))
  for (const { input, stride, output } of components.score_map_sizes) {
    const net = fcrn(18, { ...narrow, outputStride: stride })
    const { shape } = onPaper([1, ...input, 3], (image) => net.apply(image, evaluation))
    assert.deepEqual(shape, [1, ...output, 4])
    assert.equal(net.scoreStride, stride)
  }
})

test('fieldOfView: the ten rows of the papers', () => {
  const { fov } = JSON.parse(readFileSync(needShared('reference/counts.json'), 'utf8')).components
  assert.equal(fov.length, 10)
  for (const row of fov) assert.equal(fieldOfView(row), row.fov, JSON.stringify(row))
})

test('checkFieldOfView: a warning where it is larger than the image', () => {
  const net = fcrn(18, { width: 2 })
  assert.equal(checkFieldOfView(net, [392, 500]), undefined)
  assert.equal(
    checkFieldOfView(net, [500, 391]),
    'the classifier of fcrn-18 sees 392×392 pixels, more than images of 500×391: wherever it stands, ' +
      'some of its taps read padding; use larger images, or dilation: 11',
  )
  assert.match(checkFieldOfView(net, [16, 16])!, /use larger images$/)
  assert.equal(checkFieldOfView(frrnA({ base: 2, lanes: 2 }), [16, 16]), undefined)
  assert.equal(fieldOfViewOf(new ResNet(18, narrow)), undefined)
  assert.throws(() => checkFieldOfView(net, [Number.NaN, 8]), /no size/)
})

test('fcrn: the head is one dilated convolution or two, with 512 channels between them at full width', () => {
  const variables = (options: FcrnOptions) =>
    [...fcrn(50, options).head.stateDict()].map(([name, v]) => `${name} ${v.shape}`)
  assert.deepEqual(variables({}), ['classifier.weight 5,5,2048,21', 'classifier.bias 21'])
  assert.deepEqual(variables({ layers: 2, classes: 7 }), [
    ...['hidden.weight 3,3,2048,512', 'hidden.bias 512'],
    ...['classifier.weight 3,3,512,7', 'classifier.bias 7'],
  ])
  assert.equal(variables({ layers: 2, kernel: 5, width: 8 })[0], 'hidden.weight 5,5,256,64')
  assert.equal(variables({ layers: 2, width: 8, hidden: 9 })[0], 'hidden.weight 3,3,256,9')
  // He-normal: √(2 / fan in).
  const weight = Float32Array.from(fcrn(50, { width: 16 }).head.classifier.weight.initial())
  const deviation = Math.sqrt(weight.reduce((s, x) => s + x * x, 0) / weight.length)
  assert.ok(Math.abs(deviation / Math.sqrt(2 / (25 * 512)) - 1) < 0.01, `${deviation}`)
})

for (const form of forms)
  test(`fcrn: dilated features at every 32nd pixel are those without dilation, to the bit, ${titleOf(form)}`, () => {
    const [depth, options] = form
    const image = drawnImage([1, 101, 71, 3])
    const features = (outputStride: 4 | 8 | 16 | 32) => {
      const net = new Backbone(depth, { ...options, width: 2, depthMultiplier: 0.5, outputStride })
      const sampled = (x: Tensor) =>
        net.apply(x, evaluation).map((y, i) => {
          const step = Math.max(1, 2 ** (i + 2) / outputStride)
          return slice(y, [], [], [1, step, step, 1])
        })
      return valuesOf(sampled, [image], drawnState(net))
    }
    const want = features(32)
    assert.equal(want[3].length, 4 * 3 * (depth === 34 ? 16 : 64))
    assert.ok(want[3].some((x) => x > 0.01))
    for (const outputStride of [16, 8, 4] as const)
      assert.deepEqual(features(outputStride), want, `1/${outputStride}`)
  })

for (const layers of [1, 2] as const)
  for (const frozen of ['none', 'statistics'] as const)
    test(`fcrn: the gradient is the slope, ${layers} conv, frozen: ${frozen}`, () => {
      const net = fcrn(18, { ...small, layers, frozen })
      const mode = () => ({
        train: true,
        random: { seed: scalar(1, 'u32'), step: scalar(2, 'u32') },
      })
      const { data, shape } = drawnLabels([2, 5, 6], 4)
      const labels = constant(data, shape)
      checkSlope(
        net,
        (image) => crossEntropy(net.apply(image, mode()), labels).loss,
        drawnImage([2, 36, 41, 3]),
      )
    })

test('fcrn: a stored configuration builds the same network', () => {
  const net = fcrn(50, { ...narrow, layers: 2, seed: 4, stride: '1x1' })
  const again = buildModel(JSON.parse(JSON.stringify(net.config)))
  const state = again.stateDict()
  for (const [name, variable] of net.stateDict())
    assert.deepEqual(variable.initial(), state.get(name)!.initial(), name)
  assert.deepEqual(again.config, net.config)
  assert.deepEqual(
    ['dropout', 'frozen', 'hidden', 'kernel'].map((name) => net.config.options[name]),
    [0.3, 'statistics', 16, 3],
  )
})

test('fcrn: options that are none, and images that are none', () => {
  const build = (options: object) => () => fcrn(18, options)
  assert.throws(build({ kernel: 4 }), /kernel cannot be 4[\s\S]*odd/)
  assert.throws(build({ dilation: 0 }), /dilation cannot be 0/)
  assert.throws(build({ layers: 3 }), /one of 1, 2/)
  assert.throws(build({ kernal: 3 }), /fcrn-18 has no option kernal[\s\S]*kernel/)
  assert.throws(build({ width: 'wide' }), /width cannot be "wide"/)
  const net = fcrn(18, small)
  const apply = (shape: number[]) => () => onPaper(shape, (x) => net.apply(x, evaluation))
  assert.throws(apply([1, 3, 32, 32]), /fcrn-18: an image must be f32 \[n, h, w, 3\]; got/)
  assert.throws(apply([1, 32, 32, 4]), /colour channels last/)
  assert.throws(build({ width: Number.NaN }), /width cannot be NaN/)
})
