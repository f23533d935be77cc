// Pohlen, Hermans, Mathias, Leibe 2017: full-resolution residual networks on Cityscapes, from scratch.

import type { RecipeFile } from './recipe-file.ts'

const paper = {
  source: 'Pohlen et al. 2017, sections 4 and 5',
  // Adam with the usual betas [C].
  optimizer: { name: 'adam', betas: [0.9, 0.999], eps: 1e-8 },
  // 45,000 iterations, the rate a tenth after 35,000 [P].
  rate: [
    { lr: 1e-3, steps: 35_000 },
    { lr: 1e-4, steps: 10_000 },
  ],
  // Per image the 512·64 pixels of the smallest probability; the divisor stays K [P] [C].
  loss: { name: 'bootstrap', keep: 32_768, scope: 'image', divisor: 'k' },
  batch: 3, // [C]; of A also [P]
} as const

/** At a quarter of the resolution. Translation by up to 120 pixels of the full images, so 30 here, mirrored and void beyond, and
 * gamma with Z up to 0.05 [P]. */
const quarter = {
  data: { formats: ['cityscapes'], size: [256, 512] },
  augmentation: [
    { name: 'translate', pixels: 30 },
    { name: 'gamma', range: 0.05 },
  ],
} as const

export const frrnA: RecipeFile = {
  ...paper,
  ...quarter,
  name: 'frrn-a',
  summary: 'FRRN A on Cityscapes at 256×512, from scratch, 45,000 steps of 3 images',
  model: { name: 'frrn-a', options: {} },
}

/** Twice that resolution, "in a similar fashion" [P], in the two blocks' memory or more. */
export const frrnB: RecipeFile = {
  ...paper,
  name: 'frrn-b',
  summary: 'FRRN B on Cityscapes at 512×1024, from scratch, 45,000 steps of 3 images',
  data: { formats: ['cityscapes'], size: [512, 1024] },
  augmentation: [
    { name: 'translate', pixels: 60 },
    { name: 'gamma', range: 0.05 },
  ],
  model: { name: 'frrn-b', options: {} },
}

/** What FRRN A is compared with, trained in the same way [P]. */
export const frrnBaseline: RecipeFile = {
  ...paper,
  ...quarter,
  name: 'frrn-baseline',
  summary: 'the ResNet with long skips that FRRN A is compared with, trained as it is',
  model: { name: 'frrn-baseline', options: {} },
}
/** As the released code trains it: the rate falls for ever, and images are turned and coloured too [C]. */
export const frrnACode: RecipeFile = {
  ...paper,
  ...quarter,
  name: 'frrn-a-code',
  summary: 'FRRN A as its released code trains it: other schedule, more augmentation',
  source: 'Pohlen et al. 2017, released code',
  model: { name: 'frrn-a', options: {} },
  rate: [{ lr: 1e-3, steps: 45_000, schedule: 'step', every: 5000, factor: 0.8, floor: 5e-5 }],
  augmentation: [
    ...quarter.augmentation,
    { name: 'rotate', degrees: 10 },
    { name: 'saturation', range: [0.5, 1.5] },
    { name: 'hue', degrees: 30 },
  ],
}
