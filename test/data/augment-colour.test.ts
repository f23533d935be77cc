// Changes of colour, each against its definition.

import assert from 'node:assert/strict'
import type { Frame } from '../../train/augment/frame.ts'
import { augment } from '../../train/augment/index.ts'
import {
  COLOUR_VALUES,
  COLOUR_VECTORS,
  type Jitter,
  jittered,
  lit,
} from '../../train/augment/jitter.ts'
import { gammaExponent, hueTurned, saturated, toned } from '../../train/augment/tone.ts'
import { Random } from '../../train/random.ts'
import { test } from '../harness.ts'
import { chiSquared, drawnExample, drawnNumbers, nearly } from './augment.ts'

/** One pixel after another, as a frame of numbers. */
const colours = (...pixels: number[][]): Frame => ({
  ...{ name: 'colours', height: 1, width: pixels.length, labels: undefined, instances: undefined },
  image: Float32Array.from(pixels.flat()),
})

const anyColours = (seed: number, count = 200): number[][] => {
  const random = new Random(0x71, seed)
  return Array.from({ length: count }, () => [0, 1, 2].map(() => random.int(0, 255) / 255))
}

type Hsv = readonly [h: number, s: number, v: number]

/** Hue in 0 … 360. */
function toHsv([r, g, b]: number[]): Hsv {
  const [v, low] = [Math.max(r, g, b), Math.min(r, g, b)]
  const c = v - low
  const sector = c === 0 ? 0 : v === r ? (g - b) / c : v === g ? (b - r) / c + 2 : (r - g) / c + 4
  return [(60 * sector + 360) % 360, v === 0 ? 0 : c / v, v]
}

function fromHsv([h, s, v]: Hsv): number[] {
  const c = v * s
  const x = c * (1 - Math.abs(((h / 60) % 2) - 1))
  const [r, g, b] = [
    [c, x, 0],
    [x, c, 0],
    [0, c, x],
    [0, x, c],
    [x, 0, c],
    [c, 0, x],
  ][Math.floor(h / 60) % 6]
  return [r, g, b].map((part) => part + v - c)
}

test('augment: gamma of numbers is the power, from 0 to 1', () => {
  const values = [0, 1e-9, 1e-5, 1 / 4096, 1 / 64, 0.0156, 0.999999, 1]
  for (let i = 0; i < 4000; i++) values.push(i / 4000)
  for (const z of [-0.5, -0.3, -0.05, 0.02, 0.05, 0.5]) {
    const gamma = gammaExponent(z)
    const frame = colours(...values.map((v) => [v, v, v]))
    const before = Array.from(frame.image)
    nearly(
      toned(frame, gamma).image as Float32Array,
      before.map((v) => v ** gamma),
      2e-6,
    )
  }
})

test('augment: saturation is HSV’s times a factor, at most 1', () => {
  for (const factor of [0, 0.5, 1, 1.4, 30]) {
    const pixels = anyColours(1)
    const expected = pixels.flatMap((p) => {
      const [h, s, v] = toHsv(p)
      return fromHsv([h, Math.min(1, factor * s), v])
    })
    nearly(saturated(colours(...pixels), factor).image as Float32Array, expected, 1e-6)
  }
})

test('augment: hue is HSV’s turned, and pure colours turn into each other', () => {
  for (const degrees of [-180, -30, 0, 7, 30, 120, 180]) {
    const pixels = anyColours(2)
    const expected = pixels.flatMap((p) => {
      const [h, s, v] = toHsv(p)
      return fromHsv([(h + degrees + 360) % 360, s, v])
    })
    nearly(hueTurned(colours(...pixels), degrees).image as Float32Array, expected, 2e-6)
  }
  const [red, yellow, green, cyan, blue] = [
    [1, 0, 0],
    [1, 1, 0],
    [0, 1, 0],
    [0, 1, 1],
    [0, 0, 1],
  ]
  const grey = [0.3, 0.3, 0.3]
  const turned = (degrees: number) =>
    Array.from(hueTurned(colours(red, green, blue, grey), degrees).image)
  nearly(turned(120), [green, blue, red, grey].flat(), 1e-7)
  nearly(turned(60), [yellow, cyan, [1, 0, 1], grey].flat(), 1e-7)
  nearly(turned(30), [[1, 0.5, 0], [0, 1, 0.5], [0.5, 0, 1], grey].flat(), 1e-7)
  nearly(turned(-120), [blue, red, green, grey].flat(), 1e-7)
})

test('augment: saturation and hue draw within what they are given', () => {
  const example = drawnExample(2, 2, 1)
  const factors = Array(4).fill(0)
  const turns = Array(4).fill(0)
  for (let key = 0; key < 4000; key++) {
    const steps = [
      { name: 'saturation', range: [0.5, 1.5] } as const,
      { name: 'hue', degrees: 30 } as const,
    ]
    const out = augment(example, steps, [key])
    factors[Math.floor(4 * (drawnNumbers(out, 'saturation')['factor'] - 0.5))]++
    turns[Math.floor((drawnNumbers(out, 'hue')['degrees'] + 30) / 15)]++
  }
  chiSquared(factors, Array(4).fill(1 / 4))
  chiSquared(turns, Array(4).fill(1 / 4))
})

/** One after the other, as they are defined. */
function jitteredPlainly(pixels: number[][], order: { name: Jitter; factor: number }[]): number[] {
  const greyOf = ([r, g, b]: number[]) => 0.299 * r + 0.587 * g + 0.114 * b
  let now = pixels
  for (const { name, factor } of order) {
    const mean = now.reduce((sum, p) => sum + greyOf(p), 0) / now.length
    const other = (p: number[]) =>
      name === 'brightness' ? 0 : name === 'contrast' ? mean : greyOf(p)
    now = now.map((p) => p.map((v) => factor * v + (1 - factor) * other(p)))
  }
  return now.flat().map((v) => Math.min(1, Math.max(0, v)))
}

test('augment: brightness, contrast and saturation in one pass are the three one after the other', () => {
  const names = ['brightness', 'contrast', 'saturation'] as const
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    const random = new Random(0x72, ...order)
    const jitters = order.map((i) => ({ name: names[i], factor: random.uniform(0.6, 1.4) }))
    const pixels = anyColours(3)
    const expected = jitteredPlainly(pixels, jitters)
    nearly(jittered(colours(...pixels), jitters).image as Float32Array, expected, 1e-6)
  }
})

test('augment: the order of jitter is any of six, each as likely as the others', () => {
  const counts = new Map<string, number>()
  for (let key = 0; key < 3000; key++) {
    const [{ values }] = augment(drawnExample(1, 1, 1), [{ name: 'colourJitter' }], [key]).drawn
    const order = Object.keys(values).join()
    counts.set(order, (counts.get(order) ?? 0) + 1)
    for (const factor of Object.values(values))
      assert.ok(Number(factor) >= 0.6 && Number(factor) < 1.4)
  }
  assert.equal(counts.size, 6)
  chiSquared(counts.values(), Array(6).fill(1 / 6))
})

test('augment: light shifts all pixels along the components, normally with the deviation told', () => {
  COLOUR_VECTORS.forEach((a, i) => {
    COLOUR_VECTORS.forEach((b, j) => {
      const dot = a.reduce((sum, v, c) => sum + v * b[c], 0)
      assert.ok(Math.abs(dot - +(i === j)) < 1e-3, `${i}·${j} is ${dot}`)
    })
  })
  const frame = colours([0.5, 0.5, 0.5], [0.2, 0.4, 0.6])
  const amounts = [0.1, -0.2, 0.3]
  const shift = [0, 1, 2].map((c) =>
    COLOUR_VECTORS.reduce((sum, vector, i) => sum + vector[c] * amounts[i] * COLOUR_VALUES[i], 0),
  )
  const expected = Array.from(frame.image, (v, i) => v + shift[i % 3])
  nearly(lit(frame, amounts).image as Float32Array, expected, 1e-6)

  const draws = 3000
  const all = Array.from({ length: draws }, (_, key) => {
    const out = augment(drawnExample(1, 1, 1), [{ name: 'lighting', deviation: 0.1 }], [key])
    const { a, b, c } = drawnNumbers(out, 'lighting')
    return [a, b, c]
  }).flat()
  const mean = all.reduce((sum, v) => sum + v, 0) / all.length
  const deviation = Math.sqrt(all.reduce((sum, v) => sum + v * v, 0) / all.length)
  // Four deviations of either estimate.
  assert.ok(Math.abs(mean) < (4 * 0.1) / Math.sqrt(all.length), `${mean}`)
  assert.ok(Math.abs(deviation - 0.1) < (4 * 0.1) / Math.sqrt(2 * all.length), `${deviation}`)
  const within = all.filter((v) => Math.abs(v) < 0.1).length
  // 68.27 % of a normal distribution.
  chiSquared([within, all.length - within], [0.6827, 0.3173])
})

test('augment: ranges of nothing leave every bit', () => {
  const example = drawnExample(7, 9, 5)
  const out = augment(
    example,
    [
      { name: 'translate', pixels: 0 },
      { name: 'gamma', range: 0 },
      { name: 'rotate', degrees: 0 },
      { name: 'flip', chance: 0 },
      { name: 'lighting', deviation: 0 },
      { name: 'subsample', factor: 1 },
    ],
    [1],
  )
  const same = augment(example, [], [1])
  assert.deepEqual({ ...out, drawn: [] }, same)
  const colour = augment(
    example,
    [
      { name: 'saturation', range: [1, 1] },
      { name: 'hue', degrees: 0 },
      { name: 'colourJitter', brightness: 0, contrast: 0, saturation: 0 },
    ],
    [1],
  )
  nearly(colour.image, same.image, 1e-7)
})
