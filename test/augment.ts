// What the tests of augmentation share: examples of drawn pixels, and the numbers that a step has drawn.

import type { Augmented } from '../train/augment/index.ts'
import { type Example, VOID } from '../train/dataset.ts'
import { Random } from '../train/random.ts'

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
