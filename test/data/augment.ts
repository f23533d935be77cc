// What the tests of augmentation share: examples of drawn pixels, and the numbers that a step has drawn.

import assert from 'node:assert/strict'
import { type Frame, frameOf } from '../../train/augment/frame.ts'
import type { Augmented } from '../../train/augment/index.ts'
import { type Example, VOID } from '../../train/dataset.ts'
import { Random } from '../../train/random.ts'

/** Drawn pixels, labels 0 … 4 and void, objects 0 … 999. */
export function drawnExample(
  height: number,
  width: number,
  seed: number,
): Example & { instances: Uint16Array } {
  const random = new Random(0xe8, height, width, seed)
  const pixels = height * width
  return {
    name: `drawn ${seed}`,
    image: Uint8Array.from({ length: 3 * pixels }, () => random.int(0, 255)),
    labels: Uint8Array.from({ length: pixels }, () =>
      random.chance(0.1) ? VOID : random.int(0, 4),
    ),
    instances: Uint16Array.from({ length: pixels }, () => random.int(0, 999)),
    height,
    width,
  }
}

/** A height and a width of 1 … 40, often 1. */
export const drawnSize = (random: Random): [height: number, width: number] => [
  random.chance(0.15) ? 1 : random.int(1, 40),
  random.chance(0.15) ? 1 : random.int(1, 40),
]

/** What the first step of a name has drawn; flags are 0 and 1. */
export function drawnNumbers({ drawn }: Augmented, name: string): Record<string, number> {
  const { values } = drawn.find((step) => step.name === name)!
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Number(value)]))
}

/** The mean of a draw over keys 0 … count − 1. */
export function meanOver(count: number, draw: (key: number) => number): number {
  let sum = 0
  for (let key = 0; key < count; key++) sum += draw(key)
  return sum / count
}

/** An example as the steps take it. */
export const frame = (example: Example): Frame => frameOf(example)

/** Throws where any two numbers are further apart than that. */
export function nearly(got: ArrayLike<number>, expected: ArrayLike<number>, within: number): void {
  assert.equal(got.length, expected.length)
  for (let i = 0; i < got.length; i++)
    assert.ok(
      Math.abs(got[i] - expected[i]) <= within,
      `value ${i} is ${got[i]}, not ${expected[i]}`,
    )
}

/** Throws where counts are as far from these shares as fair draws are once in ten thousand times (Wilson and Hilferty's bound). */
export function chiSquared(counts: Iterable<number>, shares: readonly number[]): void {
  const seen = [...counts]
  assert.equal(seen.length, shares.length)
  const all = seen.reduce((a, b) => a + b)
  const chi2 = seen.reduce((sum, n, i) => sum + (n - all * shares[i]) ** 2 / (all * shares[i]), 0)
  const free = shares.length - 1
  const most = free * (1 - 2 / (9 * free) + 3.72 * Math.sqrt(2 / (9 * free))) ** 3
  assert.ok(chi2 < most, `χ² = ${chi2.toFixed(1)} of ${seen}, at most ${most.toFixed(1)}`)
}
