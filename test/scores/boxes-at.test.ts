// Boxes of the localization net's coarse grid at the pixels of a picture: the device as the reference, and no box between two instances.

import { constant } from '../../engine/index.ts'
import { interpret, randomFrom } from '../../engine/reference/index.ts'
import { hostLocalizationTargets } from '../../nn/localization-host.ts'
import { pixelsSeen } from '../../train/instances/cast.ts'
import { boxesAt } from '../../train/instances/ops.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

type Attrs = Parameters<typeof boxesAt>[3]

test('boxes at pixels: the device as the reference, at other sizes of picture and grid', async () => {
  const device = await testDevice()
  for (const [seed, h, w, classes, ranks, attrs] of [
    [1, 3, 5, 2, 2, { stride: 4, offset: 2, step: 1, picture: [12, 20], size: [12, 20] }],
    [2, 4, 3, 3, 1, { stride: 8, offset: 4, step: 2, picture: [61, 47], size: [31, 23] }],
    [3, 1, 1, 1, 2, { stride: 4, offset: 0, step: 3, picture: [7, 5], size: [3, 2] }],
    [4, 7, 9, 1, 1, { stride: 1, offset: 0, step: 2, picture: [7, 9], size: [7, 9] }],
  ] as const) {
    for (const threshold of [0, 0.5, 1]) {
      const random = randomFrom(seed)
      const [rows, columns] = attrs.picture.map((n) => Math.ceil(n / attrs.step))
      const of = (n: number, fn: () => number) => Float32Array.from({ length: n }, fn)
      // Whole numbers: which boxes are alike is then no matter of rounding.
      const boxes = of(4 * h * w * classes, () => 4 + Math.floor(8 * random()))
      const scores = of(h * w * (classes + 1), () => Math.max(0, random() - 0.3))
      const labels = of(rows * columns * ranks, () => Math.floor((classes + 1) * random()))
      const y = boxesAt(
        constant(boxes, [h, w, classes, 4]),
        constant(Int32Array.from(labels), [rows * columns, ranks]),
        constant(scores, [h, w, classes + 1]),
        { ...attrs, columns, threshold },
      )
      const found = (await device.read(y)) as Float32Array
      close(found, interpret([y])[0], 1e-4, `case ${seed}, threshold ${threshold}`)
    }
  }
})

/** Two instances of class 1 that touch, on background: labels and numbers, [32, 48]. */
function twoThatTouch() {
  const [h, w] = [32, 48]
  const [labels, instances] = [new Uint8Array(h * w), new Uint16Array(h * w)]
  for (let y = 5; y < 27; y++)
    for (let x = 6; x < 41; x++) {
      labels[y * w + x] = 1
      instances[y * w + x] = x < 25 ? 1 : 2
    }
  return { h, w, labels, instances }
}

test('boxes at pixels: along an edge the box of one instance, whatever the next one and background say', async () => {
  const { h, w, labels, instances } = twoThatTouch()
  const device = await testDevice()
  const random = randomFrom(5)
  for (const stride of [4, 8]) {
    const offset = stride / 2
    const grid = { stride, offset, sigma: 1 }
    const targets = hostLocalizationTargets(labels, instances, [1, h, w], stride, {
      ...{ classes: 1, sigma: 1, offset },
    })
    const [rows, columns] = [h / stride, w / stride]
    const [ys, xs] = [h, w].map((n, a) =>
      pixelsSeen([rows, columns][a], grid, { pixels: n, seen: n }),
    )
    const boxes = Float32Array.from({ length: 4 * rows * columns }, () => 40 * random())
    const scores = new Float32Array(2 * rows * columns)
    for (let cell = 0; cell < rows * columns; cell++) {
      const [y, x] = [ys[Math.floor(cell / columns)], xs[cell % columns]]
      const label = labels[y * w + x]
      scores[2 * cell + label] = 1
      if (!label) continue
      const [dy, dx, ...size] = targets.boxes.data.subarray(4 * cell, 4 * cell + 4)
      boxes.set([dy + y, dx + x, ...size], 4 * cell)
    }
    const attrs: Attrs = {
      ...{ stride, offset, step: 1, threshold: 0.5, columns: w },
      ...{ picture: [h, w], size: [h, w] },
    }
    const found = (await device.read(
      boxesAt(
        constant(boxes, [rows, columns, 1, 4]),
        constant(Int32Array.from(labels), [h * w, 1]),
        constant(scores, [rows, columns, 2]),
        attrs,
      ),
    )) as Float32Array
    const truth = [
      [4.5, 5.5, 26.5, 24.5],
      [4.5, 24.5, 26.5, 40.5],
    ]
    // The instances meet half way between two predictions, so that the nearer one is that of the pixel's own.
    labels.forEach((label, at) => {
      const box = found.subarray(4 * at, 4 * at + 4)
      const where = `pixel ${at % w}, ${Math.floor(at / w)}, stride ${stride}`
      if (label) close(box, truth[instances[at] - 1], 1e-3, where)
    })
  }
})
