// Models A to F as they are built: counts, maps, strides, dilations, names and options, all by tracing.

import assert from 'node:assert/strict'
import {
  buildModel,
  type Wider,
  type WiderOptions,
  type WiderVariant,
  wider,
} from '../../models/index.ts'
import { capture } from '../../nn/capture.ts'
import { Conv2d } from '../../nn/conv.ts'
import type { Mode } from '../../nn/module.ts'
import { countParameters } from '../../nn/state.ts'
import { test } from '../harness.ts'
import { checkCounts, countsRows, macsOf, onPaper } from './paper.ts'

const evaluation: Mode = { train: false }
const total = (counts: readonly number[]): number => counts.reduce((a, b) => a + b)

/** Paths of the last units of the levels that have any: they return the levels' features. */
const ends = ({ levels }: Wider): Record<string, string> =>
  Object.fromEntries(
    levels.flatMap((units, level) =>
      units.length ? [[`B${level + 1}`, `levels.${level}.${units.length - 1}`]] : [],
    ),
  )

/** Height of the maps of each level, and of the result, for an image of this size. */
function heights(model: Wider, height: number, width = height): number[] {
  const paths = Object.values(ends(model))
  const { values, result } = onPaper([1, height, width, 3], (image) =>
    capture(model, paths)(image, evaluation),
  )
  return [...paths.map((path) => values[path].shape[1]), result.shape[1]]
}

/** Stride and dilation of each convolution in the levels that has others than 1, as `B5.0.conv1`. */
function places({ levels }: Wider): Record<string, string> {
  const all: Record<string, string> = {}
  levels.forEach((units, level) => {
    units.forEach((unit, u) => {
      for (const [name, field] of Object.entries(unit))
        if (field instanceof Conv2d && (field.options.stride !== 1 || field.options.dilation !== 1))
          all[`B${level + 1}.${u}.${name}`] = `s${field.options.stride} d${field.options.dilation}`
    })
  })
  return all
}

const headOf: Record<string, WiderOptions> = {
  'conv-down': { head: 'classify', downsample: 'strided' },
  'pool-down': { head: 'classify' },
  '1conv': { head: '1conv' },
  '2conv': {},
}

test('wider: parameters, multiply-adds, shapes, depths, units and fields of view of all that is counted', () => {
  const rows = Object.entries(countsRows()).filter(([, row]) => row.family === 'wider')
  assert.equal(rows.length, 35)
  for (const [id, row] of rows) {
    const [, name, form] = id.match(/^wider-(\w+)-.*\/([\w-]+)$/)!
    const model = wider(name.toLowerCase() as WiderVariant, {
      ...headOf[form],
      classes: row.classes,
    })
    const top = { features: 'bn', hidden: 'head.hidden', score: 'head.classifier', fc: 'fc' }
    checkCounts(id, model, { conv1: 'conv1', ...ends(model), ...top })
    const { depth, units, residual_units } = row as unknown as Record<string, unknown>
    const counts = model.levels.map(({ length }) => length)
    const layered = 1 + 2 * total(counts.slice(0, 5)) + 3 * total(counts.slice(5)) + 1
    if (depth) assert.equal(layered, depth, id)
    if (units) assert.deepEqual(counts, units, id)
    if (residual_units) assert.equal(total(counts), residual_units, id)
    if (row.fov) {
      const { layers, kernel, dilation } = model.head!.options
      assert.equal((layers * (kernel - 1) * dilation + 1) * model.scoreStride, row.fov, id)
    }
  }
})

const one = [1, 1, 1, 1, 1, 1, 1]

test('wider: where each model halves its maps, in every form', () => {
  const want: Record<string, readonly number[]> = {
    a: [224, 112, 56, 28, 14, 7, 7],
    '16': [224, 112, 56, 28, 14, 7, 7],
    d: [112, 56, 28, 14, 7, 7, 7],
    f: [56, 28, 14, 7, 7, 7, 7],
  }
  for (const [variant, maps] of Object.entries(want) as [WiderVariant, readonly number[]][])
    for (const downsample of ['strided', 'pool', 'mixed'] as const) {
      const model = wider(variant, { head: 'classify', downsample, units: one, width: 1 })
      assert.deepEqual(heights(model, maps[0]).slice(0, 7), maps, `${variant}, ${downsample}`)
      const pools = { strided: 0, pool: Math.log2(maps[0] / 7), mixed: 2 }[downsample]
      assert.equal(model.pools.filter(Boolean).length, pools)
    }
})

test('wider: unpadded pooling is rounded up to the same sizes, or down to smaller ones', () => {
  const make = (pool: 'ceil' | 'floor') =>
    wider('a', { head: 'classify', units: one, width: 1, pool })
  assert.deepEqual(heights(make('ceil'), 224).slice(0, 7), [224, 112, 56, 28, 14, 7, 7])
  assert.deepEqual(heights(make('floor'), 224).slice(0, 7), [224, 111, 55, 27, 13, 6, 6])
})

test('wider: scores have the size of the image over the output stride, rounded up', () => {
  for (const downsample of ['strided', 'pool', 'mixed'] as const)
    for (const outputStride of [4, 8, 16, 32] as const) {
      const model = wider('a', { downsample, outputStride, units: one, width: 1 })
      const [h, w] = [65, 49]
      const { shape } = onPaper([2, h, w, 3], (image) => model.apply(image, evaluation))
      const s = outputStride
      assert.deepEqual(shape, [2, Math.ceil(h / s), Math.ceil(w / s), 21], `${downsample} 1/${s}`)
      assert.equal(model.scoreStride, s)
    }
})

test('wider: at 1/8, A is dilated from the second convolution of B5 on', () => {
  const fourth = { 'B4.0.conv1': 's2 d1', 'B4.0.project': 's2 d1' }
  const strided = {
    ...{ 'B2.0.conv1': 's2 d1', 'B2.0.project': 's2 d1' },
    ...{ 'B3.0.conv1': 's2 d1', 'B3.0.project': 's2 d1' },
    ...fourth,
  }
  const dilated = {
    ...{ 'B5.0.conv2': 's1 d2', 'B5.1.conv1': 's1 d2', 'B5.1.conv2': 's1 d2' },
    ...{ 'B5.2.conv1': 's1 d2', 'B5.2.conv2': 's1 d2' },
    ...{ 'B6.0.conv2': 's1 d4', 'B7.0.conv2': 's1 d4' },
  }
  assert.deepEqual(places(wider('a', { width: 1 })), { ...strided, ...dilated })
  // The whole first unit: of B5 it changes one convolution, and in B6 its first has no taps to set apart.
  const whole = { width: 1, firstUnitDilation: 'whole' } as const
  const first = { 'B5.0.conv1': 's1 d2' }
  assert.deepEqual(places(wider('a', whole)), { ...strided, ...dilated, ...first })
  // As pooling keeps the stride out of the convolutions, all that follows it is dilated.
  const pool = wider('a', { width: 1, downsample: 'pool' })
  assert.deepEqual(places(pool), { ...dilated, ...first })
  const halving = { kernel: 3, stride: 2, padding: 1 }
  assert.deepEqual(pool.pools, [
    ...[undefined, halving, halving, halving],
    { kernel: 3, stride: 1, dilation: 1, padding: 1 },
    { kernel: 3, stride: 1, dilation: 2, padding: 2 },
    undefined,
  ])
  const mapillary = wider('a', { ...whole, downsample: 'mixed' })
  assert.deepEqual(places(mapillary), { ...fourth, ...dilated, ...first })
  assert.deepEqual(mapillary.pools.filter(Boolean), [halving, halving])
})

test('wider: at 1/8, D and F have the same maps and multiply-adds, D with dilation and F without', () => {
  const [d, f] = [wider('d', { width: 4 }), wider('f', { width: 4 })]
  assert.deepEqual(heights(d, 72), heights(f, 72))
  const macs = (model: Wider) =>
    macsOf(onPaper([1, 72, 72, 3], (image) => model.apply(image, evaluation)))
  assert.equal(macs(d), macs(f))
  assert.equal(countParameters(d), countParameters(f))
  const dilated = (model: Wider) =>
    Object.entries(places(model)).filter(([, place]) => !place.endsWith('d1'))
  assert.equal(dilated(f).length, 0)
  assert.deepEqual(dilated(d).slice(0, 2), [
    ['B5.0.conv2', 's1 d2'],
    ['B5.1.conv1', 's1 d2'],
  ])
  assert.ok(dilated(d).every(([, place]) => place === 's1 d2'))
})

test('wider: names of all variables, in the order of the layers', () => {
  const norm = (bn: string) => [`${bn}.weight`, `${bn}.bias`, `${bn}.mean`, `${bn}.var`]
  const steps = [1, 2, 3].map((i) => [...norm(`bn${i}`), `conv${i}.weight`])
  const [two, three] = [steps.slice(0, 2).flat(), steps.flat()]
  const names = (model: Wider) =>
    [...model.stateDict().keys()].map((name) => name.replace('running_', ''))
  const of = (unit: string, rest: string[]) => rest.map((name) => `levels.${unit}.${name}`)
  const levels = [
    ...['conv1.weight', ...of('0.0', two)],
    ...[1, 2, 3, 4].flatMap((level) => of(`${level}.0`, ['project.weight', ...two])),
    ...of('4.1', two),
    ...[5, 6].flatMap((level) => of(`${level}.0`, ['project.weight', ...three])),
    ...norm('bn'),
  ]
  const layer = (name: string) => [`${name}.weight`, `${name}.bias`]
  const make = (head: WiderOptions['head']) =>
    names(wider('a', { head, width: 1, units: [1, 1, 1, 1, 2, 1, 1] }))
  assert.deepEqual(make('2conv'), [...levels, ...layer('head.hidden'), ...layer('head.classifier')])
  assert.deepEqual(make('1conv'), [...levels, ...layer('head.classifier')])
  assert.deepEqual(make('classify'), [...levels, ...layer('fc')])
})

test('wider: what is preset to segment, and what to classify', () => {
  const optionsOf = (head: WiderOptions['head']) => {
    const { downsample, dropout, frozen, outputStride, eps, input } = wider('c', { head, width: 1 })
      .config.options as WiderOptions
    return { downsample, dropout, frozen, outputStride, eps, input }
  }
  const both = { eps: 1.001e-5, input: 'imagenet' }
  const segmenting = { downsample: 'strided', dropout: [0.3, 0.5], frozen: 'statistics' }
  assert.deepEqual(optionsOf('2conv'), { ...segmenting, outputStride: 8, ...both })
  assert.deepEqual(optionsOf('1conv'), optionsOf('2conv'))
  const classifying = { downsample: 'pool', dropout: [0, 0], frozen: 'none' }
  assert.deepEqual(optionsOf('classify'), { ...classifying, outputStride: 16, ...both })
})

test('wider: options are refused that say nothing, alone or together', () => {
  const refused: readonly [WiderVariant, object, RegExp][] = [
    ['a', { head: '3conv' }, /model-a: head cannot be "3conv"/],
    ['16', { units: [0, 0, 1, 1, 1, 1, 1] }, /model-16: units cannot be[\s\S]*B1 may have 0/],
    ['a', { units: [3, 3, 6, 3, 1, 1] }, /seven whole numbers/],
    ['a', { dropout: 0.3 }, /dropout cannot be 0.3[\s\S]*two numbers/],
    ['a', { dropout: [0.3, 1] }, /two numbers from 0, below 1/],
    ['a', { activation: 'elu' }, /relu, leaky-relu/],
    ['f', { outputStride: 16 }, /model-f: outputStride cannot be 16[\s\S]*3 times[\s\S]*8 is/],
    ['d', { head: 'classify', outputStride: 32 }, /halves its maps 4 times[\s\S]*16 is the most/],
    ['a', { downsample: 'pool', pool: 'ceil' }, /pool cannot be "ceil" with head "2conv"/],
  ]
  for (const [variant, options, message] of refused)
    assert.throws(() => wider(variant, options as WiderOptions), message)
  assert.throws(() => buildModel({ name: 'model-g', options: {} }), /no model model-g/)
})

test('wider: a configuration, through JSON, builds the same network', () => {
  const options: WiderOptions = {
    ...{ head: '1conv', units: [0, 1, 2, 1, 1, 1, 1], downsample: 'mixed', width: 3, seed: 5 },
    ...{ dropout: [0, 0.1], depthMultiplier: 2, firstUnitDilation: 'whole' },
  }
  const model = wider('b', options)
  assert.deepEqual(
    model.levels.map(({ length }) => length),
    [0, 2, 4, 2, 2, 2, 2],
  )
  const again = buildModel(JSON.parse(JSON.stringify(model.config))) as Wider
  assert.deepEqual(again.config, model.config)
  assert.deepEqual(places(again), places(model))
  const state = again.stateDict()
  assert.equal(state.size, model.stateDict().size)
  for (const [name, variable] of model.stateDict())
    assert.deepEqual(variable.initial(), state.get(name)!.initial(), name)
})
