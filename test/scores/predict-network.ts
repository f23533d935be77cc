// One convolution as a network, for tests of what is done around networks; and the whole test-time procedure by the letter: one
// look after another in float64 on the host, every pixel by its formula.

import type { HostTensor, Tensor } from '../../engine/index.ts'
import { constant, conv2d, resizeBicubic, slice, sub } from '../../engine/index.ts'
import { drawDirection, randomFrom } from '../../engine/reference/index.ts'
import type { ImagePadding } from '../../models/input.ts'
import { Network } from '../../models/network.ts'
import { reflect } from '../../train/pictures/pad.ts'
import type { Picture } from '../../train/pictures/picture.ts'
import { paddedSize, sizesOf, windowsOf } from '../../train/predict/geometry.ts'
import type { TestTime } from '../../train/test-time.ts'
import { valuesOf } from '../models/drawn.ts'

export interface TinyOptions {
  readonly kernel?: number
  readonly stride?: number
  readonly classes?: number
  /** The kernel mirrored, left to right, is itself. */
  readonly symmetric?: boolean
  readonly multiple?: number
  readonly padding?: ImagePadding
  readonly seed?: number
  /** Cell (i, j) scores the single pixel (s·i + s/2, s·j + s/2), of images whose size s divides. */
  readonly middle?: boolean
}

export class TinyNetwork extends Network {
  readonly config
  readonly classes: number
  readonly sizeMultiple: number
  override readonly padding: ImagePadding
  readonly scoreStride: number
  readonly #options: TinyOptions
  readonly #weights: Float32Array

  constructor(options: TinyOptions = {}) {
    super()
    const { kernel = 1, stride = 1, classes = 3, symmetric, multiple = 1, seed = 1 } = options
    this.config = { name: 'tiny', options: { ...options } }
    this.classes = classes
    this.sizeMultiple = multiple
    this.padding = options.padding ?? 'reflection'
    this.scoreStride = stride
    this.#options = { ...options, kernel }
    const row = 3 * classes
    const drawn = drawDirection(kernel * kernel * row, randomFrom(seed))
    this.#weights = Float32Array.from(drawn, (v, i) => {
      const [tap, rest] = [Math.floor(i / row), i % row]
      const [y, x] = [Math.floor(tap / kernel), tap % kernel]
      const other = drawn[(y * kernel + kernel - 1 - x) * row + rest]
      return 5 * (symmetric ? v + other : v)
    })
  }

  protected forward(image: Tensor): Tensor {
    const { kernel: k = 1, middle } = this.#options
    const s = this.scoreStride
    const weights = constant(this.#weights, [k, k, 3, this.classes])
    const x = sub(image, 0.5)
    if (middle) return conv2d(slice(x, [0, s / 2, s / 2], [], [1, s, s]), weights)
    return conv2d(x, weights, { stride: s, padding: (k - 1) / 2 })
  }
}

/** A picture whose pixels have nothing to do with each other. */
export function drawnPicture(height: number, width: number, seed = 5): Picture {
  const random = randomFrom(seed)
  const data = Uint8Array.from({ length: 3 * height * width }, () => Math.floor(256 * random()))
  return { data, height, width }
}

/** Values [height, width, channels]. */
interface Map64 {
  readonly data: Float64Array
  readonly size: readonly [height: number, width: number]
  readonly channels: number
}

const mapOf = (
  [h, w]: readonly [number, number],
  channels: number,
  at: (y: number, x: number, c: number) => number,
): Map64 => {
  const data = new Float64Array(h * w * channels)
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let c = 0; c < channels; c++) data[(y * w + x) * channels + c] = at(y, x, c)
  return { data, size: [h, w], channels }
}

const value = ({ data, size, channels }: Map64, y: number, x: number, c: number): number =>
  data[(y * size[1] + x) * channels + c]

/** Keys' cubic with a = −½. */
const cubic = (t: number): number =>
  t <= 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? -0.5 * (((t - 5) * t + 8) * t - 4) : 0

/** At `position(dst)` along both axes, between the pixels around it. Bilinearly the outermost stand for those beyond the edge;
 * bicubically so many of these before and after it, and no others count, and where pixels are far apart, by `apart`, the cubic is as
 * wide. */
function sampled(
  map: Map64,
  size: readonly [number, number],
  kind: 'bilinear' | 'bicubic',
  position: (dst: number, axis: 0 | 1) => number,
  { beyond = [0, 0], apart = [1, 1] } = {},
): Map64 {
  const taps = (dst: number, axis: 0 | 1): [at: number, weight: number][] => {
    const at = position(dst, axis)
    const count = map.size[axis]
    const inside = (i: number) => Math.min(Math.max(i, 0), count - 1)
    const first = Math.floor(at)
    if (kind === 'bilinear')
      return [0, 1].map((k) => [inside(first + k), 1 - Math.abs(first + k - at)])
    const wide = Math.max(1, apart[axis])
    const all = Array.from({ length: beyond[0] + count + beyond[1] }, (_, i) => i - beyond[0])
    const weights = all.map((i) => cubic(Math.abs(i - at) / wide))
    const sum = weights.reduce((a, b) => a + b)
    return all.map((i, k) => [inside(i), weights[k] / sum])
  }
  return mapOf(size, map.channels, (y, x, c) => {
    let sum = 0
    for (const [i, u] of taps(y, 0))
      for (const [j, v] of taps(x, 1)) sum += u * v * value(map, i, j, c)
    return sum
  })
}

function softmaxed(map: Map64): Map64 {
  return mapOf(map.size, map.channels, (y, x, c) => {
    let sum = 0
    for (let k = 0; k < map.channels; k++)
      sum += Math.exp(value(map, y, x, k) - value(map, y, x, c))
    return 1 / sum
  })
}

const host = ({ data, size, channels }: Map64): HostTensor => ({
  dtype: 'f32',
  shape: [1, ...size, channels],
  data: Float32Array.from(data),
})

/** Probabilities [height, width, classes] of a picture, by the whole procedure but for shifted passes and the CRF; with `offset` a score
 * stands for that row and column of its cell, not for the middle one. */
export function byTheLetter(
  networks: readonly Network[],
  { data, height, width }: Picture,
  test: TestTime,
  offset?: number,
): Float64Array {
  const kind = test.upsample ?? 'bilinear'
  const classes = networks[0].classes
  const total = new Float64Array(height * width * classes)
  let looks = 0
  const picture = mapOf([height, width], 3, (y, x, c) => data[3 * (y * width + x) + c])
  for (const size of sizesOf(test, [height, width])) {
    const resize = (x: Tensor) => [resizeBicubic(x, size)]
    const [bytes] = valuesOf(resize, [host(picture)], new Map())
    const pixels = bytes.map((v) => {
      // What is rounded must not depend on the last bits of f32.
      if (Math.abs((v % 1) - 0.5) < 2e-4) throw new Error(`${v} is half way: draw another picture`)
      return Math.min(Math.max(Math.round(v), 0), 255) / 255
    })
    const image = { data: pixels, size, channels: 3 }
    for (const network of networks)
      for (const mirrored of test.flip ? [false, true] : [false]) {
        const seen = looked(network, image, test, mirrored, offset)
        const same = size[0] === height && size[1] === width
        const position = (dst: number, a: 0 | 1) => ((dst + 0.5) * size[a]) / picture.size[a] - 0.5
        const apart = size.map((n, a) => n / picture.size[a])
        const own = same ? seen : sampled(seen, picture.size, kind, position, { apart })
        own.data.forEach((p, i) => {
          total[i] += p
        })
        looks++
      }
  }
  return total.map((p) => p / looks)
}

/** The mean probabilities of all windows of one look. */
function looked(
  network: Network,
  image: Map64,
  test: TestTime,
  mirrored: boolean,
  offset?: number,
): Map64 {
  const { rows, columns, size } = windowsOf(test.window, image.size)
  const { height = 1, width = 1 } = test.pad ?? {}
  const padded = paddedSize(size, network.sizeMultiple, [height, width])
  const sum = mapOf(image.size, network.classes, () => 0)
  const count = mapOf(image.size, 1, () => 0)
  for (const row of rows)
    for (const column of columns) {
      const window = mapOf(padded, 3, (y, x, c) => {
        if (network.padding !== 'reflection' && (y >= size[0] || x >= size[1]))
          return network.padding[c]
        const [i, j] = [reflect(y, size[0]), reflect(x, size[1])]
        return value(image, row + i, column + (mirrored ? size[1] - 1 - j : j), c)
      })
      const apply = (x: Tensor) => [network.apply(x, { train: false })]
      const [scores] = valuesOf(apply, [host(window)], new Map())
      const s = network.scoreStride
      const cells = padded.map((n) => Math.ceil(n / s)) as [number, number]
      const grid = { data: scores, size: cells, channels: network.classes }
      const middle = Math.floor(s / 2)
      const moved = (offset ?? middle) - middle
      const beyond = [Math.ceil(Math.max(0, moved) / s), moved < 0 ? 1 : 0]
      // Beside the middle it is exact for scores, and symmetric cells that are moved by whole pixels for probabilities.
      const half = moved && test.upsample !== 'bicubic' ? (s % 2 ? 0 : 0.5) : 0
      const position = (dst: number) => (dst + 0.5 - half - moved) / s - 0.5
      const fine =
        test.upsample === 'bicubic'
          ? sampled(softmaxed(grid), padded, 'bicubic', position, { beyond })
          : softmaxed(sampled(grid, padded, 'bilinear', position))
      for (let y = 0; y < size[0]; y++)
        for (let x = 0; x < size[1]; x++) {
          const to = (row + y) * image.size[1] + column + x
          count.data[to]++
          for (let c = 0; c < network.classes; c++)
            sum.data[to * network.classes + c] += value(fine, y, mirrored ? size[1] - 1 - x : x, c)
        }
    }
  return mapOf(
    image.size,
    network.classes,
    (y, x, c) => value(sum, y, x, c) / value(count, y, x, 0),
  )
}
