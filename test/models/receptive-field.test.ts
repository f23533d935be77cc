// The valid receptive field: its exact support where that is known, averages over images, the numbers about it, and the
// pictures that are made of it.

import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NonFiniteError, OptionError } from '../../engine/errors.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { buildModel, type ModelConfig, Network } from '../../models/index.ts'
import { Conv2d } from '../../nn/conv.ts'
import { nameVariables } from '../../nn/module.ts'
import {
  type FieldShare,
  type ValidField,
  validReceptiveField,
} from '../../train/analysis/receptive-field.ts'
import { decades, pathLengthsSvg } from '../../train/charts/paths.ts'
import { framed, heatMap } from '../../train/pictures/heat-map.ts'
import { readImage, writeChart, writePng } from '../../train/pictures/images.ts'
import { Random } from '../../train/random.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** Side, dilation and stride of a convolution. */
type Layer = readonly [kernel: number, dilation: number, stride: number]

/** Convolutions one after the other: linear, so that no image hides what they see. */
class Linear extends Network {
  readonly config: ModelConfig = { name: 'linear', options: {} }
  readonly classes = 3
  readonly sizeMultiple = 1
  readonly scoreStride: number
  readonly layers: readonly Conv2d[]

  constructor(...layers: readonly Layer[]) {
    super()
    this.scoreStride = layers.reduce((n, [, , stride]) => n * stride, 1)
    this.layers = layers.map(
      ([kernel, dilation, stride]) =>
        new Conv2d(3, 3, kernel, { stride, dilation, padding: (dilation * (kernel - 1)) / 2 }),
    )
    nameVariables(this)
  }

  protected forward(image: Tensor): Tensor {
    return this.layers.reduce((x, layer) => layer.apply(x), image)
  }
}

const noise = (seed: number, height: number, width: number, n = 1) => {
  const random = new Random(seed)
  const image = Float32Array.from({ length: n * height * width * 3 }, () => random.uniform())
  return { image, height, width }
}

/** Rows and columns of the pixels that have a gradient. */
const lit = ({ field, width }: ValidField): string[] =>
  Array.from(field.keys())
    .filter((i) => field[i] !== 0)
    .map((i) => `${Math.floor(i / width)},${i % width}`)

/** All pairs of these offsets around a pixel. */
const around = ([y, x]: readonly number[], offsets: readonly number[]): string[] =>
  offsets.flatMap((dy) => offsets.map((dx) => `${y + dy},${x + dx}`))

test('valid field: of one 3×3 convolution it is its nine pixels, wherever it stands', async () => {
  const d = await testDevice()
  const model = new Linear([3, 1, 1])
  const batches = [noise(1, 9, 12)]
  const middle = await validReceptiveField(d, model, batches)
  assert.deepEqual(middle.pixel, [4, 6])
  assert.deepEqual(lit(middle), around([4, 6], [-1, 0, 1]))
  assert.deepEqual(middle.support, [3, 3])
  const corner = await validReceptiveField(d, model, batches, { at: [0, 11] })
  assert.deepEqual(lit(corner), ['0,10', '0,11', '1,10', '1,11'])
  assert.deepEqual(corner.support, [2, 2])

  // Of one class it is the weights themselves, summed over the colours.
  const weights = (await d.read(model.layers[0].weight)) as Float32Array
  for (const channel of [0, 2, 'sum'] as const) {
    const { field } = await validReceptiveField(d, model, batches, { channel })
    const of = (tap: number, colour: number, c: number) => weights[(tap * 3 + colour) * 3 + c]
    const wanted = Array.from({ length: 9 }, (_, tap) =>
      [0, 1, 2].reduce((sum, colour) => {
        const classes = channel === 'sum' ? [0, 1, 2] : [channel]
        return sum + Math.abs(classes.reduce((s, c) => s + of(tap, colour, c), 0))
      }, 0),
    )
    const got = wanted.map((_, i) => field[(3 + Math.floor(i / 3)) * 12 + 5 + (i % 3)])
    close(got, wanted, 1e-6, `channel ${channel}`)
  }
})

test('valid field: of dilated and strided convolutions it is exactly their taps', async () => {
  const d = await testDevice()
  const found = async (layers: readonly Layer[], size: readonly [number, number]) =>
    validReceptiveField(d, new Linear(...layers), [noise(2, ...size)])
  const two = await found(
    [
      [3, 2, 1],
      [3, 3, 1],
    ],
    [16, 15],
  )
  assert.deepEqual(
    lit(two).sort(),
    around([8, 7], [-5, -3, -2, -1, 0, 1, 2, 3, 5])
      .filter(onTaps([8, 7]))
      .sort(),
  )
  assert.deepEqual(two.support, [11, 11])
  const strided = await found(
    [
      [3, 1, 2],
      [3, 2, 2],
    ],
    [32, 30],
  )
  // Cell (4, 4) of a grid of 1/4 is centred on pixel (16, 16).
  assert.deepEqual(strided.pixel, [16, 16])
  const taps = [-4, 0, 4].flatMap((a) => [-1, 0, 1].map((b) => a + b))
  assert.deepEqual(lit(strided).sort(), around([16, 16], taps).sort())
})

/** Sums of a multiple of 2 and one of 3, each by at most 1. */
function onTaps([y, x]: readonly number[]): (place: string) => boolean {
  const sums = new Set([-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => 2 * a + 3 * b)))
  return (place) => {
    const [row, column] = place.split(',').map(Number)
    return sums.has(row - y) && sums.has(column - x)
  }
}

const small = (name: string, options: object = {}) =>
  buildModel({ name, options: { width: 4, depthMultiplier: 0.5, classes: 5, ...options } })

test('valid field: over images it is the mean of those of each, however they are batched', async () => {
  const d = await testDevice()
  const model = small('fcrn-18', { kernel: 1, dilation: 1 })
  const all = noise(3, 40, 48, 3)
  const size = 40 * 48 * 3
  const each = [0, 1, 2].map((i) => ({ ...all, image: all.image.slice(i * size, (i + 1) * size) }))
  const told: number[][] = []
  const together = await validReceptiveField(d, model, [all])
  const apart = await validReceptiveField(d, model, each, {
    onProgress: (done, of) => told.push([done, of]),
  })
  const singles: ValidField[] = []
  for (const one of each) singles.push(await validReceptiveField(d, model, [one]))
  const mean = Array.from(apart.field, (_, i) => singles.reduce((s, f) => s + f.field[i] / 3, 0))
  const most = 1e-6 * Math.max(...mean)
  assert.ok(most > 0)
  close(apart.field, mean, most, 'one by one')
  close(together.field, mean, 10 * most, 'together')
  assert.notDeepEqual(singles[0].field, singles[1].field)
  assert.deepEqual([together.images, apart.images, singles[0].images], [3, 3, 1])
  assert.deepEqual(told, [
    [1, 3],
    [2, 3],
    [3, 3],
  ])
})

test('valid field: the likeliest class is chosen in each image', async () => {
  const d = await testDevice()
  const model = small('fcrn-18', { kernel: 1, dilation: 1 })
  const batches = [noise(4, 32, 32)]
  const likeliest = await validReceptiveField(d, model, batches)
  const classes: ValidField[] = []
  for (let channel = 0; channel < 5; channel++)
    classes.push(await validReceptiveField(d, model, batches, { channel }))
  const scores = d.compile((x: Tensor) => model.apply(x, { train: false }))
  const result = await scores.run({ dtype: 'f32', shape: [1, 32, 32, 3], data: batches[0].image })
  // The middle cell of 4×4.
  const at = Array.from((await result.read()).subarray((2 * 4 + 2) * 5, (2 * 4 + 3) * 5))
  result.dispose()
  scores.dispose()
  const best = at.indexOf(Math.max(...at))
  classes.forEach(({ field }, c) => {
    if (c === best) assert.deepEqual(field, likeliest.field)
    else assert.notDeepEqual(field, likeliest.field)
  })
})

test('valid field: shares are held by the smallest square and the fewest pixels', async () => {
  const d = await testDevice()
  const { field, width, pixel, shares } = await validReceptiveField(
    d,
    small('fcrn-18', { kernel: 3, dilation: 1 }),
    [noise(5, 48, 40)],
  )
  const total = field.reduce((a, b) => a + b, 0)
  const strongest = Array.from(field).sort((a, b) => b - a)
  const within = (radius: number) =>
    field.reduce((sum, v, i) => {
      const distance = Math.max(
        Math.abs(Math.floor(i / width) - pixel[0]),
        Math.abs((i % width) - pixel[1]),
      )
      return distance <= radius ? sum + v : sum
    }, 0)
  const first = (n: number) => strongest.slice(0, n).reduce((a, b) => a + b, 0)
  assert.deepEqual(
    shares.map(({ share }) => share),
    [0.5, 0.9, 0.95, 0.99],
  )
  for (const { share, side, area } of shares) {
    assert.equal(side % 2, 1)
    assert.ok(within((side - 1) / 2) >= 0.999999 * share * total)
    assert.ok(side === 1 || within((side - 3) / 2) < share * total)
    assert.ok(first(area) >= 0.999999 * share * total && first(area - 1) < share * total)
  }
})

test('valid field: larger kernels see further, in FCRN and GCN', async () => {
  const d = await testDevice()
  const batches = [noise(6, 160, 160)]
  const half = async (name: string, options: object) =>
    (await validReceptiveField(d, small(name, options), batches)).shares[0]
  const further = (far: FieldShare, near: FieldShare) => {
    assert.ok(far.side > 1.15 * near.side, `squares of ${far.side} and ${near.side}`)
    assert.ok(far.area > 1.4 * near.area, `${far.area} and ${near.area} pixels`)
  }
  const dilated = await half('fcrn-18', { kernel: 3, dilation: 6 })
  further(dilated, await half('fcrn-18', { kernel: 1, dilation: 1 }))
  const global = await half('gcn-18', { kernel: 15, boundaryRefinement: false })
  further(global, await half('gcn-18', { block: '1x1', boundaryRefinement: false }))
})

test('valid field: a classifier has one around the middle; without a gradient there are no shares', async () => {
  const d = await testDevice()
  const model = buildModel({ name: 'resnet-110', options: { width: 2, blocks: 1, classes: 4 } })
  const { pixel, support } = await validReceptiveField(d, model, [noise(7, 16, 20)])
  assert.deepEqual(pixel, [8, 10])
  assert.deepEqual(support, [16, 20])

  const blind = new Linear([3, 1, 1])
  const { weight } = blind.layers[0]
  d.write(weight, new Float32Array(81))
  const nothing = await validReceptiveField(d, blind, [noise(8, 6, 6)])
  assert.deepEqual([nothing.support, nothing.shares], [[0, 0], []])
  d.write(weight, new Float32Array(81).fill(Number.NaN))
  await assert.rejects(() => validReceptiveField(d, blind, [noise(8, 6, 6)]), NonFiniteError)
  await assert.rejects(
    () => validReceptiveField(d, model, [noise(7, 16, 20)], { at: [0, 0] }),
    /resnet-110 scores images as a whole/,
  )
})

test('valid field: places, classes and images that are not there are refused', async () => {
  const d = await testDevice()
  const model = new Linear([3, 1, 2])
  const refuses = (
    part: RegExp,
    batches: Parameters<typeof validReceptiveField>[2],
    options = {},
  ) =>
    assert.rejects(
      () => validReceptiveField(d, model, batches, options),
      (e: Error) => e instanceof OptionError && part.test(e.message),
      String(part),
    )
  const image = noise(9, 9, 8)
  await refuses(/at least one image; got none/, [])
  await refuses(/differ in size/, [image, noise(9, 8, 9)])
  await refuses(/no score at row 5, column 0\n.*9×8 have 5 rows and 4 columns/, [image], {
    at: [5, 0],
  })
  await refuses(/no score at row 0.5/, [image], { at: [0.5, 0] })
  await refuses(/no score of class 3\n.*0 to 2/, [image], { channel: 3 })
  await refuses(/no score of class -1/, [image], { channel: -1 })
  await refuses(/no score of class most\n.*'likeliest' or 'sum'/, [image], { channel: 'most' })
  await refuses(/no score at row 2, column undefined/, [image], { at: 2 })
  await refuses(/validReceptiveField: there is no option chanel/, [image], { chanel: 1 })
  const infinite = { ...image, image: image.image.map((v, i) => (i === 7 ? 1 / 0 : v)) }
  await assert.rejects(
    () => validReceptiveField(d, model, [infinite]),
    (e: Error) =>
      e instanceof NonFiniteError && /value 7 of the images of batch 0 is Infinity/.test(e.message),
  )
})

test('heat map: brightest where strongest, black where nothing is, and a frame', async () => {
  const strengths = Float32Array.of(0, 1, 4, 16, 0, 0)
  const map = heatMap(strengths, 2, 3)
  const at = (i: number, of = map) => Array.from(of.data.subarray(3 * i, 3 * i + 3))
  assert.deepEqual(
    [at(0), at(3)],
    [
      [0, 0, 0],
      [255, 255, 255],
    ],
  )
  const light = (i: number) => at(i).reduce((a, b) => a + b)
  assert.ok(0 < light(1) && light(1) < light(2) && light(2) < light(3))
  // A quarter of the strength is half as bright on the way to white: between red and orange.
  assert.deepEqual(at(2), [208, 79, 49])
  assert.deepEqual(
    at(2, heatMap(strengths, 2, 3, 1)),
    at(1, heatMap(Float32Array.of(1, 4, 16), 1, 3, 1)),
  )
  assert.ok(heatMap(new Float32Array(6), 2, 3).data.every((v) => v === 0))

  const frame = framed(heatMap(new Float32Array(30), 5, 6), [1, -2], [3, 4], [1, 2, 3])
  const painted = Array.from({ length: 30 }, (_, i) => i).filter((i) => at(i, frame)[0] === 1)
  const rows = [1, 2, 3].map((y) =>
    [0, 1, 2, 3, 4].filter((x) => y !== 2 || x === 4).map((x) => 6 * y + x),
  )
  assert.deepEqual(painted, rows.flat())

  const file = join(mkdtempSync(join(tmpdir(), 'atrous-test-')), 'map.png')
  await writePng(file, frame)
  const read = await readImage(file)
  assert.deepEqual([read.height, read.width], [5, 6])
  assert.deepEqual(Array.from(read.data), Array.from(frame.data))
})

test('path chart: a logarithmic axis of whole decades, and a point for each length', async () => {
  assert.deepEqual(decades([0.02, 3, 0]), [-2, 1])
  assert.deepEqual(decades([1, 1]), [0, 1])
  assert.deepEqual(decades([0]), [-1, 0])
  const lengths = [0, 1, 2].map((k) => ({ k, mean: 10 ** (-20 * k), deviation: 0, norms: [] }))
  const svg = pathLengthsSvg({ units: 2, full: 1.5, of: 'cross entropy', lengths }, 'a < b & c')
  assert.match(svg, />a &lt; b &amp; c</)
  const points = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map((m) => [
    +m[1],
    +m[2],
  ])
  assert.equal(points.length, 3)
  // What decays exponentially is a straight line.
  const [a, b, c] = points
  assert.ok(Math.abs(a[0] + c[0] - 2 * b[0]) < 0.2 && Math.abs(a[1] + c[1] - 2 * b[1]) < 0.2)
  assert.ok(a[1] < b[1] && !/NaN|Infinity/.test(svg))
  const none = lengths.map((l) => ({ ...l, mean: 0 }))
  const empty = pathLengthsSvg({ units: 2, full: 0, of: 'cross entropy', lengths: none }, '')
  assert.ok(!/NaN|Infinity|circle/.test(empty))

  const folder = mkdtempSync(join(tmpdir(), 'atrous-test-'))
  await writeChart(join(folder, 'c.png'), svg)
  const { height, width, data } = await readImage(join(folder, 'c.png'))
  assert.deepEqual([height, width], [400, 760])
  assert.ok(data.some((v) => v < 128) && data.filter((v) => v === 255).length > data.length / 2)
})
