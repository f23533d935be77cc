// Wu, Shen, van den Hengel 2019: classifying ImageNet, with which their segmentation networks begin. Wide networks and, trained in the
// same way, the ResNet that they are compared with.

import { imagenetTest } from '../scoring/classify.ts'
import type { RecipeFile } from './recipe-file.ts'

const paper = {
  source: 'Wu et al. 2019, sections 4 and 5.1, and released code',
  data: { formats: ['imagenet'] },
  loss: { name: 'crossEntropy' },
  // Momentum and decay [C], the rate inside as MXNet has it.
  optimizer: { name: 'sgd', momentum: 0.9, weightDecay: 1e-4, rate: 'inside' },
  // 450,000 iterations, which is 90 times through the data, from 0.1 down to 1e-6 [P].
  rate: [{ lr: 0.1, steps: 450_000, schedule: 'linear' }],
  // On four devices [P], whose batch norm saw 64 each.
  batch: 256,
  accumulate: 4,
} as const satisfies Partial<RecipeFile>

/** A crop of 8 to 100 % of the area, mirrored one time in two, its colours and its lighting changed [C]. At test time the shorter side
 * is brought to `side` and its middle looked at, once [P] [C]. */
const crops = (crop: number, side: number) =>
  ({
    augmentation: [
      { name: 'sizedCrop', size: [crop, crop], area: [0.08, 1], aspect: [3 / 4, 4 / 3] },
      { name: 'flip' },
      { name: 'colourJitter', brightness: 0.4, contrast: 0.4, saturation: 0.4 },
      { name: 'lighting', deviation: 0.1 },
    ],
    view: imagenetTest(side),
  }) as const

const classifies = { head: 'classify' }

export const imagenetModelA: RecipeFile = {
  ...paper,
  ...crops(224, 320),
  name: 'imagenet-model-a',
  summary: 'Model A on ImageNet at 224, from scratch, 450,000 steps of 256 images',
  model: { name: 'model-a', options: classifies },
}

/** At 112 and 56 their maps are halved less often [P]. */
export const imagenetModelC: RecipeFile = {
  ...imagenetModelA,
  ...crops(112, 160),
  name: 'imagenet-model-c',
  summary: 'Model C on ImageNet at 112',
  model: { name: 'model-c', options: classifies },
}

export const imagenetModelF: RecipeFile = {
  ...imagenetModelA,
  ...crops(56, 80),
  name: 'imagenet-model-f',
  summary: 'Model F on ImageNet at 56',
  model: { name: 'model-f', options: classifies },
}

export const imagenetResnet50: RecipeFile = {
  ...imagenetModelA,
  name: 'imagenet-resnet-50',
  summary: 'ResNet-50 on ImageNet at 224, trained as Model A is',
  model: { name: 'resnet-50', options: {} },
}

/** Tuned from Model A for a tenth of its time, from 0.01 [P]. */
const tuned = { rate: [{ lr: 0.01, steps: 45_000, schedule: 'linear' }] } as const

/** Maps are halved by strided convolutions in place of pooling: better for segmentation [P]. */
export const imagenetModelA1: RecipeFile = {
  ...imagenetModelA,
  ...tuned,
  name: 'imagenet-model-a1',
  summary: 'Model A1: Model A with strides for poolings, tuned on ImageNet',
  model: { name: 'model-a', options: { ...classifies, downsample: 'strided' } },
  from: 'Model A trained on ImageNet (imagenet-model-a)',
}

/** On Places 365, a folder of images for each of its scenes [P]. */
export const placesModelA2: RecipeFile = {
  ...imagenetModelA,
  ...tuned,
  name: 'places-model-a2',
  summary: 'Model A2: Model A tuned on Places 365',
  from: 'Model A trained on ImageNet (imagenet-model-a), --only backbone: there are 365 classes',
}
