// Fusion's rule for convolutions: pointwise work on the way into one, such as the normalisation and ReLU before it, is done
// while the kernel reads, by everyone who reads its result, so that the result is never stored. (Padding stays zero: kernels
// put it in place of what they read.) A kernel reads each element several times, once for each of its taps and tiles, and
// does the work as often. On a GPU that is hidden behind a tile's arithmetic and saves a pass over memory; on the software
// drivers, where each load and each operation counts, it costs more than the pass.

import type { AdapterKind } from '../adapters/adapter-kind.ts'
import { sameShape, sizeOf } from '../dtype.ts'
import { baseOf } from '../graph.ts'
import type { Node, Tensor } from '../tensor.ts'

/** Where convolutions work on what they read. */
export const worksOnLoad: Readonly<Record<AdapterKind, boolean>> = {
  discrete: true,
  integrated: true,
  // It may be a software driver.
  unknown: false,
  lavapipe: false,
  swiftshader: false,
}

/** Maps that may stand in the place of one: each of them is read as often as it would be. */
const MOST_MAPS = 2
/** Operations for each element that is read. */
export const MOST_FLOPS = 24

/** Whether the kernels of `reader` can do pointwise work in the place of reading x. */
export function loads(reader: Node, x: Tensor): boolean {
  const { op, inputs } = reader
  if (op.kind !== 'structured' || !op.loads) return false
  return inputs.every((t, i) => t !== x || op.loads!.includes(i))
}

/** Whether `reader` can do so for x where that takes reading `leaves`, beside `others`, which it reads anyway. */
export function mayLoad(
  reader: Node,
  x: Tensor,
  leaves: readonly Tensor[],
  others: readonly Tensor[],
): boolean {
  if (!loads(reader, x)) return false
  const channels = x.shape[x.shape.length - 1]
  const maps = leaves.filter((leaf) => sameShape(leaf.shape, x.shape))
  const isVector = ({ shape }: Tensor) =>
    sizeOf(shape) === 1 || (sizeOf(shape) === channels && shape[shape.length - 1] === channels)
  if (!maps.length || maps.length > MOST_MAPS) return false
  if (!leaves.every((leaf) => maps.includes(leaf) || isVector(leaf))) return false
  // A kernel binds no memory twice.
  const bases = [...leaves, ...others].map(baseOf)
  return new Set(bases).size === bases.length
}
