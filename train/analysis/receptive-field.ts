// The valid receptive field of a score (Peng et al. 2017, figure 3): which pixels it really depends on, and how much. A
// network's theoretical field says only which pixels it could see.

import type { Device } from '../../engine/device.ts'
import { NonFiniteError, OptionError } from '../../engine/errors.ts'
import { grad } from '../../engine/grad.ts'
import { abs } from '../../engine/ops/arithmetic.ts'
import { optionsOf } from '../../engine/ops/options.ts'
import { max, sum } from '../../engine/ops/reduce.ts'
import { reshape, slice } from '../../engine/ops/shape.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Network } from '../../models/network.ts'
import { type Batch, checkPixels } from '../loader/batch.ts'

export interface FieldOptions {
  /** Row and column of the score, in the grid of scores; default `centre`, which is ⌊rows/2⌋, ⌊columns/2⌋. A network that
   * scores images as a whole has no other. */
  readonly at?: 'centre' | Cell
  /** Which score: `likeliest` (default), in each image the largest there, since it decides what is seen; the score of one
   * class; or the `sum` of all, which a softmax, and so training, takes no notice of. */
  readonly channel?: 'likeliest' | 'sum' | number
  /** Gets the number of images done after each batch. */
  readonly onProgress?: (done: number, of: number) => void
}

/** Where a share of the field is. */
export interface FieldShare {
  readonly share: number
  /** Side of the smallest square around the score's pixel, 2r + 1, that holds the share; what lies beyond the image's
   * border counts in it, but holds nothing. */
  readonly side: number
  /** Number of pixels that hold the share, the strongest first. */
  readonly area: number
}

export interface ValidField {
  /** Mean over the images of Σ over colours |∂ score / ∂ pixel|, f32 [height, width]. */
  readonly field: Float32Array
  readonly height: number
  readonly width: number
  /** The pixel on which the score's cell is centred: the cell's row and column times `scoreStride`. The image's middle
   * where whole images are scored. */
  readonly pixel: readonly [y: number, x: number]
  readonly images: number
  /** Rows and columns of the smallest box that holds all pixels with a gradient; 0 × 0 where there is none. */
  readonly support: readonly [rows: number, columns: number]
  /** Of 50, 90, 95 and 99 % of the field; empty where it is 0 everywhere. */
  readonly shares: readonly FieldShare[]
}

const defaults = {
  ...{ at: 'centre' as const, channel: 'likeliest' as const },
  onProgress: undefined,
}
const shares = [0.5, 0.9, 0.95, 0.99]

/** Measures the field of one score over batches of images f32 [n, height, width, 3], RGB in [0, 1], of one size; batch norm
 * uses its running averages, since by those of a batch every score depends on every pixel.
 * Throws OptionError where there are no images or of several sizes, and for a place or class that has no score;
 * NonFiniteError where an image or the gradient is not finite. */
export async function validReceptiveField(
  device: Device,
  model: Network,
  batches: readonly Pick<Batch, 'image' | 'height' | 'width'>[],
  options: FieldOptions = {},
): Promise<ValidField> {
  const given = optionsOf('validReceptiveField', options, defaults)
  const [first] = batches
  if (!first) throw new OptionError('a receptive field is measured on at least one image; got none')
  const { height, width } = first
  if (batches.some((b) => b.height !== height || b.width !== width))
    throw new OptionError('images differ in size', 'bring them to one size')
  checkPixels(batches)
  const countOf = ({ image }: { image: Float32Array }) => image.length / (3 * height * width)
  const images = batches.reduce((n, b) => n + countOf(b), 0)

  const cell = cellOf(model, height, width, given.at)
  const stride = model.scoreStride
  const pixel = cell
    ? ([cell[0] * stride, cell[1] * stride] as const)
    : ([height >> 1, width >> 1] as const)

  using program = device.compile((image: Tensor) => {
    const scores = model.apply(image, { train: false })
    const score = scoreOf(model.config.name, cell ? at(scores, cell) : scores, given.channel)
    return sum(abs(grad(score, [image])[0]), [0, 3])
  })
  const total = new Float64Array(height * width)
  let done = 0
  for (const batch of batches) {
    const n = countOf(batch)
    using result = await program.run(hostTensor(batch.image, [n, height, width, 3]))
    const field = await result.read()
    for (let i = 0; i < total.length; i++) total[i] += field[i]
    done += n
    given.onProgress?.(done, images)
  }
  const field = Float32Array.from(total, (v) => v / images)
  if (!field.every(Number.isFinite))
    throw new NonFiniteError(
      `a gradient of ${model.config.name} at the image is not finite`,
      'its scores or weights are not, or leave what f32 holds',
    )
  return { field, height, width, pixel, images, ...numbersOf(field, width, pixel) }
}

type Cell = readonly [row: number, column: number]

/** The cell of the grid of scores; undefined where there is no grid. */
function cellOf(
  { config, scoreStride }: Network,
  height: number,
  width: number,
  at: 'centre' | Cell,
): Cell | undefined {
  if (!scoreStride) {
    if (at === 'centre') return undefined
    throw new OptionError(
      `${config.name} scores images as a whole`,
      'leave the place of the score out',
    )
  }
  const [rows, columns] = [height, width].map((size) => Math.ceil(size / scoreStride))
  const [y, x] = at === 'centre' ? [rows >> 1, columns >> 1] : [at].flat()
  const inside = (v: number, size: number) => Number.isInteger(v) && v >= 0 && v < size
  if (inside(y, rows) && inside(x, columns)) return [y, x]
  throw new OptionError(
    `${config.name} has no score at row ${y}, column ${x}`,
    `images of ${height}×${width} have ${rows} rows and ${columns} columns of scores, from 0`,
  )
}

/** The scores of one cell of [n, rows, columns, classes], as [n, classes]. */
function at(scores: Tensor, [y, x]: Cell): Tensor {
  const [n, , , classes] = scores.shape
  return reshape(slice(scores, [0, y, x], [n, y + 1, x + 1]), [n, classes])
}

/** Of scores [n, classes], the one that is asked for, summed over the images. */
function scoreOf(name: string, scores: Tensor, channel: Required<FieldOptions>['channel']): Tensor {
  if (channel === 'likeliest') return sum(max(scores, [1]))
  if (channel === 'sum') return sum(scores)
  const [n, classes] = scores.shape
  if (Number.isInteger(channel) && channel >= 0 && channel < classes)
    return sum(slice(scores, [0, channel], [n, channel + 1]))
  throw new OptionError(
    `${name} has no score of class ${channel}`,
    `use 0 to ${classes - 1}, 'likeliest' or 'sum'`,
  )
}

/** How far a field reaches from a pixel, and in how few pixels most of it is. */
function numbersOf(
  field: Float32Array,
  width: number,
  [y, x]: readonly [number, number],
): Pick<ValidField, 'support' | 'shares'> {
  const height = field.length / width
  const rings = new Float64Array(Math.max(height, width))
  const [rows, columns] = [new Set<number>(), new Set<number>()]
  field.forEach((value, i) => {
    if (value === 0) return
    const [row, column] = [Math.floor(i / width), i % width]
    rings[Math.max(Math.abs(row - y), Math.abs(column - x))] += value
    rows.add(row)
    columns.add(column)
  })
  const strongest = Float64Array.from(field).sort().reverse()
  return {
    support: [extent(rows), extent(columns)],
    shares: rows.size
      ? shares.map((share) => ({
          share,
          side: 2 * firstTo(share, rings) - 1,
          area: firstTo(share, strongest),
        }))
      : [],
  }
}

const extent = (places: ReadonlySet<number>): number =>
  places.size && Math.max(...places) - Math.min(...places) + 1

/** How many of the first parts hold this share of all. */
function firstTo(share: number, parts: Float64Array): number {
  const enough = share * parts.reduce((a, b) => a + b, 0)
  let held = 0
  let count = 0
  while (held < enough && count < parts.length) held += parts[count++]
  return count
}
