// The test-time procedure on the device: what must be the same is the same, and all of it agrees with the procedure by the letter.

import assert from 'node:assert/strict'
import { softmax } from '../../engine/index.ts'
import { largestDifference } from '../../engine/reference/index.ts'
import { fcrn, shiftedScores } from '../../models/index.ts'
import type { Network } from '../../models/network.ts'
import { scoresOnImage } from '../../nn/index.ts'
import type { Picture } from '../../train/pictures/picture.ts'
import { Predictor, type PredictorOptions } from '../../train/predict.ts'
import type { TestTime } from '../../train/test-time.ts'
import { close, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { drawnState, place, valuesOf } from '../models/drawn.ts'
import { byTheLetter, drawnPicture, TinyNetwork } from './predict-network.ts'

const smooth = new TinyNetwork({ kernel: 3, stride: 1 })
const coarse = new TinyNetwork({ kernel: 5, stride: 4, classes: 4 })

interface Result {
  readonly classes: Uint8Array
  readonly probabilities: Float32Array
}

async function resultOf(
  models: Network | readonly Network[],
  picture: Picture,
  testTime: TestTime = {},
  options: PredictorOptions = {},
): Promise<Result> {
  using predictor = new Predictor(await testDevice(), models, testTime, options)
  return resultBy(predictor, picture)
}

async function resultBy(predictor: Predictor, picture: Picture): Promise<Result> {
  using probabilities = await predictor.probabilities(picture)
  using classes = await predictor.example(picture)
  const { classes: count } = predictor.model
  assert.deepEqual(probabilities.shape, [1, picture.height, picture.width, count])
  assert.deepEqual([classes.dtype, ...classes.shape], ['u8', 1, picture.height, picture.width])
  return {
    classes: (await classes.read()) as Uint8Array,
    probabilities: (await probabilities.read()) as Float32Array,
  }
}

/** Asserts equal bits, or probabilities that are `most` apart. */
function same(a: Result, b: Result, what: string, most = 0): void {
  close(a.probabilities, b.probabilities, most, what)
  if (!most) assert.deepEqual(a.classes, b.classes, what)
}

const procedures: readonly [what: string, TestTime][] = [
  ['one pass', {}],
  ['mirrored too', { flip: true }],
  ['other sizes', { scales: [0.6, 1, 1.3] }],
  ['a quarter', { scales: [0.25] }],
  ['bicubically', { scales: [0.5, 1], flip: true, upsample: 'bicubic' }],
  ['windows', { window: { height: 6, width: 7, stride: 3 } }],
  ['windows of given places', { window: { height: 9, width: 8, rows: [0, 4], columns: [0, 3] } }],
  ['padded', { pad: { height: 19, width: 24 }, flip: true }],
  ['resized', { resize: { longer: 17 }, upsample: 'bicubic' }],
  [
    'all of it',
    {
      resize: { shorter: 14 },
      scales: [0.5, 1.25],
      flip: true,
      window: { height: 8, width: 9 },
      pad: { height: 9, width: 9 },
    },
  ],
]

const networks = [
  [smooth],
  [coarse],
  [new TinyNetwork({ kernel: 3, multiple: 8, padding: [0.2, 0.9, 0.4] })],
  [new TinyNetwork({ kernel: 3, stride: 2, multiple: 8, classes: 4 }), coarse],
]

test('predict: where a network learned the label of another pixel than the middle one, its scores stand for that', async () => {
  const five = new TinyNetwork({ kernel: 3, stride: 5, multiple: 5 })
  const picture = drawnPicture(13, 11, 7)
  const plain = await resultOf(coarse, picture)
  for (const [network, ...offsets] of [[coarse, 0, 3, 6] as const, [five, 1] as const])
    for (const offset of offsets)
      for (const testTime of [{}, { flip: true, window: { height: 6, width: 7 } }] as TestTime[])
        for (const upsample of ['bilinear', 'bicubic'] as const) {
          const test = { ...testTime, upsample }
          using predictor = new Predictor(await testDevice(), network, test, { offset })
          const got = await resultBy(predictor, picture)
          const want = byTheLetter([network], picture, test, offset)
          const what = `${JSON.stringify(test)} at ${network.scoreStride}, offset ${offset}`
          close(got.probabilities, want, 2e-5, what)
          if (network !== coarse || testTime.flip || upsample === 'bicubic') continue
          const bytes = Float32Array.from(picture.data, (v) => v / 255)
          assert.ok(largestDifference(got.probabilities, plain.probabilities) > 1e-2)
          using classes = await predictor.batch(bytes, 1, picture.height, picture.width)
          assert.deepEqual(await classes.read(), got.classes)
        }
  // Of several networks each has its own.
  const both = await resultOf([coarse, coarse], picture, {}, { offset: [undefined, 0] })
  const first = await resultOf(coarse, picture, {}, { offset: 0 })
  const mean = first.probabilities.map((p, i) => (p + plain.probabilities[i]) / 2)
  close(both.probabilities, mean, 1e-6, 'two networks')
  const device = await testDevice()
  for (const [offset, message] of [
    [-1, /offset -1 is no row of a cell/],
    ['4', /offset 4 is no row of a cell|offset '4'/],
    [[0, 1, 2], /3 offsets are given, and there are 2 networks/],
  ] as const)
    assert.throws(() => new Predictor(device, [coarse, coarse], {}, { offset } as never), message)
})

for (const [i, [what, testTime]] of procedures.entries())
  test(`predict: ${what}: as by the letter in float64`, async () => {
    const device = await testDevice()
    for (const models of networks.filter((_, k) => (k + i) % 2)) {
      using predictor = new Predictor(device, models, testTime)
      const small = testTime.window?.rows
        ? []
        : [
            [1, 1],
            [1, 6],
          ]
      for (const [h, w] of [[13, 11], ...small]) {
        // No value of this one, resized, is half way between two bytes.
        const picture = drawnPicture(h, w, 7)
        const got = await resultBy(predictor, picture)
        const want = byTheLetter(models, picture, testTime)
        const title = `${what}, ${h}×${w}, ${models.map((m) => JSON.stringify(m.config.options))}`
        // Scores up to some 30 of f32, whose error in the exponent is the relative one of a probability.
        close(got.probabilities, want, 2e-5, title)
        const { classes } = models[0]
        got.classes.forEach((c, at) => {
          const own = want.subarray(at * classes, (at + 1) * classes)
          assert.ok(own[c] > Math.max(...own) - 4e-5, `${title}: class of pixel ${at}`)
        })
      }
    }
  })

test('predict: what changes nothing changes no bit', async () => {
  const picture = drawnPicture(13, 10)
  for (const network of [smooth, coarse]) {
    const plain = await resultOf(network, picture)
    same(await resultOf(network, picture), plain, 'again')
    const nothing: TestTime[] = [
      { scales: [1], flip: false, upsample: 'bilinear' },
      { resize: { height: 13, width: 10 } },
      { resize: { longer: 13 } },
      { window: { height: 20, width: 10 } },
    ]
    for (const testTime of nothing)
      same(await resultOf(network, picture, testTime), plain, JSON.stringify(testTime))
    for (const testTime of [{}, { flip: true, scales: [1, 0.5] }] as TestTime[]) {
      const once = await resultOf(network, picture, testTime)
      // Of more looks the sums are in another order.
      const twice = await resultOf([network, network], picture, testTime)
      same(twice, once, 'twice the same network', testTime.flip ? 2e-7 : 0)
    }
  }
})

test('predict: a network that sees no difference between left and right gives nothing new when mirrored', async () => {
  const network = new TinyNetwork({ kernel: 3, symmetric: true })
  const picture = drawnPicture(9, 14)
  const flipped = await resultOf(network, picture, { flip: true })
  same(flipped, await resultOf(network, picture), 'symmetric', 1e-6)
  const other = await resultOf(smooth, picture, { flip: true })
  const plain = await resultOf(smooth, picture)
  assert.ok(largestDifference(other.probabilities, plain.probabilities) > 1e-2)
})

test('predict: a network that sees single pixels gives the same through windows and padding of any kind', async () => {
  const picture = drawnPicture(17, 23)
  const plain = await resultOf(new TinyNetwork(), picture)
  const windows = [
    { height: 5, width: 7 },
    { height: 13, width: 20, stride: 2 },
    { height: 17, width: 9, stride: 9 },
    { height: 10, width: 12, rows: [0, 7], columns: [0, 3, 11] },
  ]
  for (const padding of ['reflection', [0.1, 0.2, 0.3]] as const)
    for (const window of windows) {
      const multiple = padding === 'reflection' ? 1 : 8
      const network = new TinyNetwork({ multiple, padding })
      const testTime = { window, pad: { height: 11, width: 9 }, flip: true }
      const got = await resultOf(network, picture, testTime)
      same(got, plain, JSON.stringify({ padding, window, multiple }), 1e-6)
    }
})

test('predict: shifted passes are the dilated network, each score for the pixel that its pass learned', async () => {
  const device = await testDevice()
  const options = { width: 4, depthMultiplier: 0.1, classes: 4, kernel: 3, dropout: 0 }
  const shifted = fcrn(18, { ...options, dilation: 2 })
  const dilated = fcrn(18, { ...options, dilation: 4, outputStride: 4 })
  for (const net of [shifted, dilated]) place(device, drawnState(net))
  const picture = drawnPicture(37, 28)
  const image = Float32Array.from(picture.data, (v) => v / 255)
  const finer = { shifted: 'features' } as const
  for (const offset of [undefined, 3]) {
    const learned = { offset: offset ?? 4 }
    for (const more of [
      {},
      { flip: true, window: { height: 24, width: 21 } },
      { upsample: 'bicubic' },
    ] as const) {
      const got = await resultOf(shifted, picture, { ...more, ...finer }, { offset })
      const want = await resultOf(dilated, picture, more, learned)
      // Sums of the same products in another order.
      same(got, want, `${JSON.stringify(more)}, offset ${offset}`, 2e-5)
    }
    // Labels of the shifted loss are at (8i + 4a + o, 8j + 4b + o), so score (2i + a, 2j + b) is that of pixel (4·2i + 4a + o, …).
    const [want] = valuesOf(
      (x) => {
        const scores = shiftedScores(shifted, x, { train: false })
        return [softmax(scoresOnImage(scores, [37, 28], 4, learned))]
      },
      [{ dtype: 'f32', shape: [1, 37, 28, 3], data: image }],
      drawnState(shifted),
    )
    const { probabilities } = await resultOf(shifted, picture, finer, { offset })
    close(probabilities, want, 2e-5, 'on the image')
  }
  await resultOf(shifted, drawnPicture(1, 1), finer)
})

test('predict: passes over a moved image answer for the pixels between', async () => {
  // A score is that of the pixel in the middle of its cell: of every fourth one, or by shifted passes of every second.
  const centre = (stride: number) => new TinyNetwork({ stride, middle: true })
  const picture = drawnPicture(24, 32)
  const fine = await resultOf(centre(2), picture)
  same(await resultOf(centre(4), picture, { shifted: 'input' }), fine, 'as fine', 1e-6)
  // Where it learned the pixel in the corner, the passes look from there.
  const corner = (stride: number) => new TinyNetwork({ stride })
  const learned = await resultOf(corner(4), picture, { shifted: 'input' }, { offset: 0 })
  same(learned, fine, 'from the corner', 1e-6)
  const plain = await resultOf(centre(4), picture)
  assert.ok(largestDifference(plain.probabilities, fine.probabilities) > 1e-2)
})

test('predict: pictures of new sizes need no new kernels, and their plans are let go', async () => {
  await withDevice({ alignment: 256 }, async (device) => {
    const testTime: TestTime = { scales: [0.5, 1], flip: true, window: { height: 12, width: 9 } }
    using predictor = new Predictor(device, coarse, testTime, { plans: 2 })
    const seen: [number, number][] = []
    for (let i = 0; i < 12; i++) {
      using classes = await predictor.example(drawnPicture(17 + 3 * i, 40 - 2 * i))
      await classes.read()
      const { pipelines, allocatedBytes, arenaBytes } = device.stats()
      seen.push([pipelines, allocatedBytes - arenaBytes])
    }
    // The first few differ in what 4 divides, and in how many windows lie over each other.
    assert.equal(seen[11][0], seen[5][0], `${seen}`)
    assert.ok(seen[11][1] < 2 * seen[5][1], `${seen}`)
  })
})

test('predict: scores that may not wait are added up at once, and large pictures go through small bindings', async () => {
  const testTime: TestTime = { scales: [0.5, 1], flip: true, window: { height: 12, width: 9 } }
  const picture = drawnPicture(31, 27)
  const models = [coarse, new TinyNetwork({ classes: 4, kernel: 3 })]
  const whole = await resultOf(models, picture, testTime)
  same(await resultOf(models, picture, testTime, { hold: 0 }), whole, 'hold 0', 1e-6)
  // A row of probabilities is 432 bytes, the picture 13 KB.
  await withDevice({ alignment: 256, bindingBytes: 4096 }, async (device) => {
    for (const hold of [0, undefined]) {
      using predictor = new Predictor(device, models, testTime, { hold })
      same(await resultBy(predictor, picture), whole, `hold ${hold}, in pieces`, 1e-6)
    }
  })
})

test('predict: models and procedures that do not fit, and pictures that are none', async () => {
  const device = await testDevice()
  const refused = (make: () => unknown, message: RegExp) => assert.throws(make, message)
  refused(() => new Predictor(device, []), /there is no model to predict with/)
  refused(
    () => new Predictor(device, [smooth, coarse]),
    /tiny tells 3 classes apart and tiny 4[\s\S]*averaged of models with the same classes/,
  )
  refused(() => new Predictor(device, smooth, { flip: 1 } as never), /flip cannot be 1/)
  refused(
    () => new Predictor(device, smooth, { shifted: 'features' }),
    /tiny has no stage whose stride can be shifted/,
  )
  refused(
    () => new Predictor(device, smooth, { shifted: 'input' }),
    /tiny has a score every 1 pixels, of which a quarter/,
  )
  using predictor = new Predictor(device, smooth)
  for (const [height, width, values] of [
    [0, 4, 0],
    [2, 2, 11],
    [1.5, 2, 9],
  ])
    await assert.rejects(
      predictor.example({ height, width, data: new Uint8Array(values) }),
      /cannot hold/,
    )
  const window = { height: 4, width: 4, rows: [0, 5], columns: [0] }
  using gap = new Predictor(device, smooth, { window })
  await assert.rejects(
    gap.example(drawnPicture(9, 4)),
    /windows of 4 that begin at 0, 5 do not cover 9 pixels/,
  )
  await gap.example(drawnPicture(4, 4)).then((classes) => classes.dispose())
})
