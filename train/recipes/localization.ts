// Wu, Shen, van den Hengel 2016b: the net that says where the instance around a pixel is. The paper gives its loss and leaves the
// rest of its training out; that of the authors' next paper stands here, as for their category nets [O].

import type { RecipeFile } from './recipe-file.ts'
import { byWu, crops } from './wu.ts'

/** Smooth L1 of the boxes that overlap least with their instances, weighed by their size [P]. The threshold, how many are kept at
 * least, the weights' range and the unit of 64 pixels are ours. */
const loss = {
  name: 'boxes',
  threshold: 0.7,
  keep: 512,
  beta: 1,
  sizes: [1 / 256, 1 / 16],
  sigma: 64,
} as const

export const localizationVoc: RecipeFile = {
  ...byWu,
  ...crops(500, 504),
  name: 'localization-voc',
  summary: 'the localization net on ResNet-101, VOC 2012 with SBD, from ImageNet weights',
  source: 'Wu et al. 2016b, section 4',
  // The classifier of the category nets, 4 numbers for each class of objects [P].
  model: { name: 'localization-101', options: { kernel: 5, dilation: 12, dropout: 0.3 } },
  loss,
  from: 'a ResNet-101 trained on ImageNet',
}

/** Of a size that learns drawn crowds in minutes on two cores, twelve and eight with the category net; its numbers are ours. */
export const localizationSmall: RecipeFile = {
  name: 'localization-small',
  summary:
    'a narrow localization net on ResNet-18, in twelve minutes: with --data crowd, things that touch',
  source: 'ours, after Wu et al. 2016b',
  data: { formats: [], size: [96, 128] },
  model: { name: 'localization-18', options: { outputStride: 4, kernel: 3, dilation: 2 } },
  fresh: { width: 8, frozen: 'none' },
  optimizer: { name: 'adam' },
  rate: [{ lr: 3e-3, steps: 1500, schedule: 'linear' }],
  loss: { ...loss, keep: 64, sigma: 16 },
  augmentation: [{ name: 'flip' }],
  batch: 4,
  minutes: 12,
}

/** The category net beside it. */
export const fcrnSmall: RecipeFile = {
  name: 'fcrn-small',
  summary:
    'a narrow FCRN on ResNet-18, in eight minutes: the category net beside localization-small',
  source: 'ours, after Wu et al. 2016a',
  data: { formats: [], size: [96, 128] },
  model: { name: 'fcrn-18', options: { outputStride: 4, kernel: 3, dilation: 2 } },
  fresh: { width: 8, frozen: 'none' },
  optimizer: { name: 'adam' },
  rate: [{ lr: 3e-3, steps: 1500, schedule: 'linear' }],
  loss: { name: 'crossEntropy', at: 'pixels' },
  augmentation: [{ name: 'flip' }],
  batch: 4,
  minutes: 8,
}
