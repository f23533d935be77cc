// Inputs to try an op on, drawn from a seed as the op's samples say.

import { type HostArray, hostArray, isFloat, sizeOf } from '../dtype.ts'
import { AtrousError } from '../errors.ts'
import type { SampleInput } from '../op.ts'
import type { HostTensor } from '../tensor.ts'

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Host data for one input of a sample: floats anywhere in its range or on `steps` values of it, integers in its
 * range with both ends. Throws AtrousError for f16. */
export function drawInput(input: SampleInput, random: () => number): HostTensor {
  const { dtype, shape, steps } = input
  if (dtype === 'f16') throw new AtrousError('f16 is not drawn', 'draw f32 and use cast()')
  const float = isFloat(dtype)
  const [low, high] = input.range ?? (float ? [-1, 1] : [0, 9])
  const draw = () => {
    if (!float) return low + Math.floor(random() * (high - low + 1))
    if (!steps) return low + random() * (high - low)
    return low + (Math.floor(random() * steps) * (high - low)) / Math.max(1, steps - 1)
  }
  const data: HostArray = hostArray(dtype, sizeOf(shape))
  for (let i = 0; i < data.length; i++) data[i] = draw()
  return { dtype, shape, data }
}

/** A direction: float64 numbers in [-1, 1). */
export const drawDirection = (count: number, random: () => number): Float64Array =>
  Float64Array.from({ length: count }, () => 2 * random() - 1)
