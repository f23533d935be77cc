// Peng, Zhang, Yu, Luo, Sun 2017: global convolutional networks, trained one image at a time with a heavy momentum, in stages
// that each start from the weights of the one before.

import { testTimes } from '../test-time.ts'
import type { RecipeFile } from './recipe-file.ts'

/** One image, momentum 0.99, weight decay 5e-4 [P]. The rate is not given: for a loss that is a mean over the pixels, 2.5e-5 does
 * what FCN's does for a sum, with one fall to a tenth [O]. */
const paper = {
  source: 'Peng et al. 2017, section 4',
  optimizer: { name: 'sgd', momentum: 0.99, weightDecay: 5e-4, rate: 'inside' },
  loss: { name: 'crossEntropy', at: 'pixels' },
  batch: 1,
} as const

/** Padded with the mean, which is 0 once it is subtracted, and void; mirrored one time in two [P] [O]. */
const padded = (side: number) =>
  ({
    augmentation: [{ name: 'pad', size: [side, side] }, { name: 'flip' }],
  }) as const

/** So many steps, the last third at a tenth of the rate [O]. */
const steps = (count: number) => [
  { lr: 2.5e-5, steps: Math.round((2 * count) / 3) },
  { lr: 2.5e-6, steps: Math.round(count / 3) },
]

const voc = { name: 'gcn-152', options: { kernel: 15 } } as const
const cityscapes = { name: 'gcn-152', options: { kernel: 25 } } as const

/** 109,892 images of COCO, SBD and VOC, padded to 640² [P]; about twice through them [O]. */
export const gcnVoc1: RecipeFile = {
  ...paper,
  ...padded(640),
  name: 'gcn-voc-1',
  summary: 'GCN on COCO, SBD and VOC together: the first of three stages',
  data: { formats: ['coco', 'voc', 'sbd'] },
  test: testTimes['p3-voc'],
  model: voc,
  rate: steps(210_000),
  from: 'a ResNet-152 trained on ImageNet',
}

/** 10,582 images of VOC and SBD, 512² [P]. */
export const gcnVoc2: RecipeFile = {
  ...paper,
  ...padded(512),
  name: 'gcn-voc-2',
  summary: 'GCN on VOC with SBD: the second stage, or the only one',
  data: { formats: ['voc', 'sbd'] },
  test: testTimes['p3-voc'],
  model: voc,
  rate: steps(105_000),
  from: 'the first stage',
}

/** 1,464 images of VOC alone [P]. */
export const gcnVoc3: RecipeFile = {
  ...gcnVoc2,
  name: 'gcn-voc-3',
  summary: 'GCN on VOC alone: the last stage',
  data: { formats: ['voc'] },
  rate: steps(30_000),
  from: 'the second stage',
}

/** Random crops of 800² of 22,973 images, 2,975 of them with fine labels and the others with coarse ones [P]. */
export const gcnCityscapes1: RecipeFile = {
  ...paper,
  name: 'gcn-cityscapes-1',
  summary: 'GCN on Cityscapes with coarse labels: the first of two stages',
  augmentation: [{ name: 'crop', size: [800, 800] }, { name: 'flip' }],
  data: { formats: ['cityscapes'] },
  test: testTimes['p3-cityscapes'],
  model: cityscapes,
  rate: steps(115_000),
  from: 'a ResNet-152 trained on ImageNet',
}

/** The fine labels alone [P]. */
export const gcnCityscapes2: RecipeFile = {
  ...gcnCityscapes1,
  name: 'gcn-cityscapes-2',
  summary: 'GCN on Cityscapes with fine labels: the second stage',
  rate: steps(60_000),
  from: 'the first stage',
}
