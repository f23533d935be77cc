// Sizes and turns: each against the formula that states it, summed over every pixel of the source.

import assert from 'node:assert/strict'
import { augment, checkSteps } from '../../train/augment/index.ts'
import { cubic, lanczos3 } from '../../train/augment/resample.ts'
import { rotated } from '../../train/augment/rotate.ts'
import { subsampled } from '../../train/augment/subsample.ts'
import { Random } from '../../train/random.ts'
import { test } from '../harness.ts'
import { chiSquared, drawnExample, drawnNumbers, drawnSize, frame, nearly } from './augment.ts'

/** Pixel (y, x, c) of another picture, given the weight that each source row and column has for it. */
function weighed(
  example: { image: Uint8Array; height: number; width: number },
  rows: (y: number) => number[],
  columns: (x: number) => number[],
  height: number,
  width: number,
): number[] {
  const out: number[] = []
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) {
        let sum = 0
        rows(y).forEach((v, j) => {
          columns(x).forEach((h, i) => {
            sum += (v * h * example.image[3 * (j * example.width + i) + c]) / 255
          })
        })
        out.push(Math.min(1, Math.max(0, sum)))
      }
  return out
}

/** Weights of all source pixels for target pixel `at`: the filter around its centre, as wide as the target's pixels, sum 1. */
const filtered =
  (from: number, to: number, shrinking: typeof cubic) =>
  (at: number): number[] => {
    const scale = Math.max(1, from / to)
    const filter = to < from ? shrinking : cubic
    const centre = ((at + 0.5) * from) / to - 0.5
    const all = Array.from({ length: from }, (_, j) => filter.at((j - centre) / scale))
    const sum = all.reduce((a, b) => a + b)
    return all.map((w) => w / sum)
  }

test('resample: the cubic is Keys’s with a = −½, and Lanczos-3 two sines', () => {
  // At 0, ½, 1, 1½, 2.
  nearly([0, 0.5, 1, 1.5, 2].map(cubic.at), [1, 0.5625, 0, -0.0625, 0], 1e-12)
  const half = (Math.sin(Math.PI / 2) / (Math.PI / 2)) * (Math.sin(Math.PI / 6) / (Math.PI / 6))
  nearly([0, 0.5, 1, 2, 3].map(lanczos3.at), [1, half, 0, 0, 0], 1e-12)
})

test('augment: a resize is the sum of the filter over the source, labels the nearest', () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(0x51, seed)
    const example = drawnExample(...drawnSize(random), seed)
    const filter = random.pick(['antialias', 'bicubic'] as const)
    const steps = checkSteps([{ name: 'resize', longer: random.int(1, 30), filter }])
    const out = augment(example, steps, [seed])
    const shrinking = filter === 'antialias' ? lanczos3 : cubic
    const { height, width } = out
    const rows = filtered(example.height, height, shrinking)
    const columns = filtered(example.width, width, shrinking)
    nearly(out.image, weighed(example, rows, columns, height, width), 2e-6)
    const near = (at: number, from: number, to: number) => Math.floor(((at + 0.5) * from) / to)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const row = near(y, example.height, height) * example.width
        const from = row + near(x, example.width, width)
        assert.equal(out.labels[y * width + x], example.labels[from])
        assert.equal(out.instances?.[y * width + x], example.instances[from])
      }
  }
})

test('augment: a resize to its own size leaves every bit', () => {
  const example = drawnExample(12, 9, 3)
  const out = augment(example, [{ name: 'resize', shorter: 9 }], [1])
  const { drawn, ...same } = augment(example, [], [1])
  assert.deepEqual({ ...out, drawn }, { ...same, drawn })
})

test('augment: one side is what was drawn, evenly in ⌈low·S⌉ … ⌊high·S⌋, the other in proportion', () => {
  const example = drawnExample(10, 20, 4)
  const counts = new Map<string, number>()
  for (let key = 0; key < 3000; key++) {
    const { height, width } = augment(
      example,
      [{ name: 'resize', longer: 10, range: [0.7, 1.3] }],
      [key],
    )
    assert.equal(height, Math.round(width / 2))
    counts.set(`${width}`, (counts.get(`${width}`) ?? 0) + 1)
  }
  assert.deepEqual(
    [...counts.keys()].map(Number).sort((a, b) => a - b),
    [7, 8, 9, 10, 11, 12, 13],
  )
  chiSquared(counts.values(), Array(7).fill(1 / 7))
  const shorter = augment(drawnExample(30, 8, 1), [{ name: 'resize', shorter: 4 }], [1])
  assert.deepEqual([shorter.height, shorter.width], [15, 4])
  const thin = augment(drawnExample(1, 40, 1), [{ name: 'resize', longer: 3 }], [1])
  assert.deepEqual([thin.height, thin.width], [1, 3])
})

test('augment: Wu’s ranges of 500 and of 2048 are 350 … 650 and 1434 … 2662', () => {
  for (const [longer, low, high] of [
    [500, 350, 650],
    [2048, 1434, 2662],
  ]) {
    const seen = Array.from({ length: 2000 }, (_, key) => {
      const crop = { name: 'crop', size: [1, 1] } as const
      const steps = [{ name: 'resize', longer, range: [0.7, 1.3] } as const, crop]
      return drawnNumbers(augment(drawnExample(1, 2, 0), steps, [key]), 'resize')['width']
    })
    assert.ok(Math.min(...seen) < low + 8 && Math.max(...seen) > high - 12)
    assert.ok(seen.every((v) => v >= low && v <= high))
  }
})

test('augment: a crop after a resize is a part of the whole, to the bit', () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Random(0x52, seed)
    const example = drawnExample(...drawnSize(random), seed)
    const resize = { name: 'resize', longer: random.int(5, 50) } as const
    const [height, width] = drawnSize(random)
    const whole = augment(example, [resize], [seed])
    const steps = [resize, { name: 'crop', size: [height, width], padding: [0, 0.5, 1] } as const]
    const part = augment(example, steps, [seed])
    const { top, left } = drawnNumbers(part, 'crop')
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [j, i] = [y + top, x + left]
        const inside = j >= 0 && i >= 0 && j < whole.height && i < whole.width
        const [at, from] = [y * width + x, j * whole.width + i]
        assert.equal(part.labels[at], inside ? whole.labels[from] : 255)
        assert.equal(part.instances?.[at], inside ? whole.instances?.[from] : 0)
        for (let c = 0; c < 3; c++)
          assert.equal(part.image[3 * at + c], inside ? whole.image[3 * from + c] : c / 2)
      }
  }
})

/** OpenCV's Lanczos-4: 8 taps around the centre whatever the factor, the edge repeated. */
const lanczos4 =
  (from: number, factor: number) =>
  (at: number): number[] => {
    const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))
    const centre = (at + 0.5) * factor - 0.5
    const out = Array(from).fill(0)
    const first = Math.floor(centre) - 3
    const taps = Array.from({ length: 8 }, (_, k) => {
      const x = first + k - centre
      return sinc(x) * sinc(x / 4)
    })
    const sum = taps.reduce((a, b) => a + b)
    taps.forEach((w, k) => {
      out[Math.min(from - 1, Math.max(0, first + k))] += w / sum
    })
    return out
  }

test('augment: subsampling is Lanczos-4 with 8 taps, labels by the majority of a cell', () => {
  for (let factor = 1; factor <= 9; factor++)
    for (let seed = 0; seed < 3; seed++) {
      const example = drawnExample(...drawnSize(new Random(0x53, seed, factor)), seed)
      const few = Uint8Array.from(example.labels, (v) => (v === 255 ? 255 : v % 2))
      const out = augment({ ...example, labels: few }, [{ name: 'subsample', factor }], [1])
      const { height, width } = out
      assert.equal(height, Math.ceil(example.height / factor))
      assert.equal(width, Math.ceil(example.width / factor))
      const rows = lanczos4(example.height, factor)
      const columns = lanczos4(example.width, factor)
      nearly(out.image, weighed(example, rows, columns, height, width), 2e-6)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const counts = new Map<number, number>()
          let all = 0
          for (let j = y * factor; j < Math.min(example.height, (y + 1) * factor); j++)
            for (let i = x * factor; i < Math.min(example.width, (x + 1) * factor); i++, all++) {
              const label = few[j * example.width + i]
              counts.set(label, (counts.get(label) ?? 0) + 1)
            }
          const [most, votes] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))
          assert.equal(out.labels[y * width + x], 2 * votes > all ? most : 255)
        }
    }
})

test('augment: numbers are subsampled as bytes are', () => {
  const bytes = frame(drawnExample(13, 18, 2))
  const numbers = { ...bytes, image: Float32Array.from(bytes.image, (v) => v / 255) }
  for (const factor of [2, 3, 4])
    nearly(subsampled(numbers, factor).image, subsampled(bytes, factor).image as Float32Array, 1e-6)
})

test('augment: a turn is bilinear with black outside, labels the nearest or void', () => {
  for (let seed = 0; seed < 12; seed++) {
    const random = new Random(0x54, seed)
    const example = drawnExample(...drawnSize(random), seed)
    const out = augment(example, [{ name: 'rotate', degrees: 180 }], [seed])
    const angle = (drawnNumbers(out, 'rotate')['degrees'] * Math.PI) / 180
    const { height, width } = example
    const tent = (from: number) => (_: unknown, j: number) => Math.max(0, 1 - Math.abs(j - from))
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        // Against the clock where y points down.
        const [dy, dx] = [y - (height - 1) / 2, x - (width - 1) / 2]
        const sx = (width - 1) / 2 + Math.cos(angle) * dx - Math.sin(angle) * dy
        const sy = (height - 1) / 2 + Math.sin(angle) * dx + Math.cos(angle) * dy
        const columns = Array.from({ length: width }, tent(sx))
        const rows = Array.from({ length: height }, tent(sy))
        for (let c = 0; c < 3; c++) {
          let sum = 0
          rows.forEach((v, j) => {
            columns.forEach((h, i) => {
              if (v && h) sum += (v * h * example.image[3 * (j * width + i) + c]) / 255
            })
          })
          assert.ok(Math.abs(out.image[3 * (y * width + x) + c] - sum) < 1e-6)
        }
        const [j, i] = [Math.round(sy), Math.round(sx)]
        // Between two pixels rounding decides.
        if (Math.abs(Math.abs(sy - j) - 0.5) < 1e-9 || Math.abs(Math.abs(sx - i) - 0.5) < 1e-9)
          continue
        const inside = j >= 0 && i >= 0 && j < height && i < width
        assert.equal(out.labels[y * width + x], inside ? example.labels[j * width + i] : 255)
        assert.equal(out.instances?.[y * width + x], inside ? example.instances[j * width + i] : 0)
      }
  }
})

test('augment: a quarter turn against the clock brings the right edge to the top', () => {
  const example = drawnExample(5, 5, 9)
  const { labels, image } = rotated(frame(example), 90)
  for (let y = 0; y < 5; y++)
    for (let x = 0; x < 5; x++) {
      const from = x * 5 + 4 - y
      assert.equal(labels?.[y * 5 + x], example.labels[from])
      assert.ok(Math.abs(image[3 * (y * 5 + x)] - example.image[3 * from] / 255) < 1e-6)
    }
  const still = frame(example)
  assert.equal(rotated(still, 0), still)
})
