// What the recipes of Wu, Shen and van den Hengel share: crops of resized images, and their optimiser (2016b, 2019, released code).

import type { RecipeFile } from './recipe-file.ts'

/** Images whose longer side is drawn from 0.7 to 1.3 times `side`, a crop of them at a random place, beyond them the mean
 * colour of ImageNet and void, mirrored one time in two; labels are taken at the middle of the network's cells [P] [C]. */
export const crops = (side: number, size: number) =>
  ({
    augmentation: [
      { name: 'resize', longer: side, range: [0.7, 1.3] },
      { name: 'crop', size: [size, size] },
      { name: 'flip' },
    ],
  }) as const

/** On VOC. SGD with momentum [C], batches of 16 images computed by fours, biases and shifts twice as fast and without decay [C].
 * 0.0016, then linearly down to almost nothing [P]; how long is ours for VOC, after what they do on Cityscapes: about 140 and 64
 * times through the data [C]. */
export const byWu = {
  data: { formats: ['voc', 'sbd'] },
  optimizer: {
    name: 'sgd',
    momentum: 0.9,
    weightDecay: 5e-4,
    rate: 'inside',
    rules: [{ match: 'bias', lr: 2, weightDecay: 0 }],
  },
  rate: [
    { lr: 1.6e-3, steps: 26_000 },
    { lr: 1.6e-3, steps: 12_000, schedule: 'linear' },
  ],
  batch: 16,
  accumulate: 4,
} as const satisfies Partial<RecipeFile>
