// Wu, Shen, van den Hengel 2016a and 2016b: dilated ResNets that segment at 1/8, fine-tuned with bootstrapping. The papers leave
// most numbers of their training out; where they do, those of the same authors' next paper stand here [O].

import { testTimes } from '../test-time.ts'
import type { RecipeFile } from './recipe-file.ts'
import { byWu, crops } from './wu.ts'

const paper = {
  // The 5×5 classifier of dilation 12, dropout in the top blocks, batch norm at the averages of its pretraining [P].
  model: { name: 'fcrn-101', options: { kernel: 5, dilation: 12, dropout: 0.3 } },
  // The 512 cells of the smallest probability of each crop [P], Table 4.
  loss: { name: 'bootstrap', keep: 512, scope: 'image', divisor: 'kept' },
  from: 'a ResNet-101 trained on ImageNet',
} as const

export const fcrnVoc: RecipeFile = {
  ...byWu,
  ...crops(500, 504),
  ...paper,
  name: 'fcrn-voc',
  summary: 'FCRN-101 on VOC 2012 with SBD, bootstrapping 512, from ImageNet weights',
  source: 'Wu et al. 2016a, sections 3 and 4',
}

export const fcrnContext: RecipeFile = {
  ...fcrnVoc,
  name: 'fcrn-context',
  summary: 'FCRN-101 on PASCAL-Context, as on VOC',
  source: 'Wu et al. 2016b',
  data: { formats: ['context'] },
}

export const fcrnCityscapes: RecipeFile = {
  ...fcrnVoc,
  ...crops(2048, 504),
  name: 'fcrn-cityscapes',
  summary: 'FCRN-152 on Cityscapes, bootstrapping 512, from ImageNet weights',
  data: { formats: ['cityscapes'] },
  model: { ...paper.model, name: 'fcrn-152' },
  from: 'a ResNet-152 trained on ImageNet',
}

/** The grid of 1/4 from a net at 1/8: the gradients of four passes, one update [P] (2016a, section 3.2). */
export const fcrnShifted: RecipeFile = {
  ...fcrnVoc,
  name: 'fcrn-shifted',
  summary: 'FCRN-101 on VOC, trained on four shifted passes, to score at 1/4',
  loss: { ...paper.loss, shifted: true },
  test: testTimes['p0-shifted'],
}
