// What each step of augmentation costs on one core: processor time for an image, median of some, and the pixels per second of what
// goes in and of what comes out.
//
//   node dist/bench/augment.js [--size 512x1024] [--runs 9] [--only gamma]

import { type AugmentStep, augment, checkSteps } from '../train/augment/index.ts'
import type { Example } from '../train/dataset.ts'
import { Random } from '../train/random.ts'
import { given, named, sizes, text, whole } from './options.ts'

const { values } = given({
  size: sizes('HxW', [512, 1024]),
  runs: whole(9),
  only: text(undefined),
})
const {
  runs,
  size: [height, width],
} = values

/** Smooth, as pictures are, with labels in blocks. */
function picture(height: number, width: number): Example {
  const random = new Random(1)
  const image = new Uint8Array(3 * height * width)
  const labels = new Uint8Array(height * width)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      labels[i] = ((y >> 6) * 7 + (x >> 5)) % 19
      for (let c = 0; c < 3; c++)
        image[3 * i + c] = 128 + 90 * Math.sin((y + 2 * x * c) / 40) + random.int(-20, 20)
    }
  return { name: 'bench', image, labels, height, width }
}

const translate = { name: 'translate', pixels: 60 } as const
const gamma = { name: 'gamma', range: 0.05 } as const
const flip = { name: 'flip' } as const
const all = { chance: 1 } as const

/** Each with the size that it is used at; those that compute with numbers come after one that makes numbers. */
const cases: readonly (readonly [what: string, size: readonly number[], steps: AugmentStep[]])[] = [
  ['bytes to numbers', [height, width], []],
  ['translate', [height, width], [translate]],
  ['gamma', [height, width], [gamma]],
  ['FRRN: translate, gamma', [height, width], [translate, gamma]],
  ['flip', [height, width], [{ ...flip, ...all }]],
  ['rotate', [height, width], [{ name: 'rotate', degrees: 10 }]],
  ['saturation', [height, width], [{ name: 'saturation', range: [0.5, 1.5] }]],
  ['hue', [height, width], [{ name: 'hue', degrees: 30 }]],
  ['gamma after rotate', [height, width], [{ name: 'rotate', degrees: 10 }, gamma]],
  ['subsample 2', [2 * height, 2 * width], [{ name: 'subsample', factor: 2 }]],
  ['subsample 4', [2 * height, 2 * width], [{ name: 'subsample', factor: 4 }]],
  [
    "FRRN's code, from 1024x2048",
    [2 * height, 2 * width],
    [
      { name: 'translate', pixels: 120 },
      { name: 'subsample', factor: 2 },
      gamma,
      { name: 'rotate', degrees: 10 },
      { name: 'saturation', range: [0.5, 1.5] },
      { name: 'hue', degrees: 30 },
    ],
  ],
  ['resize 0.7', [height, width], [{ name: 'resize', longer: Math.round(0.7 * width) }]],
  ['resize 1.3', [height, width], [{ name: 'resize', longer: Math.round(1.3 * width) }]],
  [
    'Wu, VOC: resize, crop 504, flip',
    [375, 500],
    [{ name: 'resize', longer: 500, range: [0.7, 1.3] }, { name: 'crop', size: [504, 504] }, flip],
  ],
  [
    'Wu, Cityscapes: the same of 2048',
    [1024, 2048],
    [{ name: 'resize', longer: 2048, range: [0.7, 1.3] }, { name: 'crop', size: [504, 504] }, flip],
  ],
  ['GCN: pad 512, flip', [375, 500], [{ name: 'pad', size: [512, 512] }, flip]],
  ['GCN: crop 800, flip', [1024, 2048], [{ name: 'crop', size: [800, 800] }, flip]],
  ['crop 512 by entropy', [1024, 2048], [{ name: 'crop', size: [512, 512], at: 'entropy' }]],
  ['ImageNet: sized crop 224', [375, 500], [{ name: 'sizedCrop', size: [224, 224] }]],
  ['colour jitter', [height, width], [{ name: 'colourJitter' }]],
  ['lighting', [height, width], [{ name: 'lighting' }]],
  [
    'ImageNet: all of it',
    [375, 500],
    [{ name: 'sizedCrop', size: [224, 224] }, flip, { name: 'colourJitter' }, { name: 'lighting' }],
  ],
]
const chosen = named(cases, values.only, ([what]) => what)

console.log(`node ${process.version}; processor time of one image, median of ${runs}`)
console.log(
  `${'steps'.padEnd(34)}${['size', 'ms', 'Mpix/s in', 'Mpix/s out'].map((s) => s.padStart(12)).join('')}`,
)
for (const [what, [h, w], list] of chosen) {
  const steps = checkSteps(list)
  const example = picture(h, w)
  const times: number[] = []
  let pixels = 0
  for (let run = 0; run < runs + 3; run++) {
    const before = process.cpuUsage()
    const out = augment(example, steps, [run])
    const { user, system } = process.cpuUsage(before)
    pixels = out.height * out.width
    if (run >= 3) times.push((user + system) / 1000)
  }
  const ms = times.sort((a, b) => a - b)[Math.floor(runs / 2)]
  const figures = [`${h}x${w}`, ms.toFixed(2), (h * w) / ms / 1000, pixels / ms / 1000]
  const cells = figures.map((v) => (typeof v === 'number' ? v.toFixed(0) : v).padStart(12))
  console.log(`${what.padEnd(34)}${cells.join('')}`)
}
