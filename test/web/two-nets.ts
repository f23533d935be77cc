// Two networks whose answer is known: the category net gives each pixel the same probabilities, the localization net says that
// each pixel is the middle of a box. What is found is then the work of the pipeline alone, and the same on every adapter.

import { buildModel, type ModelConfig } from '../../models/index.ts'
import { encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { CROWD_CLASSES } from '../../train/scenes/crowd.ts'
import { testDevice } from '../device.ts'

export const SCENE = [32, 48] as const

const options = { width: 4, outputStride: 4, kernel: 3, dilation: 2 }
const SIGMA = 16

/** A checkpoint's bytes, of a network that says `bias` of every pixel. */
async function saying(config: ModelConfig, bias: readonly number[], classes: readonly ClassInfo[]) {
  const device = await testDevice()
  const model = buildModel(config)
  for (const [name, variable] of model.stateDict()) {
    const { length } = variable.shape
    if (name === 'head.classifier.weight')
      device.write(variable, new Float32Array(variable.shape.reduce((a, b) => a * b)))
    else if (name === 'head.classifier.bias' && length === 1)
      device.write(variable, Float32Array.from(bias))
  }
  const recipe = { loss: { name: 'boxes', sigma: SIGMA }, data: { kind: 'crowd' } }
  const { bytes } = await encodeCheckpoint(device, model, undefined, {
    ...{ classes, recipe, size: SCENE, progress: { step: 7, seconds: 1 } },
  })
  return Buffer.from(bytes)
}

/** Logarithms of probabilities. */
const scores = (shares: readonly number[]) => shares.map(Math.log)

export const categoryNet = (
  shares: readonly number[] = [0.2, 0.7, 0.1],
  classes: readonly ClassInfo[] = CROWD_CLASSES,
) =>
  saying(
    { name: 'fcrn-18', options: { ...options, classes: shares.length } },
    scores(shares),
    classes,
  )

/** Boxes of 24 × 20 pixels of the first class of objects, of 18 × 30 of the second. */
export const boxesNet = (classes: readonly ClassInfo[] = CROWD_CLASSES) =>
  saying(
    { name: 'localization-18', options: { ...options, classes: 2 } },
    [0, 0, 24, 20, 0, 0, 18, 30].map((v) => v / SIGMA),
    classes,
  )
