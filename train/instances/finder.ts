// The whole of "From categories to instances" (Wu, Shen and van den Hengel 2016b): two networks and the pipeline, from a picture to
// its instances.

import type { Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { OptionError } from '../../engine/errors.ts'
import { cast, div, hostTensor, type Tensor } from '../../engine/index.ts'
import type { Pair } from '../../engine/ops/options.ts'
import type { Network } from '../../models/network.ts'
import type { Picture } from '../pictures/picture.ts'
import { sizesOf } from '../predict/geometry.ts'
import { resizedPicture } from '../predict/look.ts'
import { Predictor, type PredictorOptions } from '../predict.ts'
import type { LossConfig } from '../recipes/loss.ts'
import type { TestSize, TestTime } from '../test-time.ts'
import { boxOffset, needBoxes, sigmaOf } from './boxes-loss.ts'
import type { BoxGrid } from './cast.ts'
import type { FoundInstance } from './found.ts'
import type { InstanceOptions } from './options.ts'
import { InstancePipeline } from './pipeline.ts'

export interface FinderOptions {
  readonly instances?: InstanceOptions
  /** The test-time procedure of the category net. */
  readonly test?: TestTime
  /** The pixel that a cell of the category net stands for: see `PredictorOptions`. */
  readonly offset?: PredictorOptions['offset']
  /** The size at which the localization net sees pictures; default their own. */
  readonly resize?: TestSize | undefined
  /** The loss that the localization net was trained with, which says in which units and for which pixels its boxes are. */
  readonly loss?: Partial<LossConfig> | undefined
}

export class InstanceFinder {
  readonly pipeline: InstancePipeline
  readonly predictor: Predictor
  readonly localization: Network
  readonly #resize: TestSize | undefined
  readonly #loss: Partial<LossConfig> | undefined
  readonly #boxes: Program<Tensor>

  /** Throws OptionError for networks of other classes or purposes, and for options that say nothing. */
  constructor(
    device: Device,
    semantic: Network | readonly Network[],
    localization: Network,
    { instances, test, offset, resize, loss }: FinderOptions = {},
  ) {
    checkPair(semantic, localization)
    this.pipeline = new InstancePipeline(device, instances)
    this.localization = localization
    this.#resize = resize
    this.#loss = loss
    this.predictor = new Predictor(device, semantic, test, { offset })
    this.#boxes = device.compile((bytes: Tensor, size: string) => {
      const image = div(cast(resizedPicture(bytes, JSON.parse(size) as Pair), 'f32'), 255)
      return localization.apply(image, { train: false })
    })
  }

  /** The instances of a picture, the most confident first. Throws as `Predictor.example` does. */
  async find(picture: Picture): Promise<FoundInstance[]> {
    using probabilities = await this.predictor.refined(picture)
    return await this.findWith(probabilities, picture)
  }

  /** The same with other probabilities than those of the category net: f32 [1, height, width, classes + 1]. */
  async findWith(
    probabilities: DeviceTensor | ReturnType<typeof hostTensor>,
    picture: Picture,
  ): Promise<FoundInstance[]> {
    using boxes = await this.boxes(picture)
    return await this.pipeline.run(probabilities, boxes, this.gridOf(picture))
  }

  /** What the localization net predicts of a picture. */
  boxes(picture: Picture): Promise<DeviceTensor> {
    const { data, height, width } = picture
    const bytes = hostTensor(data, [1, height, width, 3])
    return this.#boxes.run(bytes, JSON.stringify(this.#sizeOf(picture)))
  }

  gridOf(picture: Picture): BoxGrid {
    const stride = this.localization.scoreStride
    const [offset, sigma] = [boxOffset(this.#loss, stride), sigmaOf(this.#loss)]
    return { stride, offset, sigma, size: this.#sizeOf(picture) }
  }

  #sizeOf({ height, width }: Picture): Pair {
    const resize = this.#resize && { resize: this.#resize }
    return sizesOf(resize ?? {}, [height, width])[0]
  }

  dispose(): void {
    this.#boxes.dispose()
    this.predictor.dispose()
    this.pipeline.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Throws OptionError for a localization net that has not boxes of the classes that the category net tells apart from background. */
export function checkPair(semantic: Network | readonly Network[], localization: Network): void {
  needBoxes(localization, 'finding instances')
  const [first] = [semantic].flat() as Network[]
  if (first && first.classes !== localization.classes + 1)
    throw new OptionError(
      `${first.config.name} tells ${first.classes} classes apart and ${localization.config.name} has boxes of ${localization.classes}`,
      'take two networks of one data set: boxes are of each class but background',
    )
}
