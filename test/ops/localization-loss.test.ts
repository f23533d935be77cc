// The loss of the localization net against a plain computation in float64: what is kept, what it weighs, what does not
// count.

import assert from 'node:assert/strict'
import { grad } from '../../engine/grad.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import {
  type HostLocalizationTargets,
  type LocalizationLossOptions,
  localizationLoss,
  localizationTargets,
} from '../../nn/index.ts'
import { agree } from '../agree.ts'
import { close } from '../checks.ts'
import { test } from '../harness.ts'
import { canvas, drawnMaps, onHost, run, twoInstances } from '../scores/instances.ts'

/** The loss and its gradient in float64, and which cells are kept. */
function plainLoss(
  prediction: ArrayLike<number>,
  { boxes, classes, sigma }: HostLocalizationTargets,
  options: LocalizationLossOptions = {},
) {
  const { threshold = 0.7, keep = 512, beta = 1, weights = [1 / 256, 1 / 16] } = options
  const [n] = boxes.shape
  const m = classes.data.length / n
  const channels = prediction.length / (n * m)
  const cells = Array.from(classes.data, (label, cell) => {
    const from = cell * channels + 4 * (label - 1)
    const own = Array.from({ length: 4 }, (_, t) => prediction[from + t])
    const truth = Array.from(boxes.data.slice(4 * cell, 4 * cell + 4))
    return { label, cell, from, own, truth, iou: label ? iouOf(own, truth, sigma) : 0 }
  }).filter(({ label }) => label)
  const kept = Array.from({ length: n }, (_, image) => {
    const mine = cells.filter(({ cell }) => Math.floor(cell / m) === image)
    const ranked = mine.toSorted((a, b) => a.iou - b.iou || a.cell - b.cell)
    return ranked.filter(({ iou }, rank) => iou < threshold || rank < keep)
  }).flat()
  const weightOf = ([, , h, w]: readonly number[]) =>
    Math.min(weights[1], Math.max(weights[0], 1 / (sigma * Math.sqrt(h * w))))
  const total = kept.reduce((s, { truth }) => s + weightOf(truth), 0)
  const gradient = new Float64Array(prediction.length)
  let loss = 0
  for (const { from, own, truth } of kept)
    own.forEach((v, t) => {
      const share = weightOf(truth) / total
      const d = v - truth[t]
      loss += share * (Math.abs(d) < beta ? (0.5 * d * d) / beta : Math.abs(d) - beta / 2)
      gradient[from + t] = share * Math.min(1, Math.max(-1, d / beta))
    })
  return { loss, gradient, kept: kept.map(({ cell }) => cell).toSorted((a, b) => a - b) }
}

function iouOf(a: readonly number[], b: readonly number[], sigma: number): number {
  const [p, q] = [a, b].map(([y, x, h, w]) => {
    const [height, width] = [Math.max(1, sigma * h), Math.max(1, sigma * w)]
    const [cy, cx] = [sigma * y, sigma * x]
    return { top: cy - height / 2, left: cx - width / 2, height, width }
  })
  const overlap = (from: 'top' | 'left', size: 'height' | 'width') =>
    Math.max(0, Math.min(p[from] + p[size], q[from] + q[size]) - Math.max(p[from], q[from]))
  const both = overlap('top', 'height') * overlap('left', 'width')
  return both / (p.height * p.width + q.height * q.width - both)
}

/** Loss, gradient and outOfRange for a prediction, of targets from the host. */
const lossOnDevice = (
  prediction: HostTensor,
  { boxes, classes, outOfRange, sigma }: HostLocalizationTargets,
  options: LocalizationLossOptions = {},
) =>
  run(
    (x, b, c, o) => {
      const targets = { boxes: b, classes: c, outOfRange: o, sigma }
      const made = localizationLoss(x, targets, options)
      return [made.loss, ...grad(made.loss, [x]), made.outOfRange]
    },
    prediction,
    boxes,
    classes,
    hostTensor(Float32Array.of(outOfRange), []),
  )

/** Predictions near the targets in all channels, and far from them at every third cell. */
function drawnPrediction(
  { boxes }: HostLocalizationTargets,
  classes: number,
  seed = 5,
): HostTensor {
  const random = randomFrom(seed)
  const [n, h, w] = boxes.shape
  const data = Float32Array.from({ length: n * h * w * 4 * classes }, (_, e) => {
    const cell = Math.floor(e / (4 * classes))
    const size = cell % 3 ? 0.05 : 3
    return boxes.data[4 * cell + (e % 4)] + size * (random() - 0.5)
  })
  return hostTensor(data, [n, h, w, 4 * classes])
}

test('localizationLoss: loss and gradient as in float64, whatever is kept', async () => {
  const maps = drawnMaps([2, 33, 47], [1, 2, 3, 4, 5, 6, 200], 'u8')
  const host = onHost(maps, 4, { classes: 4 })
  const prediction = drawnPrediction(host, 4)
  const all = host.classes.data.filter((c) => c).length
  const counts = new Set<number>()
  for (const options of [
    {},
    { keep: 5 },
    { keep: 5, threshold: 0 },
    { keep: 1, threshold: 1 },
    { keep: 40, threshold: 0.3, beta: 0.25 },
    { keep: 20, weights: [1 / 30, 1 / 20] },
    { keep: 1000, weights: [1, 1] },
  ] satisfies LocalizationLossOptions[]) {
    const want = plainLoss(prediction.data, host, options)
    counts.add(want.kept.length)
    const [loss, gradient, outOfRange] = await lossOnDevice(prediction, host, options)
    const what = JSON.stringify(options)
    close(loss, [want.loss], 2e-6 * want.loss, what)
    close(gradient, want.gradient, 1e-6 / want.kept.length, `${what}: gradient`)
    assert.deepEqual([...outOfRange], [0])
    gradient.forEach((g, e) => {
      if (want.gradient[e] === 0) assert.equal(g, 0, `${what}: element ${e} is dropped`)
    })
  }
  assert.ok(
    all < 512 && counts.has(all) && counts.has(10) && counts.size >= 4,
    `${all}: ${[...counts]}`,
  )
})

/** Cells of 8×8 instances, whose boxes are predicted with heights of so many pixels. */
function ofHeights(heights: readonly (readonly number[])[]) {
  const [n, w] = [heights.length, heights[0].length]
  const boxes = hostTensor(
    Float32Array.from({ length: 4 * n * w }, (_, e) => [0.25, -0.5, 1 / 8, 1 / 8][e % 4]),
    [n, 1, w, 4],
  )
  const classes = hostTensor(new Int32Array(n * w).fill(1), [n, 1, w])
  const prediction = hostTensor(
    Float32Array.from(heights.flat().flatMap((h) => [0.25, -0.5, h / 64, 1 / 8])),
    [n, 1, w, 4],
  )
  return { prediction, host: { boxes, classes, outOfRange: 0, sigma: 64 } }
}

test('localizationLoss: kept are IoUs below the threshold, and the least so many of each image', async () => {
  // IoUs 1/2, 3/4, 1/4, 1 and 7/8; then 1/8 (a size below a pixel is one), 7/8, 7/8, 1/2 and 1/2.
  const { prediction, host } = ofHeights([
    [4, 6, 2, 8, 7],
    [-3, 7, 7, 4, 16],
  ])
  const kept: [options: LocalizationLossOptions, cells: number[]][] = [
    [{ keep: 1 }, [0, 2, 5, 8, 9]],
    [{ keep: 3 }, [0, 1, 2, 5, 8, 9]],
    // Of equal ones the first.
    [{ keep: 4 }, [0, 1, 2, 4, 5, 6, 8, 9]],
    // The threshold itself is not below it.
    [{ keep: 1, threshold: 0.5 }, [2, 5]],
    [{ keep: 2, threshold: 0 }, [0, 2, 5, 8]],
    [{ keep: 1, threshold: 1 }, [0, 1, 2, 4, 5, 6, 7, 8, 9]],
  ]
  for (const [options, cells] of kept) {
    assert.deepEqual(plainLoss(prediction.data, host, options).kept, cells)
    const [loss, gradient] = await lossOnDevice(prediction, host, options)
    const found = Array.from({ length: 10 }, (_, cell) => cell).filter((c) => gradient[4 * c + 2])
    assert.deepEqual(found, cells, JSON.stringify(options))
    // All weigh the same, so the loss is the mean of ½((h − 8)/64)² over them.
    const each = cells.map((cell) => 0.5 * (prediction.data[4 * cell + 2] - 1 / 8) ** 2)
    close(loss, [each.reduce((a, b) => a + b) / cells.length], 1e-8, JSON.stringify(options))
  }
})

test('localizationLoss: instances weigh 1 / √(h·w), within 1/256 and 1/16, and the mean weight is 1', async () => {
  // 4×4 and 300×1200 pixels are beyond both ends; 64×16 weighs 1/32.
  const sizes = [
    [4, 4],
    [64, 16],
    [300, 1200],
  ]
  const boxes = hostTensor(
    Float32Array.from(sizes.flatMap(([h, w]) => [0, 0, h / 64, w / 64])),
    [1, 1, 3, 4],
  )
  const classes = hostTensor(Int32Array.of(1, 1, 1), [1, 1, 3])
  const prediction = hostTensor(boxes.data.slice(), [1, 1, 3, 4])
  // Errors of ½ (a loss of ⅛), 3 (2½) and 1 (½).
  prediction.data[0] += 0.5
  prediction.data[5] -= 3
  prediction.data[8] += 1
  const [loss] = await lossOnDevice(prediction, { boxes, classes, outOfRange: 0, sigma: 64 })
  const w = [1 / 16, 1 / 32, 1 / 256]
  const mean = (w[0] + w[1] + w[2]) / 3
  const want = ((w[0] / mean) * 0.125 + (w[1] / mean) * 2.5 + (w[2] / mean) * 0.5) / 3
  close(loss, [want], 1e-6, 'loss')
})

test('localizationLoss: without instances it is 0 with zero gradient; what does not count may be NaN', async () => {
  const empty = canvas([2, 16, 16], 'u8')
  const nothing = hostTensor(new Float32Array(2 * 4 * 8).fill(Number.NaN), [2, 2, 2, 8])
  const none = await lossOnDevice(nothing, onHost(empty, 8))
  for (const values of none) assert.ok(values.every((v) => v === 0))

  const host = onHost(twoInstances(), 8)
  const prediction = drawnPrediction(host, 3)
  const spoilt = hostTensor(prediction.data.slice(), prediction.shape)
  const want = await lossOnDevice(prediction, host)
  host.classes.data.forEach((label, cell) => {
    for (let c = 0; c < 12; c++)
      if (Math.floor(c / 4) !== label - 1) spoilt.data[12 * cell + c] = c % 2 ? Number.NaN : 1e38
  })
  assert.deepEqual(await lossOnDevice(spoilt, host), want)
})

test('localizationLoss: labels that are no class, and classes that the prediction has not, are counted', async () => {
  const maps = twoInstances()
  maps.labels.data[12 * 24 + 4] = 77
  const host = onHost(maps, 8)
  assert.equal(host.outOfRange, 1)
  // Class 3 is missing from the prediction, and with it the first cell.
  assert.equal(host.classes.data[0], 3)
  const prediction = drawnPrediction(host, 2)
  const classes = hostTensor(host.classes.data.slice().fill(0, 0, 1), host.classes.shape)
  const want = plainLoss(prediction.data, { ...host, classes })
  const [loss, gradient, outOfRange] = await lossOnDevice(prediction, host)
  assert.deepEqual([...outOfRange], [2])
  close(loss, [want.loss], 1e-6 * want.loss, 'loss')
  close(gradient, want.gradient, 1e-6, 'gradient')
})

test('localizationLoss: the interpreter agrees, targets included', async () => {
  const { labels, instances } = drawnMaps([2, 13, 18], [1, 2, 9], 'i32', { seed: 8 })
  const prediction = drawnPrediction(onHost({ labels, instances }, 4, { classes: 4 }), 4)
  await agree(
    (l, i, x) => {
      const targets = localizationTargets(l, i, 4, { classes: 4 })
      const { loss, outOfRange } = localizationLoss(x, targets, { keep: 4 })
      const { boxes, classes } = targets
      return [boxes, classes, loss, ...grad(loss, [x]), outOfRange]
    },
    [labels, instances, prediction],
  )
})
