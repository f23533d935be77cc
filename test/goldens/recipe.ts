// The recipe of network parameters: every value follows from a seed, an ordinal and an index, to the bit.

import { sizeOf } from '../../engine/dtype.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor } from '../../engine/tensor.ts'
import type { GoldenParameter } from './parameters.ts'
import type { Operator } from './trial.ts'

/** Values of a parameter, in row-major order of the stored shape. */
export function recipeValues(
  seed: number,
  { ordinal, shape, offset, scale }: Omit<GoldenParameter, 'name' | 'kind'>,
): HostTensor {
  const draw = recipeBits(seed, ordinal)
  const data = new Float32Array(sizeOf(shape))
  for (let i = 0; i < data.length; i++)
    data[i] = offset + Math.fround((2 * ((draw(i) >>> 8) / 16777216) - 1) * scale)
  return hostTensor(data, shape)
}

function recipeBits(seed: number, ordinal: number): (i: number) => number {
  const base = fmix32(
    (Math.imul(seed, 0x9e3779b9) + Math.imul(ordinal, 0x85ebca6b) + 0x165667b1) >>> 0,
  )
  return (i) => fmix32((i + base) >>> 0)
}

function fmix32(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

export const recipe: Record<string, Operator> = {
  hash_recipe: (t) => {
    const a = t.attributes
    const [seed, ordinal] = [a.number('seed'), a.number('ordinal')]
    const draw = recipeBits(seed, ordinal)
    const first = a.has('first_u32') ? a.numbers('first_u32') : []
    const wrong = first.findIndex((bits, i) => draw(i) !== bits)
    if (wrong >= 0)
      throw new Error(`its attribute first_u32 has ${first[wrong]} for ${draw(wrong)} at ${wrong}`)
    const [offset, scale] = [a.number('offset'), a.number('scale')]
    const shape = a.numbers('shape')
    t.expect('values', { dtype: 'f32', shape })
    t.compareValues('values', recipeValues(seed, { ordinal, shape, offset, scale }).data)
  },
}
