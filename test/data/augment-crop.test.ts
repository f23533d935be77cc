// Parts of images: where they lie, how often, and what stands beyond.

import assert from 'node:assert/strict'
import { DataError } from '../../engine/errors.ts'
import { entropyOf, sizedRegion } from '../../train/augment/crop.ts'
import { augment, checkSteps } from '../../train/augment/index.ts'
import { Random } from '../../train/random.ts'
import { test } from '../harness.ts'
import { chiSquared, drawnExample, drawnNumbers, drawnSize } from './augment.ts'

const mean = [0.485, 0.456, 0.406].map(Math.fround)

test('augment: a crop is an index shift; beyond the image stands the mean colour, and void', () => {
  for (let seed = 0; seed < 80; seed++) {
    const random = new Random(0x61, seed)
    const example = drawnExample(...drawnSize(random), seed)
    const [height, width] = drawnSize(random)
    const at = random.pick(['random', 'centre'] as const)
    const out = augment(example, [{ name: 'crop', size: [height, width], at }], [seed])
    const { top, left } = drawnNumbers(out, 'crop')
    for (const [place, whole, part] of [
      [top, example.height, height],
      [left, example.width, width],
    ]) {
      assert.ok(place >= Math.min(0, whole - part) && place <= Math.max(0, whole - part))
      if (at === 'centre') assert.equal(place, Math.floor((whole - part) / 2))
    }
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [j, i] = [y + top, x + left]
        const inside = j >= 0 && i >= 0 && j < example.height && i < example.width
        const [to, from] = [y * width + x, j * example.width + i]
        assert.equal(out.labels[to], inside ? example.labels[from] : 255)
        assert.equal(out.instances?.[to], inside ? example.instances[from] : 0)
        for (let c = 0; c < 3; c++) {
          const was = Math.fround(example.image[3 * from + c] / 255)
          assert.equal(out.image[3 * to + c], inside ? was : mean[c])
        }
      }
  }
})

test('augment: each place of a crop is as likely as the others, within the image and around it', () => {
  for (const [h, w, size] of [
    [5, 6, 3],
    [3, 2, 5],
  ]) {
    const example = drawnExample(h, w, 1)
    const counts = new Map<string, number>()
    for (let key = 0; key < 4000; key++) {
      const out = augment(example, [{ name: 'crop', size: [size, size] }], [key])
      const { top, left } = drawnNumbers(out, 'crop')
      counts.set(`${top} ${left}`, (counts.get(`${top} ${left}`) ?? 0) + 1)
    }
    assert.equal(counts.size, 12)
    chiSquared(counts.values(), Array(12).fill(1 / 12))
  }
})

test('augment: a crop by entropy lies where classes are many, in proportion to it', () => {
  const example = drawnExample(1, 8, 1)
  // Of void nothing is told, and one class has no entropy.
  const labels = Uint8Array.of(0, 0, 0, 1, 2, 3, 255, 255)
  const expected = Array.from({ length: 6 }, (_, left) => entropyOf(labels.slice(left, left + 3)))
  assert.deepEqual([expected[0], expected[5]], [0, 0])
  const all = expected.reduce((a, b) => a + b)
  const counts = Array(6).fill(0)
  const steps = checkSteps([{ name: 'crop', size: [1, 3], at: 'entropy' }])
  for (let key = 0; key < 4000; key++)
    counts[drawnNumbers(augment({ ...example, labels }, steps, [key]), 'crop')['left']]++
  assert.deepEqual([counts[0], counts[5]], [0, 0])
  chiSquared(
    counts.slice(1, 5),
    expected.slice(1, 5).map((e) => e / all),
  )
})

test('augment: where all places have one class, or none, each is as likely as the others', () => {
  const example = drawnExample(1, 6, 1)
  for (const label of [4, 255]) {
    const labels = new Uint8Array(6).fill(label)
    const counts = Array(4).fill(0)
    const steps = checkSteps([{ name: 'crop', size: [1, 3], at: 'entropy' }])
    for (let key = 0; key < 2000; key++)
      counts[drawnNumbers(augment({ ...example, labels }, steps, [key]), 'crop')['left']]++
    chiSquared(counts, Array(4).fill(1 / 4))
  }
})

test('augment: a little of another class is found though most places have none', () => {
  const example = drawnExample(1, 500, 1)
  const labels = new Uint8Array(500)
  labels[250] = 1
  const steps = checkSteps([{ name: 'crop', size: [1, 5], at: 'entropy' }])
  let found = 0
  for (let key = 0; key < 300; key++) {
    const { left } = drawnNumbers(augment({ ...example, labels }, steps, [key]), 'crop')
    found += +(left <= 250 && left > 245)
  }
  // 64 places of 496 are looked at, of which 5 have it: found in 1 − (491/496)^64, 48 %.
  assert.ok(found > 100 && found < 190, `${found}`)
})

test('augment: padding is the mean colour and void below and to the right; what is larger is refused', () => {
  const example = drawnExample(3, 4, 2)
  const out = augment(example, [{ name: 'pad', size: [5, 7] }], [1])
  for (let y = 0; y < 5; y++)
    for (let x = 0; x < 7; x++) {
      const inside = y < 3 && x < 4
      const [to, from] = [y * 7 + x, y * 4 + x]
      assert.equal(out.labels[to], inside ? example.labels[from] : 255)
      assert.equal(out.instances?.[to], inside ? example.instances[from] : 0)
      for (let c = 0; c < 3; c++) {
        const was = Math.fround(example.image[3 * from + c] / 255)
        assert.equal(out.image[3 * to + c], inside ? was : mean[c])
      }
    }
  assert.throws(
    () => augment(example, [{ name: 'pad', size: [5, 3] }], [1]),
    (error: unknown) =>
      error instanceof DataError &&
      /drawn 2: is 3×4 and cannot be padded to 5×3\n {2}hint: crop it or resize/.test(
        error.message,
      ),
  )
})

test('augment: ImageNet’s parts have the area and the aspect that are asked for', () => {
  const [height, width] = [300, 400]
  const options = { size: [224, 224], area: [0.08, 1], aspect: [3 / 4, 4 / 3] } as const
  let upright = 0
  const areas: number[] = []
  for (let key = 0; key < 4000; key++) {
    const region = sizedRegion({ height, width }, options, new Random(key))
    assert.ok(region.top >= 0 && region.top + region.height <= height)
    assert.ok(region.left >= 0 && region.left + region.width <= width)
    const ratio = region.width / region.height
    // Sides are rounded, of 75 pixels or more.
    assert.ok(ratio > 0.735 && ratio < 1.36, `${ratio}`)
    areas.push((region.height * region.width) / (height * width))
    upright += +(region.height > region.width)
  }
  assert.ok(Math.min(...areas) > 0.078 && Math.min(...areas) < 0.09)
  assert.ok(Math.max(...areas) > 0.93)
  // Exchanged with ½: were it not, or twice, wide ones would be much more frequent. Some upright ones do not fit.
  assert.ok(upright > 1700 && upright < 2050, `${upright}`)
})

test('augment: where no part fits ImageNet’s is the middle, the shorter side resized', () => {
  const options = { size: [8, 8], area: [1, 1], aspect: [3, 3] } as const
  const region = sizedRegion({ height: 20, width: 30 }, options, new Random(1))
  assert.deepEqual(region, { top: 0, left: 5, height: 20, width: 20 })
  const example = drawnExample(20, 30, 3)
  const asked = { name: 'sizedCrop', ...options } as const
  const out = augment(example, [asked], [1])
  const square = augment(
    example,
    [
      { name: 'crop', size: [20, 20], at: 'centre' },
      { name: 'resize', longer: 8, filter: 'bicubic' },
    ],
    [1],
  )
  assert.deepEqual({ ...out, drawn: [] }, { ...square, drawn: [] })
})
