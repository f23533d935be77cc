// The data of each row, the same in every engine's process.

import { product, uniform } from './engine.ts'
import { outputSize, type Spec } from './rows.ts'

export interface Input {
  readonly shape: readonly number[]
  readonly values: Float32Array<ArrayBuffer>
}

const input = (shape: readonly number[], seed: number, scale = 1): Input => {
  const values = uniform(product(shape), seed)
  if (scale !== 1) for (let i = 0; i < values.length; i++) values[i] *= scale
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
  }
}
