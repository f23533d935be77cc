// From class probabilities and predicted boxes to instances: steps 3 to 6 of the pipeline of Wu, Shen and van den Hengel (2016b).
//
// On the device: probabilities at the cells, the best classes of each, the boxes that they cast, sorting, non-maximum
// suppression. The host reads who suppressed whom and draws the regions.
//
// Memory: about 100 bytes an entry, of which a cell has n(n + 1)/2: 40 MB for 500×500 pixels, 3 masks and a cell each 2 pixels.

import type { Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { ShapeError } from '../../engine/errors.ts'
import { type HostTensor, hostTensor, showType, type Tensor } from '../../engine/index.ts'
import { type BoxGrid, type Cast, type CastSpec, castBoxes, pixelsOf, pixelsSeen } from './cast.ts'
import { FoundInstance } from './found.ts'
import { type InstanceOptions, type InstanceSettings, instanceSettings } from './options.ts'
import { type CastValues, regionsOf } from './regions.ts'

type Given = HostTensor | DeviceTensor

export class InstancePipeline {
  readonly settings: InstanceSettings
  readonly #program: Program<Cast & Record<string, Tensor>>

  /** Throws OptionError for options that say nothing. */
  constructor(device: Device, options: InstanceOptions = {}) {
    this.settings = instanceSettings(options)
    this.#program = device.compile(
      (p, boxes, rows, columns, seenRows, seenColumns, spec: string) => ({
        ...castBoxes(
          p,
          boxes,
          [rows, columns],
          [seenRows, seenColumns],
          JSON.parse(spec) as CastSpec,
        ),
      }),
    )
  }

  /** The instances of a picture, the most confident first, from probabilities f32 [1, h, w, classes + 1] at its pixels, of background
   * and each class of objects, and the prediction f32 [1, h', w', 4·classes] of a localization net. Equal arguments give equal
   * instances. Throws ShapeError where the two do not belong together. */
  async run(probabilities: Given, prediction: Given, grid: BoxGrid): Promise<FoundInstance[]> {
    check(probabilities, prediction)
    const [, height, width, channels] = probabilities.shape
    const { step, masks } = this.settings
    const [rows, columns] = [height, width].map((n) => pixelsOf(n, step))
    const picture = [height, width] as const
    const { size = picture } = grid
    const seen = [0, 1].map((a) =>
      pixelsSeen(prediction.shape[1 + a], grid, { pixels: picture[a], seen: size[a] }),
    )
    const spec = { settings: this.settings, grid, picture } satisfies CastSpec
    const cast = await this.#program.run(
      probabilities,
      prediction,
      ...[rows, columns, ...seen].map((of) => hostTensor(of, [of.length])),
      JSON.stringify(spec),
    )
    const values = await read(cast)
    const cells = rows.length * columns.length
    const regions = regionsOf(values, cells, Math.min(masks, channels), this.settings)
    return regions.map((region) => new FoundInstance(region, height, width, step))
  }

  dispose(): void {
    this.#program.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

async function read(cast: Record<keyof Cast, DeviceTensor>): Promise<CastValues> {
  const of = async (tensor: DeviceTensor) => {
    using owned = tensor
    return await owned.read()
  }
  const [order, scores, by, firsts] = await Promise.all(
    [cast.order, cast.scores, cast.by, cast.firsts].map(of),
  )
  return { order, scores, by, firsts } as unknown as CastValues
}

function check(probabilities: Given, prediction: Given): void {
  const [, , , channels] = probabilities.shape
  const fits = [probabilities, prediction].every(
    ({ dtype, shape }) =>
      dtype === 'f32' && shape.length === 4 && shape[0] === 1 && !shape.includes(0),
  )
  if (fits && channels >= 2 && prediction.shape[3] === 4 * (channels - 1)) return
  throw new ShapeError(
    'instances',
    'probabilities of n + 1 classes and boxes of n, of one picture, are needed',
    [probabilities, prediction].map(showType),
    '',
    'the category net knows background and each class that the localization net has boxes of',
  )
}
