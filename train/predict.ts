// From images to class masks: padding to what the network's strides divide, scores of a coarser grid enlarged and the
// likeliest class chosen on the device, padding cut off again.

import type { Device } from '../engine/device.ts'
import type { DeviceTensor } from '../engine/device-tensor.ts'
import { isWholes } from '../engine/dtype.ts'
import { ShapeError } from '../engine/errors.ts'
import { hostTensor } from '../engine/ops/source.ts'
import { type Network, needPixelScores } from '../models/network.ts'
import { scoresOnImage } from '../nn/grid.ts'
import { predict } from '../nn/losses.ts'
import { crop, fillBeyond, padReflect, roundUp } from './pad.ts'
import type { Picture } from './picture.ts'

/** A model compiled for prediction; one plan per image size, and no new kernels for a new size. */
export class Predictor {
  readonly model: Network
  readonly #program

  /** Throws OptionError for a model that does not score the classes of pixels. */
  constructor(device: Device, model: Network) {
    needPixelScores(model, 'a class mask')
    this.model = model
    this.#program = device.compile((image) => {
      const [, h, w] = image.shape
      const scores = model.apply(image, { train: false })
      return predict(scoresOnImage(scores, [h, w], model.scoreStride))
    })
  }

  /** Classes u8 [n, h, w] of images f32 [n, h, w, 3] in [0, 1], whose sizes the model accepts; they stay on the device. */
  batch(image: Float32Array, n: number, height: number, width: number): Promise<DeviceTensor> {
    return this.#program.run(hostTensor(image, [n, height, width, 3]))
  }

  /** The class of each pixel, [height, width], of a picture of any size, padded as the model says. Throws ShapeError for a
   * picture without pixels, or of another number of values than its size says. */
  async picture({ data, height, width }: Picture): Promise<Uint8Array> {
    if (!isWholes([height, width], 1) || data.length !== 3 * height * width)
      throw new ShapeError(
        'Predictor',
        `a picture of ${height}×${width} cannot hold ${data.length} values`,
        [],
        '',
        'it is RGB, [height, width, 3], of at least one pixel',
      )
    const { sizeMultiple, padding } = this.model
    const [h, w] = [roundUp(height, sizeMultiple), roundUp(width, sizeMultiple)]
    const image = Float32Array.from(padReflect(data, height, width, 3, h, w), (v) => v / 255)
    if (padding !== 'reflection') fillBeyond(image, height, width, w, padding)
    using classes = await this.batch(image, 1, h, w)
    return crop((await classes.read()) as Uint8Array, w, 1, height, width)
  }

  dispose(): void {
    this.#program.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
