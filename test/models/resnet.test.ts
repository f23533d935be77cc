// Residual networks: their counts, the stem's two poolings, batch norm that is frozen, gradients, dropout, options.

import assert from 'node:assert/strict'
import { graphOf } from '../../engine/graph.ts'
import { add, mul, relu } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { scalar } from '../../engine/ops/source.ts'
import type { State } from '../../engine/reference/index.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import {
  Backbone,
  type BackboneOptions,
  buildModel,
  CifarResNet,
  ResNet,
  type ResNetDepth,
} from '../../models/index.ts'
import { capture } from '../../nn/capture.ts'
import type { Conv2d } from '../../nn/conv.ts'
import type { Mode } from '../../nn/module.ts'
import { countParameters } from '../../nn/state.ts'
import { close, traceOf } from '../checks.ts'
import { test } from '../harness.ts'
import { checkSlope, drawnImage, drawnState, valuesOf } from './drawn.ts'
import { checkCounts, countsRows, macsOf, onPaper } from './paper.ts'

/** In training, with a key of which only the traced graph matters. */
const training = (): Mode => ({
  train: true,
  random: { seed: scalar(1, 'u32'), step: scalar(2, 'u32') },
})
const evaluation: Mode = { train: false }

/** Every depth but ResNet-34 has blocks of its own kind here, two and more of them to a stage. */
const narrow = { width: 2, depthMultiplier: 0.5 }
const forms: [ResNetDepth, BackboneOptions][] = [
  [34, {}],
  [50, {}],
  [50, { stride: '1x1', pool: 'ceil', stemBias: true }],
]
const titleOf = ([depth, { stride = '3x3' }]: (typeof forms)[number]) =>
  depth === 34 ? 'basic blocks' : `stride on the ${stride}`

const stages = {
  ...{ conv1: 'backbone.conv1', pool1: 'backbone:maxPool2d', fc: 'fc' },
  ...{ res2: 'backbone.0', res3: 'backbone.1', res4: 'backbone.2', res5: 'backbone.3' },
}

test('resnet: parameters, multiply-adds and shapes of all that is counted', () => {
  const ids = Object.entries(countsRows()).flatMap(([id, row]) =>
    row.family === 'resnet' ? [id] : [],
  )
  assert.equal(ids.length, 6)
  for (const id of ids) {
    const depth = Number(id.match(/^resnet(\d+)/)![1]) as ResNetDepth
    const original = { stride: '1x1', pool: 'ceil', stemBias: depth === 50 } as const
    checkCounts(id, new ResNet(depth, id.endsWith('caffe') ? original : {}), stages)
  }
})

test('resnet: the sizes of ResNet-18 and 34', () => {
  const counts = ([18, 34] as const).map((depth) => countParameters(new ResNet(depth)))
  assert.deepEqual(counts, [11_689_512, 21_797_672])
  const [macs] = [new ResNet(18)].map((net) =>
    macsOf(onPaper([1, 224, 224, 3], (image) => net.apply(image, evaluation))),
  )
  assert.equal(macs, 1_814_073_344)
})

test('resnet-110: parameters and multiply-adds', () => {
  const net = buildModel({ name: 'resnet-110', options: {} })
  checkCounts('resnet110-cifar10', net)
  const { layer1, layer2, layer3 } = net as CifarResNet
  assert.equal([layer1, layer2, layer3].flat().length, 54)
})

test('resnet-110: where a stage begins, the shortcut is every second pixel and zeros behind its channels', () => {
  const net = new CifarResNet({ width: 2, blocks: 1 })
  const [before, after] = valuesOf(
    (image) => {
      const terms: Tensor[][] = []
      const residual = (shortcut: Tensor, branch: Tensor) => {
        terms.push([shortcut, branch])
        return [shortcut, branch] as const
      }
      net.apply(image, { train: false, residual })
      return [relu(add(terms[0][0], terms[0][1])), terms[1][0]]
    },
    [drawnImage([1, 5, 4, 3])],
    drawnState(net),
  )
  const wanted = Array.from({ length: 3 * 2 }, (_, i) => {
    const from = 2 * (2 * Math.floor(i / 2) * 4 + 2 * (i % 2))
    return [before[from], before[from + 1], 0, 0]
  })
  assert.deepEqual(Array.from(after), wanted.flat())
})

test('resnet: in the original form the pooling has windows one cell further on, and as many', () => {
  for (const [h, w] of [
    [224, 224],
    [37, 50],
    [35, 33],
    [5, 1],
  ]) {
    const sizes = (['padded', 'ceil'] as const).map((pool) =>
      onPaper([1, h, w, 3], (image) =>
        new Backbone(18, { ...narrow, pool }).apply(image, evaluation).map((x) => x.shape),
      ),
    )
    const want = [4, 8, 16, 32].map((s, i) => [1, Math.ceil(h / s), Math.ceil(w / s), 2 << i])
    assert.deepEqual(sizes, [want, want])
  }
  // One window of 3 at each second cell: 0 1 2, 2 3 4, 4 instead of 0 1, 1 2 3, 3 4.
  const ramp = { dtype: 'f32', shape: [1, 1, 9, 3], data: new Float32Array(27) } as const
  ramp.data.forEach((_, i) => {
    ramp.data[i] = Math.floor(i / 3)
  })
  const pooled = (pool: 'padded' | 'ceil') => {
    const net = new Backbone(18, { width: 1, depthMultiplier: 0.1, pool, input: 'none' })
    const state = drawnState(net)
    for (const [name, v] of net.stateDict()) {
      // The stem takes the pixel in the middle of its window as it is.
      if (name === 'conv1.weight')
        state.set(
          v,
          state.get(v)!.map((_, i) => +(i === 24 * 3)),
        )
      if (/^bn1.(weight|running_var)/.test(name)) state.set(v, Float64Array.of(1))
      if (/^bn1.(bias|running_mean)/.test(name)) state.set(v, Float64Array.of(0))
    }
    const trunk = (x: Tensor) => {
      const { nodes } = graphOf([], [net.apply(x, evaluation)[0]], [])
      return [nodes.find((node) => node.op.name === 'maxPool2d')!.output()]
    }
    return [...valuesOf(trunk, [ramp], state)[0]].map(Math.round)
  }
  assert.deepEqual(pooled('padded'), [2, 6, 8])
  assert.deepEqual(pooled('ceil'), [4, 8, 8])
})

/** Batch norm folded into the convolutions before it: what is left of it adds a number. */
function folded(net: Backbone, state: State): State {
  const out: State = new Map(state)
  const all = net.stateDict()
  for (const [name, weight] of all) {
    if (all.has(name.replace(/\w+$/, 'running_mean')) || !name.endsWith('.weight')) continue
    const norm = name
      .replace(/conv(\d)\.weight$/, 'bn$1')
      .replace(/downsample\.0\.weight$/, 'downsample.1')
    const of = (field: string): [Variable, Float64Array] => {
      const v = all.get(`${norm}.${field}`)!
      return [v, state.get(v)!]
    }
    const [[gamma, g], [beta, b], [mean, m], [variance, v]] = [
      ...[of('weight'), of('bias'), of('running_mean'), of('running_var')],
    ]
    const scale = g.map((x, c) => x / Math.sqrt(v[c] + 1e-5))
    out.set(
      weight,
      state.get(weight)!.map((x, i) => x * scale[i % scale.length]),
    )
    const bias = all.get(name.replace(/weight$/, 'bias'))
    const own = bias ? state.get(bias)! : m.map(() => 0)
    if (bias)
      out.set(
        bias,
        own.map((x, c) => x * scale[c]),
      )
    out.set(
      beta,
      b.map((x, c) => x - m[c] * scale[c]),
    )
    out.set(
      mean,
      m.map(() => 0),
    )
    out.set(
      variance,
      m.map(() => 1),
    )
    out.set(
      gamma,
      m.map(() => Math.sqrt(1 + 1e-5)),
    )
  }
  return out
}

for (const form of forms)
  test(`resnet: frozen batch norm is what it is folded into the convolutions, ${titleOf(form)}`, () => {
    const [depth, options] = form
    const net = new Backbone(depth, { ...narrow, ...options, frozen: 'statistics' })
    const state = drawnState(net)
    const image = drawnImage([1, 37, 33, 3])
    const features = (mode: Mode, values: State) =>
      valuesOf((x) => net.apply(x, mode), [image], values)
    const want = features(training(), state)
    features(training(), folded(net, state)).forEach((got, i) => {
      close(got, want[i], 1e-9 * Math.max(...want[i]), `res-${i + 2}`)
    })
    assert.deepEqual(features(evaluation, state), want)
  })

test('resnet: frozen statistics stay, and with them scale and shift where these are frozen too', () => {
  const assigned = (frozen: 'none' | 'statistics' | 'affine') => {
    const net = new ResNet(18, { ...narrow, frozen })
    const graph = traceOf((x) => [net.apply(x, training())], [drawnImage([2, 32, 32, 3])])
    return { assigns: graph.assigns.length, parameters: net.parameters().length }
  }
  const { assigns, parameters } = assigned('none')
  const norms = [...new Backbone(18, narrow).stateDict().keys()].filter((n) => /_mean$/.test(n))
  assert.equal(assigns, 2 * norms.length)
  assert.deepEqual(assigned('statistics'), { assigns: 0, parameters })
  assert.deepEqual(assigned('affine'), { assigns: 0, parameters: parameters - 2 * norms.length })
})

const classify = (net: ResNet | CifarResNet, mode: Mode) => (image: Tensor) => {
  const scores = net.apply(image, mode)
  return sum(mul(scores, scores))
}

for (const form of forms)
  for (const frozen of ['none', 'statistics'] as const)
    test(`resnet: the gradient is the slope, ${titleOf(form)}, frozen: ${frozen}`, () => {
      const [depth, options] = form
      const net = new ResNet(depth, { ...narrow, ...options, frozen, classes: 3, dropout: 0.3 })
      checkSlope(net, classify(net, training()), drawnImage([2, 41, 37, 3]))
    })

test('resnet-110: the gradient is the slope, with new channels that begin at 0', () => {
  const net = new CifarResNet({ width: 3, blocks: 2, classes: 4 })
  checkSlope(net, classify(net, training()), drawnImage([2, 9, 8, 3]))
  const { values } = onPaper([1, 32, 32, 3], (image) =>
    capture(net, ['layer2.0', 'layer3.0'])(image, evaluation),
  )
  assert.deepEqual(values['layer2.0'].shape, [1, 16, 16, 6])
  assert.deepEqual(values['layer3.0'].shape, [1, 8, 8, 12])
})

test('resnet: dropout is in the last three blocks, before the sum, and in training only', () => {
  const paths = (mode: Mode, depth: ResNetDepth, options: BackboneOptions) => {
    const net = new Backbone(depth, { ...narrow, dropout: 0.3, ...options })
    const { nodes } = traceOf((x) => net.apply(x, mode), [drawnImage([2, 32, 32, 3])])
    return [...new Set(nodes.map((n) => n.path).filter((path) => /dropout/.test(path)))]
  }
  const last = (...blocks: string[]) => blocks.map((b) => `layer${b}.dropout`)
  const whole = { depthMultiplier: 1 }
  assert.deepEqual(paths(training(), 50, whole), last('4.0', '4.1', '4.2'))
  assert.deepEqual(paths(training(), 18, whole), last('3.1', '4.0', '4.1'))
  assert.deepEqual(paths(training(), 50, { ...whole, dropout: 0 }), [])
  assert.deepEqual(paths(evaluation, 50, whole), [])
  const net = new Backbone(50, { ...narrow, dropout: 0.3 })
  const seen: string[] = []
  const residual = (shortcut: Tensor, branch: Tensor) => {
    seen.push(branch.node.path)
    return [shortcut, branch] as const
  }
  onPaper([2, 32, 32, 3], (image) => net.apply(image, { ...training(), residual }))
  assert.equal(seen.length, net.blocks.length)
  assert.deepEqual(
    seen.slice(-3).map((path) => path.endsWith('.dropout')),
    [true, true, true],
  )
})

test('resnet: where a bottleneck has its stride, and which convolutions are dilated at 1/8', () => {
  const places = (options: BackboneOptions) => {
    const net = new Backbone(50, { ...narrow, outputStride: 8, ...options })
    const of = (c: Conv2d) => `${c.options.stride}/${c.options.dilation}`
    return [net.layer2, net.layer3, net.layer4].map((blocks) =>
      blocks.slice(0, 2).map((b) => [b.conv1, b.conv2].map(of).join(' ')),
    )
  }
  assert.deepEqual(places({}), [
    ['1/1 2/1', '1/1 1/1'],
    ['1/1 1/1', '1/1 1/2'],
    ['1/1 1/2', '1/1 1/4'],
  ])
  assert.deepEqual(places({ stride: '1x1' }), [
    ['2/1 1/1', '1/1 1/1'],
    ['1/1 1/2', '1/1 1/2'],
    ['1/1 1/4', '1/1 1/4'],
  ])
})

test('resnet: options that are none, and images that are none', () => {
  const build = (options: object) => () =>
    buildModel({ name: 'resnet-50', options: options as never })
  assert.throws(build({ outputstride: 8 }), /no option outputstride[\s\S]*outputStride/)
  assert.throws(build({ outputStride: 2 }), /must be one of 4, 8, 16, 32/)
  assert.throws(build({ width: 0 }), /width cannot be 0/)
  assert.throws(build({ dropout: 1 }), /dropout cannot be 1/)
  const net = new ResNet(18, narrow)
  const apply = (shape: number[]) => () => onPaper(shape, (x) => net.apply(x, evaluation))
  assert.throws(apply([1, 3, 32, 32]), /\[n, h, w, 3\]/)
  assert.throws(apply([32, 32, 3]), /\[n, h, w, 3\]/)
})
