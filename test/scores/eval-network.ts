// A network that says what it is shown: the class of a pixel is its red value. So a test decides what is predicted.

import { constant, mul, neg, slice, square, sub, type Tensor } from '../../engine/index.ts'
import type { ModelConfig } from '../../models/network.ts'
import { Network } from '../../models/network.ts'
import type { ClassInfo, Dataset, Example } from '../../train/dataset.ts'

export class RedNetwork extends Network {
  readonly config: ModelConfig = { name: 'red', options: {} }
  readonly classes: number
  readonly sizeMultiple: number
  readonly scoreStride = 1

  constructor(classes: number, sizeMultiple = 1) {
    super()
    this.classes = classes
    this.sizeMultiple = sizeMultiple
  }

  protected forward(image: Tensor): Tensor {
    const [n, h, w] = image.shape
    const kinds = constant(Float32Array.from({ length: this.classes }, (_, k) => k))
    const red = mul(slice(image, [0, 0, 0, 0], [n, h, w, 1]), 255)
    return neg(square(sub(red, kinds)))
  }
}

/** An example that `RedNetwork` answers with `guess`. */
export function shownAs(
  name: string,
  [height, width]: readonly [number, number],
  labels: Uint8Array,
  guess: Uint8Array,
  instances?: Uint16Array,
): Example {
  const image = new Uint8Array(3 * guess.length)
  guess.forEach((k, i) => {
    image[3 * i] = k
  })
  return { name, image, labels, height, width, ...(instances && { instances }) }
}

export function datasetOf(
  name: string,
  classes: readonly ClassInfo[],
  examples: readonly Example[],
): Dataset {
  const get = async (i: number) => examples[i]
  return { name, split: 'val', classes, ignore: 255, size: examples.length, get }
}
