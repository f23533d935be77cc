// The data of each row, the same in every engine's process.

import { product, uniform } from './engine.ts'
import { type Depth, parametersOf } from './network.ts'
import { outputSize, type Spec } from './rows.ts'

export interface Input {
  readonly shape: readonly number[]
  readonly values: Float32Array<ArrayBuffer>
}

/** Numbers in [around − scale, around + scale). */
function input(shape: readonly number[], seed: number, scale = 1, around = 0): Input {
  const values = uniform(product(shape), seed)
  for (let i = 0; i < values.length; i++) values[i] = values[i] * scale + around
  return { shape, values }
}

/** Operands in the order in which they are written, then the cotangent of the result. */
export function inputsOf(spec: Spec): Input[] {
  switch (spec.kind) {
    case 'conv': {
      const { x, kernel, outputs } = spec
      return [
        input(x, 1),
        input([kernel, kernel, x[3], outputs], 2, 1 / Math.sqrt(kernel * kernel * x[3])),
        input([x[0], ...outputSize(spec), outputs], 3),
      ]
    }
    case 'matmul': {
      const shape = [spec.size, spec.size]
      return [input(shape, 1), input(shape, 2, 1 / Math.sqrt(spec.size)), input(shape, 3)]
    }
    case 'batchNorm': {
      const channels = [spec.x[3]]
      const scaleAndShift = [input(channels, 2, 0.5, 1), input(channels, 3)]
      return [input(spec.x, 1, 2, 3), ...scaleAndShift, input(spec.x, 4)]
    }
    case 'maxPool':
      return [input(spec.x, 1), input([spec.x[0], ...outputSize(spec), spec.x[3]], 2)]
    case 'repeat':
    case 'bilinear': {
      const { x, factor } = spec
      return [input(x, 1), input([x[0], x[1] * factor, x[2] * factor, x[3]], 2)]
    }
    case 'crossEntropy':
      return [input([spec.pixels, spec.classes], 1, 3)]
    case 'topK':
      return [input([spec.size], 1)]
    case 'forward':
    case 'step':
      return [input(spec.x, 1)]
  }
}

/** Classes of pixels or images. */
export function labelsOf(count: number, classes: number): Int32Array<ArrayBuffer> {
  return Int32Array.from(uniform(count, 7), (u) => Math.floor(((u + 1) / 2) * classes))
}

/** The values with which all engines start. */
export function startOf(depth: Depth, classes: number): Map<string, Input> {
  let seed = 100
  return parametersOf(depth, classes, (shape, scale, around) => input(shape, seed++, scale, around))
}

/** SGD's settings in the training step. */
export const training = { rate: 0.01, momentum: 0.9 } as const

/** What `read` gives of a training step: the losses of the first two steps, and these parameters after them. */
export const watched = ['backbone.conv1.weight', 'backbone.layer4.1.bn2.bias', 'fc.weight'] as const
