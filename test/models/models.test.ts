// FRRN's counts and shapes, and models from stored configurations: all by tracing, without a device.

import assert from 'node:assert/strict'
import { OptionError, ShapeError } from '../../engine/errors.ts'
import { cast } from '../../engine/ops/arithmetic.ts'
import {
  Backbone,
  buildModel,
  cifarResNet,
  Frrn,
  fcrn,
  frrnA,
  frrnB,
  frrnBaseline,
  Gcn,
  gcn,
  gcnResNet,
  localizationNet,
  models,
  type ResNetDepth,
  resNet,
  wider,
} from '../../models/index.ts'
import { widerVariants } from '../../models/wider.ts'
import { countParameters } from '../../nn/state.ts'
import { test } from '../harness.ts'
import { checkCounts, onPaper } from './paper.ts'

/** Which modules return the counted stages. */
const stagesOf = (encoders: number): Record<string, string> => {
  const stages: Record<string, string> = {
    ...{ stem: 'before.2', residual: 'split', concat: ':concat', score: 'classifier' },
  }
  for (let i = 0; i < encoders; i++) stages[`enc/${2 ** (i + 1)}`] = `encoder.${i}.y`
  for (let i = 1; i < encoders; i++) stages[`dec/${2 ** i}`] = `decoder.${encoders - 1 - i}.y`
  return stages
}

for (const [key, make, encoders] of [
  ['frrn-A', frrnA, 4],
  ['frrn-B', frrnB, 5],
] as const)
  for (const [form, splitBatchNorm] of [
    ['official', true],
    ['paper-table', false],
  ] as const)
    test(`${key}: parameters, multiply-adds and shapes, ${form}`, () =>
      checkCounts(
        `${key}/cityscapes19/${form}`,
        make({ classes: 19, splitBatchNorm }),
        stagesOf(encoders),
      ))

test('frrn: the published numbers of parameters', () => {
  const count = (make: typeof frrnA, splitBatchNorm: boolean) =>
    countParameters(make({ classes: 19, splitBatchNorm }))
  assert.deepEqual([count(frrnA, true), count(frrnA, false)], [17_746_803, 17_746_739])
  assert.deepEqual([count(frrnB, true), count(frrnB, false)], [24_755_699, 24_755_635])
})

test('models: a stored configuration builds the same network, with the same starting values', () => {
  const model = frrnA({ classes: 5, base: 4, lanes: 3, seed: 11 })
  const again = buildModel(JSON.parse(JSON.stringify(model.config)))
  const state = again.stateDict()
  for (const [name, variable] of model.stateDict())
    assert.deepEqual(variable.initial(), state.get(name)!.initial(), name)
  assert.throws(
    () => buildModel({ name: 'frrn-c', options: {} }),
    /no model frrn-c[\s\S]*did you mean frrn-/,
  )
  assert.throws(
    () => buildModel({ name: 'frrn-a', options: { clases: 5 } }),
    /no option clases[\s\S]*classes/,
  )
  assert.throws(
    () => buildModel({ name: 'frrn-a', options: { classes: 5, upsample: 'nearest' } }),
    /upsample cannot be "nearest"/,
  )
  assert.equal(buildModel({ name: 'frrn-b', options: {} }).classes, 19)
})

test('models: an image of another size is refused with the size that fits', () => {
  const model = frrnA({ classes: 11, base: 2, lanes: 2 })
  assert.throws(
    () => onPaper([1, 360, 480, 3], (x) => model.apply(x, { train: false })),
    /multiples of 16[\s\S]*368 x 480/,
  )
  assert.throws(
    () => onPaper([1, 3, 32, 32], (x) => model.apply(x, { train: false })),
    /colour channels last/,
  )
})

test('models: every network refuses what is no image, in its own name', () => {
  const evaluation = { train: false }
  for (const name of Object.keys(models)) {
    const net = buildModel({ name, options: {} })
    const refuses = (shape: number[], hint: RegExp, dtype: 'f32' | 'u8' = 'f32') =>
      assert.throws(
        () => onPaper(shape, (x) => net.apply(cast(x, dtype), evaluation)),
        (e: Error) => e.message.startsWith(`${name}: an image must be f32`) && hint.test(e.message),
        `${name} ${shape}`,
      )
    for (const shape of [[1, 32, 32, 1], [1, 3, 32, 32], [32, 32, 3], []])
      refuses(shape, /colour channels last/)
    for (const [shape, what] of [
      [[0, 32, 32, 3], 'there are no images'],
      [[1, 0, 32, 3], 'images have no pixels'],
      [[2, 32, 0, 3], 'images have no pixels'],
    ] as const)
      assert.throws(
        () => onPaper(shape, (x) => net.apply(x, evaluation)),
        (e: Error) => e instanceof ShapeError && e.message.startsWith(`${name}: ${what}; got f32`),
        `${name} ${shape}`,
      )
    refuses([1, 32, 32, 3], /cast it, and divide bytes by 255/, 'u8')
  }
  const gray = () => onPaper([1, 32, 32, 1], (x) => new Backbone(18).apply(x, evaluation))
  assert.throws(gray, /an image must be f32 \[n, h, w, 3\]/)
})

test('models: a factory for each, and no other network than the registry builds', () => {
  const narrow = { width: 2, depthMultiplier: 0.1 }
  const made = [
    ...[18, 34, 50, 101, 152].flatMap((n) => {
      const depth = n as ResNetDepth
      return [resNet, fcrn, localizationNet, gcn].map((make) => make(depth, narrow))
    }),
    ...[gcn('50-gcn', narrow), gcnResNet(narrow), cifarResNet({ width: 2, blocks: 1 })],
    ...[frrnA, frrnB, frrnBaseline].map((make) => make({ base: 2 })),
    ...widerVariants.map((variant) => wider(variant, { width: 1 })),
  ]
  assert.deepEqual(made.map(({ config }) => config.name).sort(), Object.keys(models).sort())
  for (const { config, constructor } of made) {
    const again = buildModel(config)
    assert.equal(again.constructor, constructor)
    assert.deepEqual(again.config, config)
  }
})

test('models: options that are no object are refused in words', () => {
  for (const name of Object.keys(models))
    for (const options of [null, 3, 'wide', ['width']])
      assert.throws(
        () => buildModel({ name, options: options as never }),
        (e: Error) => e instanceof OptionError && /: options are an object, not /.test(e.message),
        `${name} ${options}`,
      )
  assert.throws(() => fcrn(50, null as never), /fcrn-50: options are an object, not null\n.*leave/)
  assert.equal(fcrn(18, undefined).config.name, 'fcrn-18')
})

test('models: depths and variants that are none', () => {
  const none = (key: unknown) => key as never
  assert.throws(() => fcrn(none(51)), /no ResNet 51\n.*18, 34, 50, 101, 152/)
  assert.throws(() => wider(none('A')), /no model A\n.* a, b, c/)
  assert.throws(() => new Gcn(none('101-gcn')), /no ResNet 101-gcn/)
  assert.throws(() => new Frrn(none('c')), /no FRRN c\n.*a, b/)
})
