// Recipes as data: what the papers say stands in them, each of them trains its network, and they can be changed, shrunk and kept.

import assert from 'node:assert/strict'
import { Args } from '../../apps/cli/command.ts'
import { newRecipe, resumedRecipe } from '../../apps/cli/settings.ts'
import { train as trainCommand } from '../../apps/cli/train.ts'
import { OptionError } from '../../engine/errors.ts'
import { cast, explain } from '../../engine/index.ts'
import { fcrn } from '../../models/index.ts'
import { buildModel, models } from '../../models/registry.ts'
import {
  atSize,
  type RecipeFile,
  recipeNamed,
  recipes,
  scaled,
  withAssignment,
  withValue,
} from '../../train/recipes/index.ts'
import { batchLoss, checkLoss, type LossConfig } from '../../train/recipes/loss.ts'
import {
  checkRecipe,
  type Recipe,
  recipeOptimizer,
  recipeRate,
  recipeSteps,
} from '../../train/recipes/recipe.ts'
import { testDevice } from '../device.ts'
import { slowWanted, test } from '../harness.ts'
import { eventsOf, lossesOf, smallRun } from './small-runs.ts'

const street = { kind: 'street', seed: 1, height: 64, width: 64 } as const

/** What a command line makes of a recipe, on drawn scenes. */
const recipe = (...argv: string[]): Recipe =>
  newRecipe(new Args(trainCommand, [...argv, '--data', 'street', '--size', '64x64']), undefined)

const optionsOf = ({ model }: RecipeFile) => Object.keys(models[model.name].options)

test('recipes: the usual rate is the usual network’s; wide heads without batch norm have a smaller one', () => {
  const first = (...argv: string[]) => recipe(...argv).rate[0].lr
  assert.equal(first(), 8e-3)
  assert.equal(first('--model', 'gcn-18'), 8e-3)
  assert.equal(first('--model', 'model-16'), 3e-4)
  assert.equal(first('--model', 'model-16', '--lr', '1e-3'), 1e-3)
  assert.equal(first('folder', '--model', 'model-a'), 3e-4)
  assert.equal('rateFor' in recipe('--model', 'model-16'), false)
})

test('recipes: the numbers of the papers', () => {
  const a = recipeNamed('frrn-a')
  const rate = recipeRate({ ...recipe('frrn-a') })
  assert.deepEqual(
    [0, 34_999, 35_000, 44_999].map((step) => rate(step, 0)),
    [1e-3, 1e-3, 1e-4, 1e-4],
  )
  assert.equal(recipeSteps(recipe('frrn-a')), 45_000)
  assert.deepEqual(
    [a.data.size, a.batch, a.loss.keep, a.loss.divisor],
    [[256, 512], 3, 512 * 64, 'k'],
  )
  assert.deepEqual(a.augmentation, [
    { name: 'translate', pixels: (120 / 2048) * 512 },
    { name: 'gamma', range: 0.05 },
  ])
  const cityscapes = recipeNamed('wider-cityscapes')
  assert.deepEqual(
    cityscapes.rate.map(({ lr, steps }) => [lr, steps]),
    [
      // 140 and 64 times through 2,975 images by 16.
      [0.0016, 140 * 185],
      [0.0008, 64 * 185],
    ],
  )
  assert.equal(Math.floor(2975 / 16), 185)
  const { optimizer } = recipeNamed('gcn-voc-2')
  assert.deepEqual(optimizer, { name: 'sgd', momentum: 0.99, weightDecay: 5e-4, rate: 'inside' })
  assert.equal(recipeNamed('fcrn-voc').loss.keep, 512)
})

test('recipes: each of them is JSON, means something, and its loss has gradients', () => {
  assert.ok(recipes.size >= 14)
  const explained = new Set<string>()
  for (const [name, file] of recipes) {
    assert.deepEqual(JSON.parse(JSON.stringify(file)), file, name)
    const own = optionsOf(file)
    const small = Object.entries({ width: 2, base: 4, lanes: 4, depthMultiplier: 0.01, kernel: 3 })
    const options = small
      .filter(([key]) => own.includes(key))
      .map(([k, v]) => ['--option', `${k}=${v}`])
    const full = recipe(name, ...options.flat())
    const model = buildModel(full.model)
    const optimizer = recipeOptimizer(full, model)
    const loss = batchLoss(full.loss, model)
    const kind = JSON.stringify([full.model.name, full.loss, full.optimizer.name])
    // The deepest have the blocks of the shallower ones.
    if (explained.has(kind) || (kind.includes('152') && !slowWanted)) continue
    explained.add(kind)
    const boxes = model.predicts === 'boxes'
    const { summary } = explain(
      (image, labels, lr, seed, step) => {
        const mode = { train: true, random: { seed, step } }
        const targets = boxes ? [labels, cast(labels, 'i32')] : [labels]
        return optimizer.minimize(loss(image, targets, mode).loss, lr)
      },
      [
        { dtype: 'f32', shape: [2, 64, 64, 3] },
        model.scoreStride ? { dtype: 'u8', shape: [2, 64, 64] } : { dtype: 'i32', shape: [2] },
        { dtype: 'f32', shape: [] },
        { dtype: 'u32', shape: [] },
        { dtype: 'u32', shape: [] },
      ],
    )
    assert.ok(summary.dispatches > 50, name)
  }
})

test('recipes: a batch is in parts only of one size, and its loss only of a network that has it', () => {
  const of = (config: object) => () => checkLoss(config as LossConfig)
  assert.throws(of({ name: 'bootstrap' }), /keep undefined is neither a number of pixels/)
  assert.throws(of({ name: 'bootstrap', keep: 1.5 }), OptionError)
  assert.throws(of({ name: 'crossEntropy', keep: 3 }), /crossEntropy has no keep/)
  assert.throws(of({ name: 'bootstrap', keep: 3, weights: [1] }), /bootstrap has no weights/)
  assert.throws(of({ name: 'focal' }), /there is no name 'focal'/)
  assert.throws(of({ name: 'crossEntropy', at: 'pixels', offset: 3 }), /labels have no offset/)
  const frrn = buildModel({ name: 'frrn-a', options: { base: 4, lanes: 4 } })
  assert.throws(() => batchLoss({ name: 'crossEntropy', shifted: true }, frrn), /no shifted passes/)
  const good = recipe('frrn-a')
  const wrong = (change: object) => () => checkRecipe({ ...good, ...change } as Recipe)
  assert.throws(wrong({ accumulate: 2 }), /3 images does not fall into 2 equal parts/)
  assert.throws(wrong({ minutes: 3, steps: 5 }), /by one of them/)
  assert.throws(wrong({ optimizer: { name: 'adm' } }), /did you mean adam/)
  assert.throws(wrong({ only: 'backbone' }), /name them: init/)
  assert.throws(wrong({ precision: 'half' }), OptionError)
  assert.throws(wrong({ batch: 0 }), /batch cannot be 0/)
  assert.throws(wrong({ colour: 'red' }), /no option colour/)
  assert.throws(wrong({ precision: null }), /there is no precision null/)
  assert.throws(wrong({ model: undefined }), /a recipe needs model\n/)
  assert.throws(wrong({ model: { name: 3, options: {} } }), /model.name cannot be 3/)
  assert.throws(wrong({ optimizer: null }), /optimizer cannot be null/)
  assert.throws(wrong({ init: 7 }), /init cannot be 7/)
  for (const data of [
    undefined,
    3,
    [],
    {},
    { kind: 'voc' },
    { kind: 'street', height: 8, width: 8 },
  ])
    assert.throws(wrong({ data }), OptionError)
  assert.throws(wrong({ data: { kind: 'voc', folder: 'x', height: 3.5, width: 8 } }), /height/)
  assert.throws(wrong({ data: { kind: 'voc', folder: 'x', also: [3] } }), /data.also.0 cannot be 3/)
})

test('recipes: any value can be set, in order, and paths that lead nowhere are refused', () => {
  const good = recipe('frrn-a')
  const set = (text: string) => withAssignment(good, text)
  assert.equal(set('rate.1.lr=5e-5').rate[1].lr, 5e-5)
  assert.equal(good.rate[1].lr, 1e-4)
  assert.deepEqual(set('augmentation=[]').augmentation, [])
  assert.equal(set('augmentation.2={"name":"flip"}').augmentation.length, 3)
  assert.equal(set('model.options.upsample=half-pixel').model.options['upsample'], 'half-pixel')
  assert.equal(withValue(good, 'batch', 7).batch, 7)
  assert.equal('keep' in JSON.parse(JSON.stringify(set('loss.keep=null').loss)), false)
  assert.throws(() => set('rte.0=1'), /a recipe has no rte[\s\S]*rate/)
  assert.throws(() => set('rate.7.lr=1'), /rate has the places 0 to 1/)
  assert.throws(() => set('batch.size=1'), /batch is 3, which has no parts/)
  assert.throws(() => set('batch'), /sets nothing/)
  const argv = [
    'frrn-a',
    '--set',
    'loss={"name":"crossEntropy"}',
    '--set',
    'batch=5',
    '--base',
    '4',
  ]
  const changed = recipe(...argv)
  assert.deepEqual([changed.loss, changed.batch], [{ name: 'crossEntropy' }, 5])
  assert.equal(changed.model.options['base'], 4)
})

test('recipes: another size and a smaller scale keep shares what they are', () => {
  const a = recipeNamed('frrn-a')
  const half = atSize(a, [128, 256])
  assert.deepEqual(
    [half.loss.keep, half.augmentation[0]],
    [8192, { name: 'translate', pixels: 15 }],
  )
  const quarter = scaled(a, 0.25, optionsOf(a))
  assert.deepEqual(quarter.data.size, [64, 128])
  assert.deepEqual(quarter.model.options, { base: 12, lanes: 8 })
  assert.deepEqual(
    quarter.rate.map(({ steps }) => steps),
    [8750, 2500],
  )
  assert.equal(quarter.loss.keep, 2048)
  const voc = recipeNamed('fcrn-voc')
  const [resize, crop] = scaled(voc, 0.5, optionsOf(voc)).augmentation
  assert.deepEqual(
    [resize, crop],
    [
      { ...voc.augmentation[0], longer: 256 },
      { ...voc.augmentation[1], size: [256, 256] },
    ],
  )
  const wide = recipeNamed('gcn-cityscapes-2')
  assert.deepEqual(scaled(wide, 0.125, optionsOf(wide)).test, {
    window: { height: 128, width: 128, stride: 32 },
  })
  assert.throws(() => scaled(a, 2, optionsOf(a)), /a scale of 2/)
})

test('recipes: single options of the command line change what they say', () => {
  const three = recipe(
    'frrn-a',
    '--lr',
    '5e-4',
    '--steps',
    '90',
    '--batch',
    '4',
    '--accumulate',
    '2',
  )
  assert.deepEqual(
    three.rate.map(({ lr }) => lr),
    [5e-4, 5e-5],
  )
  assert.deepEqual([three.steps, three.batch, three.accumulate], [90, 4, 2])
  const rate = recipeRate(three)
  assert.deepEqual([rate(69, 0), rate(70, 0)], [5e-4, 5e-5])
  assert.deepEqual(
    recipe('--schedule', 'poly').rate.map(({ schedule }) => schedule),
    ['poly'],
  )
  assert.deepEqual(recipe('--keep', '0.5').loss, { name: 'bootstrap', keep: 0.5 })
  assert.deepEqual(recipe('frrn-a', '--keep', '1').loss, { name: 'crossEntropy' })
  const minutes = recipe('frrn-a', '--minutes', '2')
  assert.deepEqual([minutes.minutes, recipeSteps(minutes)], [2, undefined])
  const timed = recipeRate(minutes)
  assert.deepEqual(
    [0, 0.77, 0.78, 1].map((p) => timed(0, p)),
    [1e-3, 1e-3, 1e-4, 1e-4],
  )
  assert.throws(() => recipe('--steps', '3', '--minutes', '2'), /exclude each other/)
  const resumed = resumedRecipe(new Args(trainCommand, ['--resume', 'x', '--minutes', '4']), three)
  assert.deepEqual([resumed.minutes, resumed.steps], [4, undefined])
})

test('recipes: shifted passes train, and weights that classes have count', async () => {
  const device = await testDevice()
  const model = fcrn(18, {
    width: 4,
    depthMultiplier: 0.1,
    kernel: 3,
    dilation: 2,
    classes: 8,
    frozen: 'none',
    dropout: 0,
  })
  const shifted = batchLoss({ name: 'bootstrap', keep: 0.5, shifted: true }, model)
  const optimizer = recipeOptimizer({ ...recipe(), data: street }, model)
  const losses = lossesOf(
    await eventsOf(
      smallRun(device, { model, optimizer, loss: shifted, steps: 12, rate: () => 1e-2 }),
    ),
  )
  assert.ok(losses[11] < losses[0], `${losses}`)
  const weights = [1, 0, 0, 0, 0, 0, 0, 0]
  for (const at of ['cells', 'pixels'] as const) {
    const loss = batchLoss({ name: 'crossEntropy', weights, at }, model)
    const [first] = lossesOf(await eventsOf(smallRun(device, { model, loss, steps: 1 })))
    assert.ok(Number.isFinite(first))
  }
})
