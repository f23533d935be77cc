// What networks start with: the spread of their weights, by what stands behind each convolution, and the form of their images.

import assert from 'node:assert/strict'
import { constant } from '../../engine/ops/source.ts'
import { interpret } from '../../engine/reference/index.ts'
import { buildModel, type InputForm, inForm } from '../../models/index.ts'
import { test } from '../harness.ts'

/** Deviation from 0, and how many of these the largest value is. */
function spreadOf(values: Float32Array): { deviation: number; largest: number } {
  const deviation = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length)
  return { deviation, largest: values.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / deviation }
}

const [relu, linear, torch] = [Math.SQRT2, 1, Math.sqrt(1 / 3)]

type Rows = Readonly<Record<string, number>>

/** The end of a weight's path, and its gain. */
const networks: readonly (readonly [name: string, options: object, form: string, gains: Rows])[] = [
  [
    'frrn-a',
    { base: 16, lanes: 16, depthMultiplier: 0.3 },
    'uniform',
    {
      ...{ 'stem.conv': relu, 'before.0.conv1': relu, 'before.0.conv2': linear, split: linear },
      ...{ 'units.0.conv1': relu, 'units.0.conv2': relu, 'units.0.residual': linear },
      ...{ 'after.0.shortcut': linear, 'after.0.conv1': relu, 'after.0.conv2': linear },
      classifier: linear,
    },
  ],
  ['frrn-baseline', { base: 16 }, 'uniform', { project: linear, 'decoder.0.0.shortcut': linear }],
  [
    'gcn-18',
    { width: 8 },
    'normal',
    {
      ...{ 'left.0': linear, 'left.1': linear, 'right.0': linear, 'right.1': linear },
      ...{ 'refine.conv1': relu, 'refine.conv2': linear, 'layer1.0.conv1': relu },
    },
  ],
  [
    'fcrn-50',
    { width: 8, layers: 2 },
    'normal',
    {
      ...{ 'head.hidden': relu, 'head.classifier': relu, 'backbone.conv1': relu },
      ...{ 'layer1.0.conv3': relu, 'layer1.0.downsample.0': relu },
    },
  ],
  ['model-a', { width: 8 }, 'normal', { 'head.classifier': relu, project: relu, conv2: relu }],
  ['resnet-18', { width: 8 }, 'uniform', { fc: torch }],
  ['resnet-110', { width: 8, blocks: 1, classes: 100 }, 'uniform', { fc: torch }],
  ['resnet-50-gcn', { width: 8 }, 'uniform', { fc: torch }],
  ['model-b', { width: 8, head: 'classify' }, 'uniform', { fc: torch }],
]

for (const [name, options, form, gains] of networks)
  test(`starting values: ${name} has the gains of its code, ${form}, and biases of 0`, () => {
    const state = [...buildModel({ name, options: { ...options } }).stateDict()]
    for (const [end, gain] of Object.entries(gains)) {
      const found = state.filter(([path]) => `.${path}`.endsWith(`.${end}.weight`))
      assert.ok(found.length, end)
      for (const [path, variable] of found) {
        const values = variable.initial() as Float32Array
        const { deviation, largest } = spreadOf(values)
        const fanIn = variable.shape.slice(0, -1).reduce((a, b) => a * b)
        const measured = (Math.sqrt(fanIn) * deviation) / gain
        assert.ok(Math.abs(measured - 1) < 3 / Math.sqrt(values.length), `${path}: ${measured}`)
        // Of uniform values at most √3.
        assert.equal(largest < 1.9, form === 'uniform', `${path}: ${largest}`)
      }
    }
    for (const [path, variable] of state)
      if (path.endsWith('bias'))
        assert.ok(
          variable.initial().every((v) => v === 0),
          path,
        )
  })

test('starting values: another seed gives others, in every layer that has some', () => {
  const from = (name: string, seed: number) =>
    buildModel({ name, options: { ...small(name), seed } }).stateDict()
  const small = (name: string) => (name.startsWith('frrn') ? { base: 3 } : { width: 3 })
  for (const name of [
    'frrn-a',
    'frrn-baseline',
    'gcn-50-gcn',
    'fcrn-18',
    'model-16',
    'resnet-110',
  ]) {
    const other = from(name, 2)
    for (const [path, variable] of from(name, 1)) {
      const [a, b] = [variable.initial(), other.get(path)!.initial()]
      // Vectors, and deconvolutions, start the same.
      const drawn = variable.shape.length > 1 && !path.includes('deconv')
      assert.equal(
        a.every((v, i) => v === b[i]),
        !drawn,
        `${name} ${path}`,
      )
    }
  }
})

test('input: the forms of torchvision and of Caffe, colour by colour', () => {
  const of = (form: InputForm) => {
    const [values] = interpret([inForm(constant([0.5, 0.25, 1], [1, 1, 1, 3]), form)])
    return Array.from(values)
  }
  const close = (got: number[], want: number[]) =>
    got.forEach((v, i) => {
      assert.ok(Math.abs(v - want[i]) < 1e-5, `${got} for ${want}`)
    })
  close(of('none'), [0.5, 0.25, 1])
  close(of('imagenet'), [(0.5 - 0.485) / 0.229, (0.25 - 0.456) / 0.224, (1 - 0.406) / 0.225])
  close(of('caffe'), [255 - 103.939, 63.75 - 116.779, 127.5 - 123.68])
})

test('frrn: the defaults of the released code', () => {
  for (const name of ['frrn-a', 'frrn-b', 'frrn-baseline']) {
    const { eps, momentum, statistic, input, upsample } = buildModel({ name, options: {} }).config
      .options as Record<string, unknown>
    assert.deepEqual(
      [eps, momentum, statistic, input, upsample],
      [1e-4, 0.1, 'inverse-deviation', 'none', 'asymmetric'],
    )
  }
})
