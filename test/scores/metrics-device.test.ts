// What the device counts against what the host counts: whole numbers, so the same ones.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Device } from '../../engine/device.ts'
import { openDevice } from '../../engine/node.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { checkOp } from '../../engine/reference/index.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { Random } from '../../train/random.ts'
import { DistanceScores } from '../../train/scoring/distance-scores.ts'
import { distancesOp } from '../../train/scoring/distances.ts'
import { ConfusionMatrix } from '../../train/scoring/metrics.ts'
import { Scorer, type ScorerOptions } from '../../train/scoring/scorer.ts'
import { readSafetensors } from '../../train/weights/safetensors.ts'
import { testDevice } from '../device.ts'
import { needShared, test } from '../harness.ts'

const classes = (n: number): ClassInfo[] =>
  Array.from({ length: n }, (_, i) => ({ name: `c${i}`, colour: [i, i, i] }))

interface Image {
  readonly labels: Uint8Array
  readonly guess: Uint8Array
  readonly shape: readonly [n: number, h: number, w: number]
}

/** Patches of labels, so that some pixels are far from all boundaries; predictions that are right about half of the time. */
function draw(seed: number, n: number, [count, h, w]: Image['shape'], kinds: number): Image {
  const random = new Random(seed)
  const pick = (below: number) => Math.floor(random.uniform() * below)
  const labels = new Uint8Array(count * h * w)
  const cells = Array.from({ length: 64 }, () => (random.uniform() < 0.15 ? 255 : pick(kinds)))
  const side = Math.max(1, Math.ceil(Math.max(h, w) / 6))
  labels.forEach((_, i) => {
    const [y, x] = [Math.floor(i / w) % h, i % w]
    labels[i] = cells[(8 * Math.floor(y / side) + Math.floor(x / side)) % 64]
    if (random.uniform() < 0.01) labels[i] = n + pick(Math.max(1, 255 - n))
  })
  const guess = labels.map((v) => (v < n && random.uniform() < 0.5 ? v : pick(n)))
  return { labels, guess, shape: [count, h, w] }
}

async function onDevice(
  images: readonly Image[],
  n: number,
  options: ScorerOptions = {},
  given?: Device,
) {
  const device = given ?? (await testDevice())
  const same = device.compile((x) => [x])
  using scorer = new Scorer(device, classes(n), options)
  const each = []
  for (const { labels, guess, shape } of images) {
    const [predictions] = await same.run(hostTensor(guess, shape))
    const counts = await scorer.add(labels, predictions)
    predictions.dispose()
    each.push(await counts())
  }
  same.dispose()
  return { ...(await scorer.result()), each }
}

function onHost(images: readonly Image[], n: number): ConfusionMatrix {
  const matrix = new ConfusionMatrix(classes(n))
  for (const { labels, guess } of images) matrix.add(labels, guess)
  return matrix
}

for (const [what, n, kinds, shapes] of [
  ['one pixel', 3, 3, [[1, 1, 1]]],
  [
    'sizes that differ',
    5,
    3,
    [
      [2, 9, 13],
      [1, 13, 9],
      [1, 31, 7],
    ],
  ],
  ['150 classes', 150, 150, [[1, 40, 50]]],
  ['255 classes', 255, 255, [[1, 20, 50]]],
  ['more pixels than 2¹⁶', 19, 12, [[3, 200, 301]]],
  ['one class', 1, 1, [[1, 6, 6]]],
] as const)
  test(`metrics: the device counts as the host does, ${what}`, async () => {
    const images = shapes.map((shape, i) => draw(i + 1, n, shape, kinds))
    const host = onHost(images, n)
    const { confusion } = await onDevice(images, n)
    assert.deepEqual(confusion.counts, host.counts)
    assert.equal(confusion.labelsOutOfRange, host.labelsOutOfRange)
    for (const absent of ['skip', 'zero'] as const)
      assert.deepEqual(confusion.scores({ absent }), host.scores({ absent }))
  })

test('metrics: counts that are fetched now and then add up, and each image has its own', async () => {
  const images = [1, 2, 3].map((seed) => draw(seed, 4, [2, 10, 11], 4))
  const { confusion, each } = await onDevice(images, 4, { fetchAfter: 220, perImage: true })
  assert.deepEqual(confusion.counts, onHost(images, 4).counts)
  for (const [b, { labels, guess }] of images.entries())
    for (const [i, own] of each[b].confusions.entries()) {
      const half = (x: Uint8Array) => x.subarray(110 * i, 110 * (i + 1))
      const alone = new ConfusionMatrix(classes(4))
      alone.add(half(labels), half(guess))
      assert.deepEqual(own.counts, alone.counts)
      assert.equal(own.labelsOutOfRange, alone.labelsOutOfRange)
    }
})

test('metrics: a device of default limits and no features counts the same', async () => {
  await testDevice()
  const plain = await openDevice({ defaultLimits: true, alignment: 256, say: () => {} })
  try {
    const images = [draw(5, 7, [2, 61, 83], 6)]
    const distances = { radii: [1, 5, 9], withVoid: false, norm: 'euclidean' } as const
    const options = { distances, groups: { groups: classes(2), groupOf: [0, 0, 0, 1, 1, 1, 1] } }
    const [a, b] = [await onDevice(images, 7, options, plain), await onDevice(images, 7, options)]
    assert.deepEqual(a.confusion.counts, onHost(images, 7).counts)
    assert.deepEqual(a.rings!.trimap(), b.rings!.trimap())
    assert.deepEqual(a.groupRings!.trimap(), b.groupRings!.trimap())
  } finally {
    plain.close()
  }
})

test('metrics: nothing labelled scores 0, and is no NaN', async () => {
  const shape = [1, 4, 5] as const
  const empty = { labels: new Uint8Array(20).fill(255), guess: new Uint8Array(20), shape }
  const distances = { radii: [1, 2], withVoid: true, norm: 'euclidean' } as const
  const { confusion, rings } = await onDevice([empty], 3, { distances })
  const scores = confusion.scores({ absent: 'zero' })
  assert.deepEqual([scores.meanIoU, scores.pixelAccuracy, scores.labelledPixels], [0, 0, 0])
  assert.deepEqual(rings!.trimap(), [0, 0])
  const none = await onDevice([], 3, { distances })
  assert.equal(none.confusion.scores().meanIoU, 0)
  assert.deepEqual(none.rings!.trimap(), [0, 0])
})

test('labelDistances: its samples, as on the host', async () => {
  const device = await testDevice()
  assert.deepEqual(await checkOp(device, distancesOp), [])
})

for (const [norm, withVoid] of [
  ['euclidean', false],
  ['euclidean', true],
  ['chessboard', true],
] as const)
  test(`metrics: the trimap of the device is that of the host, ${norm}, void ${withVoid ? 'meets' : 'does not meet'}`, async () => {
    const radii = [0, 1, 2.5, 4, 7, 20]
    const [groups, groupOf] = [classes(2), [0, 1, 1, 0, 1]]
    const images = (
      [
        [1, 1, 1],
        [1, 61, 47],
        [1, 33, 90],
        [2, 150, 231],
      ] as const
    ).map((shape, i) => draw(i + 7, 5, shape, 4))
    const host = new DistanceScores(classes(5), radii, { norm, withVoid })
    for (const {
      labels,
      guess,
      shape: [count, h, w],
    } of images)
      for (let i = 0; i < count; i++) {
        const own = (x: Uint8Array) => x.subarray(i * h * w, (i + 1) * h * w)
        host.add(own(labels), own(guess), h, w)
      }
    const distances = { radii, norm, withVoid }
    const { rings, groupRings } = await onDevice(images, 5, {
      ...{ distances, groups: { groups, groupOf } },
    })
    radii.forEach((_, i) => {
      const whole = { ...rings!.within(i), labelsOutOfRange: 0 }
      assert.deepEqual(whole, { ...host.within(i).scores(), labelsOutOfRange: 0 })
      assert.deepEqual(rings!.beyond(i), { ...host.beyond(i).scores(), labelsOutOfRange: 0 })
    })
    assert.deepEqual(rings!.trimap(), host.trimap())
    assert.deepEqual(groupRings!.trimap(), host.trimap(groups, groupOf))
    assert.ok(host.beyond(5).scores().labelledPixels > 0)
  })

/** The values of a golden case by name. */
function golden(path: string): (name: string) => number[] {
  const file = needShared(`goldens/${path}.safetensors`)
  const { tensors } = readSafetensors(readFileSync(file), file)
  return (name) => Array.from(tensors.get(name)!.data, Number)
}

for (const [id, n] of [
  ['five', 5],
  ['absent_classes', 7],
  ['city19', 19],
] as const)
  test(`metrics: the device gives the golden confusion ${id}`, async () => {
    const values = golden(`metrics/metrics.${id}`)
    const [labels, guess] = [values('labels'), values('prediction')].map((v) => Uint8Array.from(v))
    const shape = [1, 1, labels.length] as const
    const { confusion } = await onDevice([{ labels, guess, shape }], n)
    assert.deepEqual([...confusion.counts], values('confusion'))
  })

test('metrics: the device gives the golden trimap', async () => {
  const values = golden('trimap/trimap.small')
  const [labels, guess] = [values('labels'), values('prediction')].map((v) => Uint8Array.from(v))
  const radii = values('radii')
  const n = 1 + Math.max(...guess, ...labels.filter((v) => v !== 255))
  for (const withVoid of [true, false]) {
    const expected = values(`mean_iou_${withVoid ? 'with_void' : 'without_void'}`)
    const { rings } = await onDevice([{ labels, guess, shape: [1, 23, 31] }], n, {
      distances: { radii, withVoid, norm: 'euclidean' },
    })
    rings!.trimap().forEach((iou, i) => {
      // The golden values are f32.
      assert.ok(Math.abs(iou - expected[i]) < 1e-7, `${radii[i]}: ${iou}, not ${expected[i]}`)
    })
  }
})
