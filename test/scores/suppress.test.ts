// Non-maximum suppression on the device against one box after another: the same survivors, and the same ones suppressed by each,
// on thousands of random and adversarial inputs. Many inputs are one run, each a segment.

import assert from 'node:assert/strict'
import { hostTensor } from '../../engine/ops/source.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { nonMaximumSuppression } from '../../train/instances/nms.ts'
import { NONE, suppress } from '../../train/instances/ops.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** Boxes by descending score, [n, 4]. */
type Input = readonly (readonly number[])[]

/** Who suppresses each box, as the device says, in each of many inputs; before, between and after them stands what is in none. */
async function onDevice(inputs: readonly Input[], threshold: number, longest: number) {
  const firsts = new Uint32Array(inputs.length + 1)
  inputs.forEach((input, s) => {
    firsts[s + 1] = firsts[s] + input.length
  })
  const total = firsts[inputs.length]
  const edges = new Float32Array(4 * (total + 3)).fill(1)
  edges.set(inputs.flat(2))
  using program = (await testDevice()).compile((boxes: Tensor, first: Tensor) =>
    suppress(boxes, first, threshold, longest),
  )
  using result = await program.run(hostTensor(edges, [total + 3, 4]), hostTensor(firsts))
  const by = (await result.read()) as Uint32Array
  assert.ok(by.subarray(total).every((b) => b === NONE))
  return inputs.map((input, s) =>
    Array.from(by.subarray(firsts[s], firsts[s] + input.length), (b) => b - firsts[s]),
  )
}

/** By the definition; boxes are sorted, so their scores only count down. */
function plain(input: Input, threshold: number): number[] {
  const scores = input.map((_, i) => -i)
  return [...nonMaximumSuppression(input.flat(), scores, { threshold }).suppressedBy]
}

async function agree(inputs: readonly Input[], threshold: number): Promise<void> {
  const longest = Math.max(1, ...inputs.map(({ length }) => length))
  const found = await onDevice(inputs, threshold, longest)
  inputs.forEach((input, i) => {
    assert.deepEqual(found[i], plain(input, threshold), `input ${i} of ${input.length} boxes`)
  })
}

// Edges are halves of whole numbers: areas are then exact in f32, and no rounding decides.
const boxes = (seed: number, count: number, field: number, size: number): Input => {
  const random = randomFrom(seed)
  const half = (n: number) => Math.floor(2 * n * random()) / 2
  return Array.from({ length: count }, () => {
    const [top, left] = [half(field), half(field)]
    return [top, left, top + half(size), left + half(size)]
  })
}

for (const threshold of [0, 0.25, 0.5, 0.7, 1])
  test(`suppress: a thousand random inputs, as one after another, threshold ${threshold}`, async () => {
    const inputs = Array.from({ length: 1000 }, (_, i) => {
      const random = randomFrom(i + 1)
      return boxes(7 * i + 1, Math.floor(70 * random() ** 2), 4 + 30 * random(), 1 + 20 * random())
    })
    assert.ok(inputs.some(({ length }) => length === 0) && inputs.some(({ length }) => length > 60))
    await agree(inputs, threshold)
  })

test('suppress: what is hard: all alike, all apart, chains, nests, boxes without area or of one side', async () => {
  const many = (n: number, box: (i: number) => number[]): Input =>
    Array.from({ length: n }, (_, i) => box(i))
  await agree(
    [
      many(700, () => [1, 2, 9, 8]),
      many(700, (i) => [20 * i, 0, 20 * i + 10, 10]),
      // Each suppresses the next but no other: every second one stays.
      many(700, (i) => [4 * i, 0, 4 * i + 16, 10]),
      // The same from the other end, and from the middle.
      many(700, (i) => [4 * (700 - i), 0, 4 * (700 - i) + 16, 10]),
      many(700, (i) => [
        4 * (i % 2 ? 350 + i : 350 - i),
        0,
        4 * (i % 2 ? 350 + i : 350 - i) + 16,
        10,
      ]),
      many(300, (i) => [0, 0, 300 - i, 300 - i]),
      many(300, (i) => [0, 0, i + 1, i + 1]),
      many(200, () => [3, 3, 3, 3]),
      many(200, (i) => [3, 3, 3, 3 + (i % 7)]),
      many(200, (i) => (i % 3 ? [0, 0, 8, 8] : [4, 4, 4, 4])),
      // Upside down: of negative sides, which overlap nothing.
      many(100, (i) => [9, 9, 4 - (i % 3), 5]),
      many(1, () => [0, 0, 1, 1]),
      [],
    ],
    0.5,
  )
})

test('suppress: long inputs, in chunks of every length up to the longest', async () => {
  const random = boxes(5, 9000, 220, 40)
  await agree([random, boxes(6, 64, 10, 9), boxes(7, 65, 10, 9), boxes(8, 4033, 100, 30)], 0.5)
  await agree([random.slice(0, 2500)], 1)
})

/** Of each of 500 × 500 pixels the box of the object that it is in, nearly: objects stand in rows, and what noise there is leaves
 * edges at halves of whole numbers. In the order of scores, which is any. */
function castByPixels(seed: number, noise: number): Input {
  const random = randomFrom(seed)
  const half = (n: number) => Math.round(n * (2 * random() - 1)) / 2
  const cast = Array.from({ length: 250_000 }, (_, at) => {
    const [y, x] = [Math.floor(at / 500), at % 500]
    const [top, left] = [50 * Math.floor(y / 50), 40 * Math.floor(x / 40)]
    return [top, left, top + 50, left + 40].map((edge) => edge + half(noise))
  })
  for (let i = cast.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = cast[i]
    cast[i] = cast[j]
    cast[j] = swapped
  }
  return cast
}

test(
  'suppress: a quarter of a million boxes of one class, as one after another',
  async () => {
    const inputs = {
      'of 130 objects': castByPixels(3, 20),
      'of noise': castByPixels(4, 40),
    }
    for (const [name, input] of Object.entries(inputs)) {
      const begun = performance.now()
      const [found] = await onDevice([input], 0.5, input.length)
      const seconds = [begun, performance.now()]
      const expected = plain(input, 0.5)
      seconds.push(performance.now())
      const kept = expected.reduce((n, by, i) => n + +(by === i), 0)
      const [device, host] = [1, 2].map((i) => ((seconds[i] - seconds[i - 1]) / 1000).toFixed(1))
      process.stdout.write(`${name}: ${kept} kept, ${device} s, plainly ${host} s; `)
      assert.deepEqual(found, expected, name)
    }
  },
  { slow: true, timeout: 900 },
)
