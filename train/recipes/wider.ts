// Wu, Shen, van den Hengel 2019: wide networks, segmentation. Fine-tuned from their ImageNet classifiers with frozen statistics
// and bootstrapping; labels at the middle of the cells of 1/8, without enlarging the scores [P] [C].

import { testTimes } from '../test-time.ts'
import type { RecipeFile } from './recipe-file.ts'
import { byWu, crops } from './wu.ts'

const modelA = {
  // Down-sampling by strided convolutions, "Model A1", and a classifier of two layers [P].
  model: { name: 'model-a', options: {} },
  loss: { name: 'bootstrap', keep: 512, scope: 'image', divisor: 'kept' },
  from: 'Model A1 trained on ImageNet',
  test: testTimes['p4-500'],
  source: 'Wu et al. 2019, section 5, and released code',
} as const

export const widerVoc: RecipeFile = {
  ...byWu,
  ...crops(500, 504),
  ...modelA,
  name: 'wider-voc',
  summary: 'Model A on VOC 2012 with SBD, from ImageNet weights',
}

export const widerContext: RecipeFile = {
  ...widerVoc,
  name: 'wider-context',
  summary: 'Model A on PASCAL-Context, from ImageNet weights',
  data: { formats: ['context'] },
}

export const widerAde20k: RecipeFile = {
  ...widerVoc,
  name: 'wider-ade20k',
  summary: 'Model A on ADE20K, from ImageNet weights',
  data: { formats: ['ade20k'] },
}

/** 140 times through the data at 0.0016, then 64 times linearly from half of that [C]. */
export const widerCityscapes: RecipeFile = {
  ...widerVoc,
  ...crops(2048, 504),
  name: 'wider-cityscapes',
  summary: 'Model A on Cityscapes, from ImageNet weights',
  data: { formats: ['cityscapes'] },
  test: testTimes['p4-cityscapes'],
  rate: [
    { lr: 1.6e-3, steps: 25_900 },
    { lr: 0.8e-3, steps: 11_840, schedule: 'linear' },
  ],
}
