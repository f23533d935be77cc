// Threefry-4x32 with 20 rounds on the host: the twin of shaders/random.ts, written as the paper has it.

import { ROTATIONS } from '../../shaders/random.ts'

export type Words = readonly [number, number, number, number]

const rotate = (x: number, n: number) => (x << n) | (x >>> (32 - n))

/** The four words of a counter under a key, as u32. */
export function threefry(counter: Words, key: Words): Words {
  const schedule = [...key, key.reduce((a, b) => a ^ b, 0x1bd11bda)]
  const x = counter.map((c, i) => c + key[i])
  for (let round = 0; round < 20; round++) {
    // Even rounds mix (0, 1) and (2, 3), odd ones (0, 3) and (2, 1).
    for (const [to, n] of ROTATIONS[round % 8].entries()) {
      const from = (2 * to + (round % 2 ? 3 : 1)) % 4
      x[2 * to] = (x[2 * to] + x[from]) | 0
      x[from] = rotate(x[from], n) ^ x[2 * to]
    }
    if (round % 4 < 3) continue
    const group = (round + 1) / 4
    for (let i = 0; i < 4; i++) x[i] = (x[i] + schedule[(group + i) % 5]) | 0
    x[3] = (x[3] + group) | 0
  }
  return [x[0] >>> 0, x[1] >>> 0, x[2] >>> 0, x[3] >>> 0]
}
