// The stable order of integer keys. Sorting of floats makes keys of them first, which order as the floats should.

import { sortOrder as sortRecipe } from '../../shaders/sort.ts'
import { sizeOf } from '../dtype.ts'
import { apply, none, type StructuredOp } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { rows } from './windows.ts'

const sortOrderOp: StructuredOp<{ bits: number }> = {
  name: 'sortOrder',
  error: 'exact',
  kind: 'structured',
  source: 'stable radix sort, Satish et al. 2009',
  tail: false,
  prologue: false,
  infer: ([keys], { bits }, refuse) => {
    if (keys.dtype !== 'u32' || keys.shape.length !== 2) refuse('keys must be u32 [rows, m]')
    if (!Number.isInteger(bits) || bits < 1 || bits > 32)
      refuse(`keys have 1 to 32 bits, not ${bits}`)
    return [{ dtype: 'u32', shape: keys.shape }]
  },
  vjp: none('an order is piecewise constant'),
  cost: ([keys], _, { bits }) => ({ macs: 0, flops: bits * sizeOf(keys.shape) }),
  windows: rows(1),
  lower: ({ inputs: [keys], attrs: { bits }, caps }) =>
    sortRecipe({ rows: keys.shape[0], m: keys.shape[1], bits, access: [keys.access], caps }),
  samples: [
    { rows: 1, m: 1, bits: 32, range: [0, 9] },
    { rows: 3, m: 7, bits: 2, range: [0, 9] },
    { rows: 5, m: 128, bits: 32, range: [0, 9] },
    { rows: 2, m: 131, bits: 32, range: [0, 2 ** 32 - 1] },
    { rows: 3, m: 700, bits: 9, range: [0, 5000] },
    { rows: 1, m: 5000, bits: 32, range: [0, 2 ** 32 - 1] },
    { rows: 2, m: 2500, bits: 8, range: [0, 300] },
  ].map(({ rows, m, bits, range: [low, high] }) => ({
    inputs: [{ dtype: 'u32', shape: [rows, m], range: [low, high] }],
    attrs: { bits },
  })),
}

/** The stable ascending order of each row of u32 keys [rows, m] by their low `bits` bits: u32 [rows, m], place i holding
 * the index of the key of rank i; equal keys keep their order. */
export function sortOrder(keys: Tensor, { bits = 32 }: { bits?: number } = {}): Tensor {
  return apply(sortOrderOp, [keys], { bits })[0]
}

export const sortOps = [sortOrderOp] as const
