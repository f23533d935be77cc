// Other shapes of the same elements: axes of size 1 more or less, axes exchanged, and repetition.

import { isWholes, type Shape } from '../dtype.ts'
import type { TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { partOf } from '../trace.ts'
import { broadcastTo } from './arithmetic.ts'
import { axesOf, axisOf, refuse, shown } from './refuse.ts'
import { permute, reshape } from './shape.ts'
import { toTensor } from './source.ts'

/** A new axis of size 1 that will be axis `axis` of the result; negative ones count from its end. Throws ShapeError. */
export function expandDims(x: TensorLike, axis: number): Tensor {
  const t = toTensor(x, 'expandDims')
  const a = axisOf('expandDims', axis, t.shape.length + 1, [t])
  return reshape(t, t.shape.toSpliced(a, 0, 1))
}

/** `x` without those of `axes`, which must have size 1; without a list, without all that do. Throws ShapeError. */
export function squeeze(x: TensorLike, axes?: readonly number[]): Tensor {
  const t = toTensor(x, 'squeeze')
  const named = axes === undefined ? undefined : axesOf('squeeze', axes, t)
  const large = named?.find((a) => t.shape[a] !== 1)
  if (large !== undefined)
    refuse('squeeze', `axis ${large} has size ${t.shape[large]}`, [t], 'only size 1 can go')
  return reshape(
    t,
    t.shape.filter((n, a) => (named ? !named.includes(a) : n !== 1)),
  )
}

/** `x` with two axes exchanged. Throws ShapeError. */
export function swapAxes(x: TensorLike, a: number, b: number): Tensor {
  const t = toTensor(x, 'swapAxes')
  const [i, j] = [a, b].map((axis) => axisOf('swapAxes', axis, t.shape.length, [t]))
  const order = t.shape.map((_, axis) => (axis === i ? j : axis === j ? i : axis))
  return permute(t, order)
}

/** `x` again and again along each axis, y[i] = x[i mod n]: `repeats` has a number from 1 for every axis, and may have more
 * in front for new ones. Throws ShapeError. */
export function tile(x: TensorLike, repeats: readonly number[]): Tensor {
  const t = toTensor(x, 'tile')
  const lead = repeats?.length - t.shape.length
  if (!isWholes(repeats, 1) || lead < 0)
    refuse(
      'tile',
      `${shown(repeats)} are not numbers of repetitions for ${t.shape.length} axes`,
      [t],
      'whole numbers from 1, one per axis',
    )
  const shape: Shape = [...repeats.slice(0, lead).map(() => 1), ...t.shape]
  // A copy of [n] is a row of [k, n]; axes that are not repeated need none.
  const rows = (count: (k: number) => number) =>
    shape.flatMap((n, a) => (repeats[a] === 1 ? [n] : [count(repeats[a]), n]))
  const row = reshape(
    t,
    rows(() => 1),
  )
  const copies = partOf('tile', () =>
    broadcastTo(
      row,
      rows((k) => k),
    ),
  )
  return reshape(
    copies,
    shape.map((n, a) => n * repeats[a]),
  )
}
