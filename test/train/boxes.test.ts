// Training of the localization net by recipe: its loss as data, what drawn scenes tell apart, and how well boxes fit.

import assert from 'node:assert/strict'
import { OptionError } from '../../engine/errors.ts'
import { mul, type Tensor } from '../../engine/index.ts'
import { type HostTensor, Variable } from '../../engine/tensor.ts'
import { localizationNet } from '../../models/localization.ts'
import { type ModelConfig, Network } from '../../models/network.ts'
import { hostLocalizationTargets } from '../../nn/localization-host.ts'
import type { Dataset, Example } from '../../train/dataset.ts'
import { BoxJudge, boxValidation } from '../../train/instances/boxes-eval.ts'
import { recipeNamed } from '../../train/recipes/index.ts'
import { batchLoss, checkLoss, type LossConfig } from '../../train/recipes/loss.ts'
import { checkTask, targetsOf } from '../../train/recipes/recipe.ts'
import { crowdScenes } from '../../train/scenes/crowd.ts'
import { streetScenes } from '../../train/scenes/street.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const boxes = { name: 'boxes' } as const

/** Says the same of every image: what it is made with, [1, h', w', 4·classes]. */
class Parrot extends Network {
  readonly config: ModelConfig = { name: 'parrot', options: {} }
  readonly classes: number
  override readonly predicts = 'boxes'
  readonly sizeMultiple = 1
  readonly scoreStride: number
  readonly says: Variable

  constructor(values: HostTensor, stride: number) {
    super()
    this.classes = values.shape[3] / 4
    this.scoreStride = stride
    this.says = new Variable(values, () => values.data)
  }

  protected forward(_: Tensor): Tensor {
    return mul(this.says, 1)
  }
}

/** A prediction that says the truth in every class, off by so many units of 64 pixels down. */
function truthOf({ labels, instances, height, width }: Example, stride: number, off = 0) {
  const { boxes, classes } = hostLocalizationTargets(
    labels,
    instances!,
    [1, height, width],
    stride,
    { classes: 2 },
  )
  const data = new Float32Array(8 * classes.data.length)
  for (let cell = 0; cell < classes.data.length; cell++)
    for (let k = 0; k < 8; k++)
      data[8 * cell + k] = boxes.data[4 * cell + (k % 4)] + (k % 4 ? 0 : off)
  return { dtype: 'f32', shape: [...boxes.shape.slice(0, 3), 8], data } as HostTensor
}

const only = (dataset: Dataset, example: Example): Dataset => ({
  ...dataset,
  size: 1,
  get: async () => example,
})

test('boxes: the loss of a recipe is checked, and is of networks that predict boxes', () => {
  const of = (config: object) => () => checkLoss(config as LossConfig)
  checkLoss(boxes)
  checkLoss(recipeNamed('localization-voc').loss)
  assert.throws(of({ ...boxes, scope: 'batch' }), /no option scope/)
  assert.throws(of({ ...boxes, threshold: 2 }), /threshold 2 is no IoU/)
  assert.throws(of({ ...boxes, keep: 0.5 }), /keep/)
  assert.throws(of({ ...boxes, sizes: [1, 0] }), /no range/)
  assert.throws(of({ ...boxes, sigma: 0 }), /no unit/)
  const net = localizationNet(18, { width: 4, classes: 2 })
  assert.throws(() => batchLoss({ name: 'crossEntropy' }, net), OptionError)
  const dataset = crowdScenes()
  checkTask(net, dataset)
  assert.deepEqual(targetsOf(dataset, net), ['labels', 'instances'])
})

test('boxes: drawn scenes tell their things apart, each of one class, the same every time', async () => {
  for (const dataset of [crowdScenes({ height: 48, width: 64 }), streetScenes({ objects: true })]) {
    let most = 0
    for (let i = 0; i < 4; i++) {
      const { labels, instances, ...rest } = await dataset.get(i)
      assert.deepEqual((await dataset.get(i)).instances, instances)
      const kinds = new Map<number, number>()
      instances!.forEach((id, at) => {
        if (!id) return
        assert.equal(kinds.get(id) ?? labels[at], labels[at], `${rest.name}, thing ${id}`)
        kinds.set(id, labels[at])
      })
      most = Math.max(most, kinds.size)
    }
    assert.ok(most >= 3, `${dataset.name}: ${most}`)
  }
  const plain = await streetScenes().get(0)
  assert.equal('instances' in plain, false)
  assert.deepEqual(plain.labels, (await streetScenes({ objects: true }).get(0)).labels)
})

test('boxes: the truth fits, and what is off fits as far as it does', async () => {
  const device = await testDevice()
  const dataset = crowdScenes({ height: 40, width: 52 })
  const example = await dataset.get(3)
  const fitOf = async (off: number) => {
    using judge = new BoxJudge(device, new Parrot(truthOf(example, 4, off), 4), boxes)
    return judge.evaluate(only(dataset, example))
  }
  const exact = await fitOf(0)
  close([exact.meanIoU], [1], 1e-5, 'fit')
  assert.equal(exact.above, 1)
  close([exact.loss], [0], 1e-6, 'fit')
  assert.ok(exact.cells > 20)
  // By hand: every box moved down by 4 pixels, and ½(4/64)² of loss.
  const moved = await fitOf(4 / 64)
  const { labels, instances } = example
  const { boxes: truth, classes } = hostLocalizationTargets(labels, instances!, [1, 40, 52], 4, {
    classes: 2,
  })
  const ious = Array.from(classes.data).flatMap((label, cell) => {
    const h = 64 * truth.data[4 * cell + 2]
    return label ? [Math.max(0, h - 4) / (h + Math.min(4, h))] : []
  })
  close([moved.meanIoU], [ious.reduce((a, b) => a + b) / ious.length], 1e-4, 'fit')
  close([moved.loss], [0.5 * (4 / 64) ** 2], 1e-5, 'fit')
  assert.equal(boxValidation(moved).score, moved.meanIoU)
})
