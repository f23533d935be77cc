// What `atrous train` does where no recipe is named: a narrow FRRN A that learns in minutes on two cores. Its numbers are ours,
// found by trying on drawn scenes and on CamVid.

import { imagenetTest } from '../scoring/classify.ts'
import type { RecipeFile } from './recipe-file.ts'

/** Whatever the network, it starts narrow unless its weights come from a file. */
const narrow = {
  model: { name: 'frrn-a', options: {} },
  fresh: { width: 8, base: 8, lanes: 8, frozen: 'none' },
} as const

/** The head of Models A to F is wide and has no batch norm: larger steps silence its ReLUs for good. On CamVid with width 16 the scores stay
 * those of no image at 2e-3, and are learned at 3e-4. */
const rateFor = { 'model-': 3e-4 } as const

/** Drawn street scenes: never the same twice within a short run, so nothing is augmented. */
export const street: RecipeFile = {
  name: 'street',
  summary: 'a narrow FRRN A on drawn street scenes, in two minutes',
  source: 'ours',
  data: { formats: [], size: [48, 64] },
  ...narrow,
  optimizer: { name: 'adam' },
  rate: [{ lr: 8e-3, steps: 1000, schedule: 'linear' }],
  rateFor,
  loss: { name: 'crossEntropy' },
  augmentation: [],
  batch: 2,
  minutes: 1.8,
}

/** A folder of images and labels. */
export const folder: RecipeFile = {
  name: 'folder',
  summary: 'a narrow FRRN A on a folder of images and labels, in a quarter of an hour',
  source: 'ours, after Pohlen et al. 2017',
  data: { formats: ['folder', 'camvid'], size: [96, 128] },
  ...narrow,
  optimizer: { name: 'adam' },
  rate: [{ lr: 6e-3, steps: 2500, schedule: 'linear' }],
  rateFor,
  loss: { name: 'bootstrap', keep: 0.25 },
  // 120 pixels of 2048 columns, at 128.
  augmentation: [
    { name: 'translate', pixels: 8 },
    { name: 'gamma', range: 0.05 },
  ],
  batch: 2,
  minutes: 15,
}

/** A folder of images for each class, of any size. */
export const images: RecipeFile = {
  name: 'images',
  summary: 'a narrow ResNet-18 that classifies a folder of images for each class, in three minutes',
  source: 'ours',
  data: { formats: ['imagenet'] },
  model: { name: 'resnet-18', options: {} },
  fresh: { width: 16 },
  optimizer: { name: 'adam' },
  rate: [{ lr: 3e-3, steps: 1000, schedule: 'linear' }],
  loss: { name: 'crossEntropy' },
  augmentation: [{ name: 'sizedCrop', size: [56, 56], area: [0.35, 1] }, { name: 'flip' }],
  view: imagenetTest(64),
  batch: 32,
  minutes: 3,
}
