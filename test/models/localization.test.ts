// The localization net: its counts, its targets against boxes found pixel by pixel on the host, and the slope of its loss.

import assert from 'node:assert/strict'
import { grad } from '../../engine/grad.ts'
import { constant, hostTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { buildModel } from '../../models/index.ts'
import {
  boxIou,
  decodeBoxes,
  type LocalizationTargetOptions,
  localizationLoss,
  localizationTargets,
} from '../../nn/index.ts'
import { Predictor } from '../../train/predict.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { canvas, drawnMaps, type Maps, onHost, run, twoInstances } from '../scores/instances.ts'
import { checkSlope, drawnImage, drawnState, place, valuesOf } from './drawn.ts'
import { checkCounts } from './paper.ts'

for (const depth of [50, 101])
  test(`localization-${depth}: parameters, multiply-adds and shapes`, () => {
    const net = buildModel({ name: `localization-${depth}`, options: {} })
    checkCounts(`fcrn${depth}-s8-k5-d12/localization80`, net, {
      ...{ conv1: 'backbone.conv1', pool1: 'backbone:maxPool2d', score: 'head' },
      ...{ res2: 'backbone.0', res3: 'backbone.1', res4: 'backbone.2', res5: 'backbone.3' },
    })
    assert.deepEqual([net.classes, net.predicts, net.scoreStride], [20, 'boxes', 8])
  })

// ---- targets

/** Targets that the device makes. */
const onDevice = (
  { labels, instances }: Maps,
  stride: number,
  options: LocalizationTargetOptions,
) =>
  run(
    (l, i) => {
      const { boxes, classes, outOfRange } = localizationTargets(l, i, stride, options)
      return [boxes, classes, outOfRange]
    },
    labels,
    instances,
  )

const twoBoxes = [
  ...[1.5, -0.5, 8, 6, 3.5, 3.5, 16, 10, 0, 0, 0, 0],
  ...[0, 0, 0, 0, -4.5, 3.5, 16, 10, -4.5, -4.5, 16, 10],
]

test('localizationTargets: two instances by hand, on the device and on the host', async () => {
  const maps = twoInstances()
  const [boxes, classes, outOfRange] = await onDevice(maps, 8, { classes: 3 })
  assert.deepEqual(
    Array.from(boxes, (v) => v * 64),
    twoBoxes,
  )
  assert.deepEqual([...classes], [3, 1, 0, 0, 1, 1])
  assert.deepEqual([...outOfRange], [0])
  const host = onHost(maps, 8, { classes: 3, sigma: 2 })
  assert.deepEqual(host.boxes.shape, [1, 2, 3, 4])
  assert.deepEqual(
    Array.from(host.boxes.data, (v) => v * 2),
    twoBoxes,
  )
  assert.deepEqual([...host.classes.data], [3, 1, 0, 0, 1, 1])
})

const drawnCases: [what: string, maps: Maps, stride: number, options: LocalizationTargetOptions][] =
  [
    [
      'u8 to 255, odd sizes',
      drawnMaps([2, 33, 47], [255, 1, 128, 7, 254, 2, 3], 'u8'),
      8,
      { classes: 4 },
    ],
    [
      'i32 with negative ones',
      drawnMaps([2, 19, 23], [2 ** 31 - 1, 70000, -5, 26001, -(2 ** 31), 65536], 'i32', {
        labels: 'i32',
        strange: [-3, 5, 300],
      }),
      1,
      { classes: 4, offset: 0 },
    ],
    [
      'u32, cells that stand for pixels beyond them',
      drawnMaps([4, 41, 50], [12, 13, 14, 2 ** 32 - 1, 2 ** 31], 'u32', { labels: 'u32' }),
      4,
      { classes: 3, offset: [5, 2], ignore: 2 },
    ],
    ['one pixel', drawnMaps([1, 1, 1], [9], 'i32', { seed: 4 }), 1, {}],
    ['a unit that divides nothing', drawnMaps([3, 9, 40], [1, 2, 3], 'u8'), 2, { sigma: 50 }],
  ]

for (const [what, maps, stride, options] of drawnCases)
  test(`localizationTargets: as found pixel by pixel, ${what}`, async () => {
    const host = onHost(maps, stride, options)
    const [boxes, classes, outOfRange] = await onDevice(maps, stride, options)
    assert.deepEqual(classes, host.classes.data)
    assert.deepEqual([...outOfRange], [host.outOfRange])
    assert.ok(host.classes.data.some((c) => c > 0))
    if (options.ignore) assert.notDeepEqual(onHost(maps, stride, { ...options, ignore: 255 }), host)
    close(boxes, host.boxes.data, options.sigma ? 1e-6 : 0, 'boxes')
  })

test('localizationTargets: touching instances of one class, one of a pixel, and parts far from each other', async () => {
  const { paint, ...maps } = canvas([2, 24, 24], 'u8')
  paint([0, 0, 0, 11, 11], 2, 5)
  paint([0, 0, 12, 11, 23], 2, 6)
  paint([0, 12, 12, 12, 12], 2, 9)
  // In the other image the same number is another instance, in two parts.
  paint([1, 0, 0, 4, 4], 1, 5)
  paint([1, 20, 17, 23, 20], 1, 5)
  const [boxes, classes] = await onDevice(maps, 8, {})
  const at = (i: number) => Array.from(boxes.slice(4 * i, 4 * i + 4), (v) => v * 64)
  assert.deepEqual([...classes], [2, 2, 2, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1])
  assert.deepEqual(at(0), [1.5, 1.5, 12, 12])
  assert.deepEqual(at(1), [1.5, 5.5, 12, 12])
  assert.deepEqual(at(4), [0, 0, 1, 1])
  assert.deepEqual(at(9), [7.5, 6, 24, 21])
  assert.deepEqual(at(17), [-8.5, -10, 24, 21])
})

test('localizationTargets: each pixel an instance of its own, more than any table would hold', async () => {
  const shape: [number, number, number] = [1, 48, 50]
  const maps = {
    labels: hostTensor(new Uint8Array(2400).fill(1), shape),
    instances: hostTensor(
      Int32Array.from({ length: 2400 }, (_, p) => 1 + ((p * 1_009) % 2400)),
      shape,
    ),
  }
  const [boxes] = await onDevice(maps, 1, { sigma: 1 })
  for (let p = 0; p < 2400; p++) assert.deepEqual([...boxes.slice(4 * p, 4 * p + 4)], [0, 0, 1, 1])
})

test('localizationTargets: one instance is the whole image', async () => {
  const { paint, ...maps } = canvas([1, 16, 24], 'i32')
  paint([0, 0, 0, 15, 23], 1, 3)
  const [boxes] = await onDevice(maps, 16, { sigma: 1 })
  // The second cell's pixel is outside.
  assert.deepEqual([...boxes], [-0.5, 3.5, 16, 24, 0, 0, 0, 0])
})

test('decodeBoxes: targets are decoded to the boxes that they were made of, sizes no less than a pixel', async () => {
  const maps = twoInstances()
  const [decoded, small] = await run(
    (l, i, t) => {
      const { boxes } = localizationTargets(l, i, 8)
      return [decodeBoxes(boxes, 8), decodeBoxes(t, 4, { offset: 1, sigma: 10 })]
    },
    maps.labels,
    maps.instances,
    hostTensor(Float32Array.of(0.5, -1, 0.05, -3, 1, 2, 3, 4), [1, 1, 1, 8]),
  )
  const at = (i: number) => [...decoded.slice(4 * i, 4 * i + 4)]
  assert.deepEqual(at(0), [5.5, 3.5, 8, 6])
  for (const cell of [1, 4, 5]) assert.deepEqual(at(cell), [7.5, 15.5, 16, 10])
  assert.deepEqual(at(3), [12, 4, 1, 1])
  assert.deepEqual([...small], [6, -9, 1, 1, 11, 21, 30, 40])
})

test('boxIou: all pairs by broadcasting; inside, beside, apart', async () => {
  const some = hostTensor(Float32Array.of(4, 4, 8, 8, 4, 4, 4, 8, 4, 8, 8, 8, 4, 12, 8, 8), [4, 4])
  const [iou] = await run((a) => [boxIou(a, constant([4, 4, 8, 8], [1, 4]))], some)
  close(iou, [1, 0.5, 1 / 3, 0], 1e-7, 'one to all')
  const [pairs] = await run((a, b) => [boxIou(b, a)], some, hostTensor(some.data, [4, 1, 4]))
  assert.deepEqual([...pairs.slice(0, 4)], [...iou])
  for (let i = 0; i < 4; i++) assert.equal(pairs[5 * i], 1)
})

// ---- the net

const narrow = {
  ...{ width: 2, depthMultiplier: 0.5, classes: 2, kernel: 3, dilation: 2 },
  ...{ dropout: 0, frozen: 'none' },
}
/** The loss of an image under two instances, most of it of two cells. */
const lossOf = (net: ReturnType<typeof buildModel>) => (image: Tensor) => {
  const { paint, ...maps } = canvas([1, 40, 48], 'u8')
  paint([0, 3, 2, 30, 25], 2, 1)
  paint([0, 9, 20, 39, 47], 1, 2)
  const [labels, instances] = [maps.labels, maps.instances].map((t) => constant(t.data, t.shape))
  const targets = localizationTargets(labels, instances, net.scoreStride, { classes: 2 })
  return localizationLoss(net.apply(image, { train: false }), targets, { keep: 2 }).loss
}

for (const depth of [18, 50])
  test(`localization-${depth}: the gradient is the slope of the loss, from the image to the boxes`, () => {
    const net = buildModel({ name: `localization-${depth}`, options: narrow })
    checkSlope(net, lossOf(net), drawnImage([1, 40, 48, 3]))
  })

test('localization-18: loss and gradients on the device', async () => {
  const net = buildModel({ name: 'localization-18', options: narrow })
  const state = drawnState(net)
  const device = await testDevice()
  place(device, state)
  const image = drawnImage([1, 40, 48, 3])
  const head = net.parameters().at(-1)!
  const fn = (x: Tensor) => {
    const loss = lossOf(net)(x)
    return [loss, ...grad(loss, [head])]
  }
  const want = valuesOf(fn, [image], state)
  const got = await run(fn, image)
  close(got[0], want[0], 1e-4 * want[0][0], 'loss')
  close(got[1], want[1], 1e-4, 'gradient')
})

test('localization: it takes no part in what needs class scores, and refuses what it cannot be', async () => {
  const device = await testDevice()
  const net = buildModel({ name: 'localization-18', options: narrow })
  assert.throws(() => new Predictor(device, net), /localization-18 predicts boxes/)
  assert.throws(() => batchLoss({ name: 'crossEntropy' }, net), /localization-18 predicts boxes/)
  const built = (options: object) => () =>
    buildModel({ name: 'localization-50', options: { ...options } })
  assert.throws(built({ objects: 20 }), /localization-50 has no option objects/)
  assert.throws(built({ classes: 0 }), /localization-50: classes cannot be 0/)
  assert.throws(
    () => buildModel({ name: 'localization-19', options: {} }),
    /no model localization-19/,
  )
  const again = buildModel(JSON.parse(JSON.stringify(net.config)))
  assert.deepEqual([...again.stateDict().keys()], [...net.stateDict().keys()])
  assert.equal(again.stateDict().get('head.classifier.bias')!.shape[0], 8)
})
