// The catalogue against counts.json, and what is measured of networks against longer ways to the same numbers.

import assert from 'node:assert/strict'
import { bytesOf } from '../../engine/dtype.ts'
import { defaultCaps } from '../../engine/explain.ts'
import { grad } from '../../engine/grad.ts'
import { baseOf, graphOf } from '../../engine/graph.ts'
import { concat } from '../../engine/ops/concat.ts'
import { conv2d } from '../../engine/ops/conv.ts'
import { convTranspose2d } from '../../engine/ops/conv-transpose.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { resizeBilinear } from '../../engine/ops/resize.ts'
import { slice } from '../../engine/ops/shape.ts'
import { constant, scalar } from '../../engine/ops/source.ts'
import { repeatUpsample } from '../../engine/ops/upsample.ts'
import { interpret } from '../../engine/reference/index.ts'
import { stages } from '../../engine/stages.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { configurations, findModel, paperOf, usualForm } from '../../models/catalog.ts'
import { buildModel, models } from '../../models/index.ts'
import { layersOf } from '../../models/layers.ts'
import { type ImageSize, measure, traceStep } from '../../models/measure.ts'
import type { ModelConfig } from '../../models/network.ts'
import { receptiveField } from '../../models/receptive-field.ts'
import { test } from '../harness.ts'
import { countsRows, onPaper } from './paper.ts'

test('catalogue: its ids are those of counts.json', () => {
  const ids = configurations.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual(ids.toSorted(), Object.keys(countsRows()).toSorted())
})

for (const paper of new Set(configurations.map(({ name }) => paperOf(name))))
  test(`catalogue: parameters, multiply-adds, output and field of view of ${paper}`, () => {
    const counts = countsRows()
    for (const { id, name, options, input } of configurations) {
      if (paperOf(name) !== paper) continue
      const { params, macs, output, fov, input: given } = counts[id]
      assert.deepEqual([3, ...input], given, id)
      const measured = measure(buildModel({ name, options }), [1, ...input])
      assert.deepEqual(
        measured.parameters,
        {
          trainable: params['trainable'],
          weights: params['weights'],
          biases: params['biases'],
          batchNorm: params['bn_affine'],
          buffers: params['bn_running'],
        },
        id,
      )
      assert.equal(measured.macs, macs, id)
      const [channels, ...size] = output
      assert.deepEqual(measured.output, [1, ...size, channels], id)
      if (fov !== undefined) assert.equal(measured.fieldOfView?.pixels, fov, id)
      const stride = measured.outputStride
      if (stride)
        assert.deepEqual(
          size,
          input.map((n) => Math.ceil(n / stride)),
          id,
        )
      else assert.deepEqual(size, [], id)
    }
  })

test('catalogue: an alias is a network whose default form is that row, on images of its size', () => {
  const aliases = configurations.flatMap((row) => (row.alias ? [row.alias] : []))
  assert.equal(new Set(aliases).size, aliases.length)
  for (const name of ['fcrn-50', 'fcrn-101', 'fcrn-152', 'frrn-a', 'frrn-b', 'gcn-152', 'model-a'])
    assert.ok(aliases.includes(name), name)
  for (const { id, alias, name, options, input } of configurations) {
    const written = buildModel({ name, options }).config
    const plain = buildModel({ name, options: {} }).config
    const same = JSON.stringify(written) === JSON.stringify(plain)
    if (!alias) continue
    assert.equal(alias, name)
    assert.ok(same, id)
    assert.deepEqual(usualForm(alias).input, input)
  }
})

test('catalogue: every network has a usual size and a paper, and its papers stand together', () => {
  for (const names of [Object.keys(models), configurations.map(({ name }) => name)]) {
    const papers = names.map(paperOf)
    const changes = papers.filter((paper, i) => paper !== papers[i - 1])
    assert.equal(changes.length, new Set(papers).size)
  }
  for (const name of Object.keys(models)) {
    const { input, options } = usualForm(name)
    assert.ok(measure(buildModel({ name, options }), [1, ...input]).macs > 0, name)
  }
})

test('catalogue: names, ids and near misses', () => {
  assert.deepEqual(findModel('fcrn-50').input, [504, 504])
  const id = 'fcrn101-s8-k5-d12/cityscapes19'
  const { name, options, input } = findModel(id)
  assert.deepEqual([name, options['classes'], input], ['fcrn-101', 19, [1024, 2048]])
  const refused = (text: string, hint: RegExp) => assert.throws(() => findModel(text), hint)
  refused('FCRN-5O', /there is no model 'FCRN-5O'\n {2}hint: did you mean fcrn-50/)
  refused('fcrn101-s8-k5-d12/cityscapes', /did you mean fcrn101-s8-k5-d12\/cityscapes19/)
  refused('toString', /there is no model 'toString'/)
  refused('', /there is no model ''/)
})

/** Bytes of the forward values that the graph of the gradients reads: the long way to `activationBytes`. */
function keptBytes(config: ModelConfig, [n, h, w]: ImageSize): number {
  const network = buildModel(config)
  const zero = scalar(0, 'u32')
  const { image, y, gradients } = onPaper([n, h, w, 3], (image) => {
    const y = network.apply(image, { train: true, random: { seed: zero, step: zero } })
    return { image, y, gradients: grad(y, network.parameters(), y) }
  })
  const { nodes } = graphOf([], gradients, [])
  const forward = new Set([image.node])
  for (const node of nodes)
    if (!node.source && node.inputs.some((x) => forward.has(x.node))) forward.add(node)
  const read = nodes.flatMap(({ source, inputs }) => (source ? inputs.map(baseOf) : []))
  const kept = new Set([...read, y].filter((x) => x !== image && forward.has(x.node)))
  return [...kept].reduce((sum, x) => sum + bytesOf(x), 0)
}

for (const [name, more] of [
  ['resnet-18', {}],
  ['resnet-110', {}],
  ['resnet-50-gcn', { join: 'concat', input: 'caffe' }],
  ['fcrn-50', { layers: 2 }],
  ['localization-18', {}],
  ['gcn-18', { deconvolution: 'fixed' }],
  ['frrn-a', {}],
  ['frrn-baseline', {}],
  ['model-a', { head: 'classify' }],
  ['model-c', { downsample: 'mixed', dropoutKind: 'channel', activation: 'leaky-relu' }],
] as const)
  test(`measure: what ${name} keeps is what the graph of its gradients reads`, () => {
    for (const frozen of ['none', 'statistics', 'affine']) {
      const options = { frozen, ...more }
      const size = [2, 64, 32] as const
      const { activationBytes } = measure(buildModel({ name, options }), size)
      assert.equal(activationBytes, keptBytes({ name, options }, size), frozen)
    }
  })

test('measure: without recomputation what is kept is alive when the backward pass begins, and little else', () => {
  for (const name of ['fcrn-18', 'frrn-a']) {
    const network = buildModel({ name, options: {} })
    const [h, w] = [128, 128]
    const type = { dtype: 'f32', shape: [1, h, w, 3] } as const
    const { activationBytes } = measure(network, [1, h, w])
    const aliveWith = (recompute: 'none' | 'cheap') => {
      const { plan } = stages(
        (image) => {
          const zero = scalar(0, 'u32')
          const y = network.apply(image, { train: true, random: { seed: zero, step: zero } })
          return grad(y, network.parameters(), y)
        },
        [type],
        { ...defaultCaps, maxBindingBytes: 2 ** 40, maxBufferBytes: 2 ** 40 },
        { recompute },
      )
      const border = plan.steps.findIndex(({ node }) => node.source)
      return Math.min(plan.steps[border - 1].live, plan.steps[border].live)
    }
    const all = aliveWith('none')
    assert.ok(Math.abs(all / activationBytes - 1) < 0.02, `${name}: ${all} ${activationBytes}`)
    const usual = aliveWith('cheap')
    assert.ok(usual < 0.75 * activationBytes, `${name}: ${usual} ${activationBytes}`)
  }
})

test('receptive field: of ResNets as published, and of dilated heads on them', () => {
  const side = (name: string, options = {}) => {
    const field = measure(buildModel({ name, options }), [1, 64, 64]).receptiveField
    assert.ok(field && field[0] === field[1])
    return field[0]
  }
  const plain = { outputStride: 32, kernel: 1 }
  assert.deepEqual(
    ['fcrn-18', 'fcrn-34', 'fcrn-50', 'fcrn-101', 'fcrn-152'].map((name) => side(name, plain)),
    [435, 899, 427, 971, 1451],
  )
  assert.equal(side('fcrn-50', { ...plain, outputStride: 8 }), 427)
  assert.equal(side('fcrn-50'), 427 + 4 * 12 * 8)
  assert.equal(side('fcrn-50', { layers: 2 }), 427 + 2 * 2 * 12 * 8)
  const classifier = buildModel({ name: 'resnet-18', options: {} })
  assert.equal(measure(classifier, [1, 64, 64]).receptiveField, undefined)
})

test('receptive field: the part of the image that a gradient reaches', () => {
  const weight = (kh: number, kw: number) =>
    constant(new Float32Array(kh * kw).fill(1), [kh, kw, 1, 1])
  const chains: ((x: Tensor) => Tensor)[] = [
    (x) =>
      conv2d(conv2d(x, weight(3, 5), { padding: [1, 2], stride: 2 }), weight(3, 3), {
        padding: 3,
        dilation: [3, 2],
      }),
    (x) =>
      convTranspose2d(conv2d(x, weight(3, 3), { padding: 1, stride: 2 }), weight(4, 4), {
        stride: 2,
        padding: 1,
      }),
    (x) => convTranspose2d(x, weight(3, 2), { stride: 3, outputPadding: 1 }),
    (x) => repeatUpsample(conv2d(x, weight(2, 2), { stride: 2 }), [2, 2]),
    (x) =>
      resizeBilinear(conv2d(x, weight(3, 3), { padding: 1, stride: 2 }), [40, 44], 'half-pixel'),
    (x) =>
      resizeBilinear(conv2d(x, weight(3, 3), { padding: 1, stride: 2 }), [40, 44], 'asymmetric'),
    (x) => resizeBilinear(x, [17, 90], 'align-corners'),
    (x) =>
      concat(
        [
          conv2d(x, weight(5, 1), { padding: [2, 0] }),
          conv2d(x, weight(1, 7), { padding: [0, 3] }),
        ],
        3,
      ),
  ]
  for (const [i, chain] of chains.entries()) {
    const { image, y, slope } = onPaper([1, 40, 44, 1], (image) => {
      const y = chain(image)
      const [row, column] = [y.shape[1] >> 1, y.shape[2] >> 1]
      const one = slice(y, [0, row, column], [1, row + 1, column + 1])
      return { image, y, slope: grad(sum(one), [image])[0] }
    })
    const [values] = interpret([slope], [new Float64Array(40 * 44)])
    const reached = (axis: 0 | 1) => {
      const at = [...values.keys()]
        .filter((k) => values[k])
        .map((k) => (axis ? k % 44 : Math.floor(k / 44)))
      return Math.max(...at) - Math.min(...at) + 1
    }
    const all = graphOf([], [y], []).nodes
    const nodes = all.filter((node) => node.op.name !== 'constant')
    assert.deepEqual(receptiveField({ image, output: y, nodes }), [reached(0), reached(1)], `${i}`)
  }
})

test('layers: what is in the parts adds up to the whole', () => {
  for (const name of ['fcrn-18', 'gcn-18', 'frrn-a', 'model-16', 'resnet-110']) {
    const network = buildModel({ name, options: {} })
    const size = [1, 64, 64] as const
    const step = traceStep(network, size)
    const { parameters, macs, activationBytes } = measure(network, size, step)
    const layers = layersOf(network, step)
    const paths = layers.map(({ path }) => path)
    assert.equal(new Set(paths).size, paths.length)
    const leaves = layers.filter(({ path }) => !paths.some((p) => p.startsWith(`${path}.`)))
    const top = layers.filter(({ path }) => !path.includes('.'))
    const total = (of: typeof layers, what: 'parameters' | 'macs' | 'activationBytes') =>
      of.reduce((n, layer) => n + layer[what], 0)
    assert.equal(total(leaves, 'parameters'), parameters.trainable)
    assert.equal(total(leaves, 'macs'), macs)
    assert.equal(total(top, 'macs'), macs)
    assert.ok(total(top, 'activationBytes') <= activationBytes)
  }
})

test('layers: kernels, strides and dilations are named, and every module that ran has an output', () => {
  const network = buildModel({ name: 'fcrn-50', options: {} })
  const step = traceStep(network, [1, 64, 64])
  const layers = new Map(layersOf(network, step).map((layer) => [layer.path, layer]))
  const kind = (path: string) => layers.get(path)?.kind
  assert.equal(kind('backbone.conv1'), 'Conv2d 7×7 /2')
  assert.equal(kind('backbone.layer2.0.conv2'), 'Conv2d 3×3 /2')
  assert.equal(kind('backbone.layer4.0.conv2'), 'Conv2d 3×3 d2')
  assert.equal(kind('backbone.layer4.1.conv2'), 'Conv2d 3×3 d4')
  assert.equal(kind('head.classifier'), 'Conv2d 5×5 d12')
  assert.deepEqual(layers.get('backbone')?.outputs.at(-1), [1, 8, 8, 2048])
  assert.deepEqual(layers.get('backbone.layer2')?.outputs, [[1, 8, 8, 512]])
  for (const { path, outputs } of layers.values()) assert.ok(outputs.length, path)
})
