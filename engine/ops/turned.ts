// An operand that is wanted the other way around: [..., m, n] as [..., n, m], in memory that lives only inside the recipe.

import { stridedCopy } from '../../shaders/copy.ts'
import { type Dispatch, input, type Recipe, type Slot, scratch } from '../../shaders/kernel.ts'
import { type Shape, sizeOf } from '../dtype.ts'
import type { Bound } from '../op.ts'

/** A recipe that reads its input `at`, an f32 tensor, with the last two axes exchanged; `make` gives the recipe for that
 * tensor. A single row or column is its own transpose and is not copied. */
export function withTurned(w: Bound, make: (turned: Bound) => Recipe, at = 1): Recipe {
  const [m, n] = w.shape.slice(-2)
  const rank = w.shape.length
  const shape: Shape = [...w.shape.slice(0, -2), n, m]
  if (m === 1 || n === 1) return make({ ...w, shape })
  const main = make({ ...w, shape, access: 'read_write' })
  const turned = scratch(main.scratch.length)
  const order = shape.map((_, a) => (a < rank - 2 ? a : 2 * rank - 3 - a))
  const copy = stridedCopy({
    elem: 'f32',
    inShape: w.shape,
    outShape: shape,
    map: order.map((from) => ({ from, step: 1, offset: 0 })),
    access: [w.access],
  })
  const from = (d: Dispatch, swap: (s: Slot) => Slot) => ({ ...d, buffers: d.buffers.map(swap) })
  return {
    scratch: [...main.scratch, 4 * sizeOf(shape)],
    dispatches: [
      ...copy.dispatches.map((d) => from(d, (s) => (s.kind === 'input' ? input(at) : turned))),
      ...main.dispatches.map((d) =>
        from(d, (s) => (s.kind === 'input' && s.index === at ? turned : s)),
      ),
    ],
  }
}
