// Networks whose scores are coarser than their images: training on class masks, masks from them, and who is refused.

import assert from 'node:assert/strict'
import { judgeOf } from '../../apps/cli/judge.ts'
import { CifarResNet, fcrn, ResNet } from '../../models/index.ts'
import { predict, scoresOnImage } from '../../nn/index.ts'
import { evaluate } from '../../train/evaluate.ts'
import { Adam } from '../../train/optimizers.ts'
import { Predictor } from '../../train/predict.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import { type Recipe, recipeBatches } from '../../train/recipes/recipe.ts'
import { STREET_CLASSES, streetScenes } from '../../train/scenes/street.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { eventsOf, lossesOf, smallRun } from '../train/small-runs.ts'
import { drawnImage, drawnState, place, valuesOf } from './drawn.ts'

const narrow = { width: 4, depthMultiplier: 0.1, kernel: 3, dilation: 2 }
const classes = STREET_CLASSES.length

test('a network with scores at 1/8 is trained by a recipe and evaluated at the size of the images', async () => {
  const device = await testDevice()
  const model = fcrn(18, { ...narrow, classes, frozen: 'none' })
  const data = { kind: 'street', seed: 1, height: 36, width: 44 } as const
  const recipe: Recipe = {
    ...{ data, model: model.config, optimizer: { name: 'adam' }, batch: 2, seed: 3 },
    ...{ rate: [{ lr: 1e-2, steps: 30 }], loss: { name: 'bootstrap', keep: 0.5 } },
    augmentation: [
      { name: 'translate', pixels: 4 },
      { name: 'gamma', range: 0.05 },
    ],
  }
  const scenes = streetScenes({ size: 4, height: 36, width: 44 })
  const batches = recipeBatches(recipe, scenes, model)
  const events = await eventsOf(
    smallRun(device, {
      ...{ model, optimizer: new Adam(model.parameters()), loss: batchLoss(recipe.loss, model) },
      ...{ batch: (step) => batches.batch(step), rate: () => 1e-2, steps: 30 },
    }),
  )
  const losses = lossesOf(events)
  assert.equal(losses.length, 30)
  const average = (some: number[]) => some.reduce((a, b) => a + b) / some.length
  assert.ok(average(losses.slice(-5)) < 0.7 * average(losses.slice(0, 3)), `${losses}`)
  using predictor = new Predictor(device, model)
  const { scores, images } = await evaluate(predictor, scenes)
  assert.equal(images, 4)
  assert.equal(scores.labelledPixels, 4 * 36 * 44)
})

test('a mask is the likeliest class of the scores brought to the size of the image', async () => {
  const device = await testDevice()
  const model = fcrn(18, { ...narrow, classes: 5 })
  const state = drawnState(model)
  place(device, state)
  const image = drawnImage([2, 37, 50, 3])
  using predictor = new Predictor(device, model)
  using mask = await predictor.batch(image.data as Float32Array, 2, 37, 50)
  assert.deepEqual([mask.dtype, mask.shape], ['u8', [2, 37, 50]])
  const [scores, best] = valuesOf(
    (x) => {
      const y = scoresOnImage(model.apply(x, { train: false }), [37, 50], 8)
      return [y, predict(y)]
    },
    [image],
    state,
  )
  assert.ok(new Set(best).size > 1)
  // Where two classes are as likely but for rounding, either may win.
  ;(await mask.read()).forEach((c, i) => {
    const gap = scores[5 * i + best[i]] - scores[5 * i + c]
    assert.ok(gap < 1e-4, `pixel ${i}: class ${c} is ${gap} below ${best[i]}`)
  })
})

test('where the loss takes labels beside the middle, validation puts scores there', async () => {
  const device = await testDevice()
  const model = fcrn(18, { ...narrow, classes })
  place(device, drawnState(model))
  const scenes = streetScenes({ split: 'val', size: 4, height: 36, width: 44 })
  const loss = { name: 'crossEntropy', offset: 0 } as const
  using judge = judgeOf(device, model, scenes, { loss } as Recipe)
  const watching = { signal: new AbortController().signal, onProgress: () => {} }
  const { figures } = await judge.validate(watching)
  using there = new Predictor(device, model, {}, { offset: 0 })
  using middle = new Predictor(device, model)
  assert.deepEqual(figures, (await evaluate(there, scenes)).figures)
  assert.notDeepEqual(figures, (await evaluate(middle, scenes)).figures)
})

test('a network that scores images as a whole, or predicts boxes, makes no masks', async () => {
  const device = await testDevice()
  const whole = /scores images as a whole[\s\S]*take a network that segments/
  for (const model of [new ResNet(18, { width: 2 }), new CifarResNet({ blocks: 1 })]) {
    assert.throws(() => new Predictor(device, model), whole)
    assert.throws(() => batchLoss({ name: 'crossEntropy', shifted: true }, model), /has no pixels/)
  }
  const boxes = Object.assign(fcrn(18, narrow), { predicts: 'boxes' as const })
  assert.throws(
    () => new Predictor(device, boxes),
    /fcrn-18 predicts boxes, and a class mask needs/,
  )
})
