// GCN: its counts and wiring on paper, and its gradients in the float64 interpreter. (gcn-units.test.ts looks at its parts.)

import assert from 'node:assert/strict'
import { sizeOf } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { graphOf } from '../../engine/graph.ts'
import { add, mul, relu } from '../../engine/ops/arithmetic.ts'
import { conv2d } from '../../engine/ops/conv.ts'
import { convTranspose2d } from '../../engine/ops/conv-transpose.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { drawInput, interpret, randomFrom, type State } from '../../engine/reference/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { GcnBottleneck } from '../../models/gcn-backbone.ts'
import type { BoundaryRefinement, GlobalConvolution } from '../../models/gcn-units.ts'
import {
  buildModel,
  Gcn,
  GcnBackbone,
  GcnResNet,
  type GcnVariant,
  inForm,
} from '../../models/index.ts'
import { capture } from '../../nn/capture.ts'
import type { Conv2d } from '../../nn/conv.ts'
import { countParameters } from '../../nn/state.ts'
import { f32 } from '../agree.ts'
import { close, traceOf } from '../checks.ts'
import { test } from '../harness.ts'
import { valuesOf } from './drawn.ts'
import { checkCounts, macsOf, onPaper } from './paper.ts'

const evaluation = { train: false }
const draw = (seed: number, ...shape: number[]) => drawInput(f32(...shape), randomFrom(seed))

// ---- counts

const backbone = {
  ...{ conv1: 'backbone.conv1', pool1: 'backbone:maxPool2d' },
  ...{ res2: 'backbone.0', res3: 'backbone.1', res4: 'backbone.2', res5: 'backbone.3' },
}
const pipeline = { ...backbone, up: [0, 1, 2, 3, 4].map((i) => `doublings.${i}.deconv`) }

const cityscapes = { classes: 19, kernel: 25 }
const plain = { boundaryRefinement: false }
const rows: [id: string, make: () => Gcn][] = [
  ['gcn-resnet152-k15/voc21/gcn+br', () => new Gcn(152)],
  ['gcn-resnet152-k15/voc21-stage1/gcn+br', () => new Gcn(152)],
  ['gcn-resnet152-k25/cityscapes19/gcn+br', () => new Gcn(152, cityscapes)],
  ['gcn-resnet152-k25/cityscapes19-test/gcn+br', () => new Gcn(152, cityscapes)],
  ['gcn-resnet152/voc21/baseline-1x1', () => new Gcn(152, { block: '1x1', ...plain })],
  ['gcn-resnet50-k15/voc21/gcn+br', () => new Gcn(50)],
  ['gcn-resnet50gcn-k15/voc21/gcn+br', () => new Gcn('50-gcn')],
]
for (const kernel of [3, 5, 7, 9, 11, 13, 15])
  rows.push([`gcn-resnet152-k${kernel}/voc21/gcn`, () => new Gcn(152, { kernel, ...plain })])

for (const [id, make] of rows)
  test(`${id}: parameters, multiply-adds and shapes`, () => checkCounts(id, make(), pipeline))

test('resnet50-gcn-imagenet: parameters, multiply-adds and shapes, of sum and concat', () => {
  // This row's res-3 has its stride where its res-4 and res-5 have theirs, on the first convolution.
  const stride = '1x1'
  checkCounts('resnet50-gcn-imagenet', new GcnResNet({ stride }), { ...backbone, fc: 'fc' })
  const concat = new GcnResNet({ stride, join: 'concat' })
  assert.equal(countParameters(concat), 23_854_452)
  const macs = onPaper([1, 224, 224, 3], (x) => macsOf(concat.apply(x, evaluation)))
  assert.equal((macs / 1e9).toFixed(3), '3.732')
})

test('gcn: every comparison block stands in the whole network, at the size of the image', () => {
  const size = (block: 'gcn' | '1x1' | 'conv' | 'stack', options = {}) => {
    const model = new Gcn(18, { width: 2, classes: 4, kernel: 5, block, ...options })
    const logits = onPaper([2, 32, 64, 3], (x) => model.apply(x, evaluation))
    assert.deepEqual(logits.shape, [2, 32, 64, 4])
    return model.scores.reduce((n, { block }) => n + countParameters(block), 0)
  }
  const inputs = [2, 4, 8, 16]
  const total = (count: (c: number) => number) => inputs.reduce((n, c) => n + count(c), 0)
  assert.equal(
    size('gcn'),
    total((c) => 2 * 5 * 4 * (c + 4) + 16),
  )
  assert.equal(
    size('gcn', { headBias: false }),
    total((c) => 2 * 5 * 4 * (c + 4)),
  )
  assert.equal(
    size('1x1'),
    total((c) => 4 * c + 4),
  )
  assert.equal(
    size('conv'),
    total((c) => 25 * 4 * c + 4),
  )
  assert.equal(
    size('stack'),
    total((c) => 9 * (c * c + 4 * c) + c + 4),
  )
  assert.equal(
    size('stack', { channels: 3 }),
    total((c) => 9 * (3 * c + 12) + 7),
  )
})

// ---- wiring

/** The pipeline of fig. 2A written out with ops, on the features of a network's backbone. */
function byHand(model: Gcn, features: readonly Tensor[]): Tensor {
  const conv = ({ weight, bias, options }: Conv2d, x: Tensor) =>
    add(conv2d(x, weight, options), bias!)
  const gcn = (x: Tensor, { left: [l1, l2], right: [r1, r2] }: GlobalConvolution) =>
    add(conv(l2, conv(l1, x)), conv(r2, conv(r1, x)))
  const br = (s: Tensor, { conv1, conv2 }: BoundaryRefinement) =>
    add(s, conv(conv2, relu(conv(conv1, s))))
  const h = features.map((x, i) => {
    const { block, refine } = model.scores[i]
    return br(gcn(x, block as GlobalConvolution), refine!)
  })
  const up = (i: number, s: Tensor) =>
    convTranspose2d(s, model.doublings[i].deconv.weight!, { stride: 2, padding: 1 })
  const at = (i: number, s: Tensor) => br(s, model.doublings[i].refine!)
  let s = at(0, add(up(0, h[3]), h[2]))
  s = at(1, add(up(1, s), h[1]))
  s = at(2, add(up(2, s), h[0]))
  s = at(3, up(3, s))
  return at(4, up(4, s))
}

test('gcn: the pipeline is that of the paper’s figure', () => {
  const model = new Gcn(18, { width: 2, classes: 3, kernel: 3 })
  const features = [0, 1, 2, 3].map((i) => `backbone.${i}`)
  const graph = traceOf(
    (x) => {
      const { result, values } = capture(model, features)(x, evaluation)
      return [
        result,
        byHand(
          model,
          features.map((name) => values[name]),
        ),
      ]
    },
    [f32(1, 64, 32, 3)],
  )
  const random = randomFrom(3)
  const heads = [...model.scores, ...model.doublings].flatMap((part) => part.parameters())
  const state: State = new Map(
    heads.map((v) => [v, Float64Array.from({ length: sizeOf(v.shape) }, () => random() - 0.5)]),
  )
  const [got, wanted] = interpret(graph, [draw(1, 1, 64, 32, 3)], state)
  assert.ok(wanted.some((v) => Math.abs(v) > 0.1))
  close(got, wanted, 1e-12, 'logits')
})

test('gcn: 4 blocks, 9 BRs and 5 deconvolutions; BRs are no residual units', () => {
  const count = (variant: GcnVariant, options = {}) => {
    const model = new Gcn(variant, { width: 2, classes: 2, kernel: 3, ...options })
    let units = 0
    const residual = (...terms: [Tensor, Tensor]) => {
      units++
      return terms
    }
    const { nodes } = onPaper([1, 32, 32, 3], (x) =>
      graphOf([], [model.apply(x, { ...evaluation, residual })], []),
    )
    const ops = nodes.map(({ op, path }) => `${path}:${op.name}`)
    const matching = (pattern: RegExp) => ops.filter((at) => pattern.test(at)).length
    return [
      matching(/scores\.\d\.block\.left\.0:conv2d$/),
      matching(/refine\.conv2:conv2d$/),
      matching(/deconv:conv2dInputGrad$/),
      units,
    ]
  }
  assert.deepEqual(count(50), [4, 9, 5, 16])
  assert.deepEqual(count('50-gcn'), [4, 9, 5, 16])
  assert.deepEqual(count(50, plain), [4, 0, 5, 16])
  assert.deepEqual(count(101, { block: '1x1' }), [0, 9, 5, 33])
})

// ---- whole networks

const tiny = { width: 2, classes: 3, kernel: 3, depthMultiplier: 0.25 }
const variants: [variant: GcnVariant, options: object][] = [
  [18, {}],
  [50, { block: 'stack', kernel: 5, channels: 2, deconvolution: 'per-channel' }],
  [18, { block: 'conv', boundaryRefinement: false, deconvolution: 'fixed' }],
  ['50-gcn', {}],
  ['50-gcn', { join: 'concat', headBias: false }],
]

for (const [variant, options] of variants)
  test(`gcn-${variant} ${JSON.stringify(options)}: the gradient is the slope in a random direction`, () => {
    const model = new Gcn(variant, { ...tiny, ...options })
    const parameters = model.parameters()
    const [image, cotangent] = [draw(1, 2, 64, 64, 3), draw(2, 2, 64, 64, 3)]
    const graph = traceOf(
      (x, dy) => {
        const loss = sum(mul(model.apply(x, { train: true }), dy))
        return [loss, ...grad(loss, [x, ...parameters])]
      },
      [image, cotangent].map(({ dtype, shape }) => ({ dtype, shape })),
    )
    const random = randomFrom(5)
    const from = [image.data, ...parameters.map((p) => p.initial())]
    const direction = from.map((v) => Float64Array.from(v, () => 2 * random() - 1))
    const at = (step: number) => {
      const [x, ...values] = from.map((v, i) =>
        Float64Array.from(v, (e, j) => e + step * direction[i][j]),
      )
      const state: State = new Map(parameters.map((p, i) => [p, values[i]]))
      return interpret(graph, [x, cotangent], state)
    }
    const [, ...gradients] = at(0)
    const got = gradients.reduce(
      (n, g, i) => n + g.reduce((m, v, j) => m + v * direction[i][j], 0),
      0,
    )
    const epsilon = 1e-7
    const slope = (at(epsilon)[0][0] - at(-epsilon)[0][0]) / (2 * epsilon)
    assert.ok(Math.abs(got) > 1e-3)
    close([got / slope], [1], 1e-5, 'slope')
  })

test('resnet50-gcn: dropout in its last three blocks; both poolings round up as in other ResNets', () => {
  const { blocks } = new GcnBackbone({ width: 2, depthMultiplier: 0.5, dropout: 0.3 })
  const rates = blocks.map(({ dropout }) => dropout.rate)
  assert.deepEqual(rates, [0, 0, 0, 0, 0, 0, 0.3, 0.3, 0.3])
  for (const pool of ['padded', 'ceil'] as const) {
    const net = new GcnBackbone({ width: 2, depthMultiplier: 0.1, pool })
    const features = onPaper([1, 113, 1, 3], (image) => net.apply(image, evaluation))
    assert.deepEqual(
      features.map(({ shape }) => shape.slice(1, 3)),
      [
        [29, 1],
        [15, 1],
        [8, 1],
        [4, 1],
      ],
    )
  }
})

test('gcn: widths and depths in proportion; the name and the options build the same network', () => {
  const model = new Gcn('50-gcn', { ...tiny, width: 8, join: 'concat' })
  const { layer3, layer4, channels } = model.backbone as GcnBackbone
  assert.deepEqual(channels, [32, 64, 128, 256])
  assert.deepEqual([layer3.length, layer4.length], [2, 1])
  const shapes = ({ left, right }: GcnBottleneck) =>
    [...left, ...right].map(({ conv }) => conv.weight.shape)
  assert.deepEqual(shapes(layer3[0]), [
    ...[
      [1, 5, 64, 11],
      [5, 1, 11, 11],
    ],
    ...[
      [5, 1, 64, 11],
      [1, 5, 11, 11],
    ],
  ])
  assert.deepEqual(shapes(layer4[0]), [
    ...[
      [1, 7, 128, 16],
      [7, 1, 16, 16],
    ],
    ...[
      [7, 1, 128, 16],
      [1, 7, 16, 16],
    ],
  ])
  for (const net of [model, new GcnResNet({ width: 2, classes: 4 }), new Gcn(34, tiny)]) {
    const again = buildModel(JSON.parse(JSON.stringify(net.config))).stateDict()
    for (const [name, v] of net.stateDict())
      assert.deepEqual(v.initial(), again.get(name)!.initial(), name)
  }
})

test('gcn: padding with the mean colour is 0 where the first convolution reads it', () => {
  for (const input of ['imagenet', 'caffe'] as const) {
    // To the rounding of the colour, which caffe's form takes times 255.
    const { padding } = new Gcn(18, { ...tiny, input })
    const pixel = hostTensor(Float32Array.from(padding), [1, 1, 1, 3])
    const [values] = valuesOf((x) => [inForm(x, input)], [pixel], new Map())
    assert.ok(
      values.every((v) => Math.abs(v) < 2e-5),
      `${input}: ${values}`,
    )
  }
  assert.deepEqual(new Gcn(18, { ...tiny, input: 'none' }).padding, [0.485, 0.456, 0.406])
})

test('gcn: what no network of this kind has is refused', () => {
  const build = (name: string, options: object) => () =>
    buildModel({ name, options: { ...options } })
  assert.throws(build('gcn-50', { join: 'sum' }), /gcn-50 has no option join/)
  assert.throws(build('gcn-50', { outputStride: 8 }), /gcn-50 has no option outputStride/)
  assert.throws(build('gcn-50', { kernel: 4 }), /kernel cannot be 4[\s\S]*odd/)
  assert.throws(build('gcn-50', { channels: 'all' }), /channels cannot be "all"[\s\S]*inputs/)
  assert.throws(build('gcn-50', { block: 'stack', kernel: 1 }), /no stack[\s\S]*block '1x1'/)
  assert.throws(build('gcn-50-gcn', { join: 'product' }), /join cannot be "product"/)
  const model = new Gcn(18, tiny)
  const apply = (...shape: number[]) => onPaper(shape, (x) => model.apply(x, evaluation))
  assert.throws(() => apply(1, 375, 500, 3), /multiples of 32[\s\S]*384 x 512 with the mean colour/)
  assert.throws(() => apply(1, 3, 64, 64), /colour channels last/)
})
