// Boxes: a range on every axis of a tensor. Those that a tensor is cut into are runs of its elements: single entries of
// some leading axes, a range of the next, and all of the rest.

import { type Shape, sizeOf } from '../dtype.ts'
import type { Box } from '../op.ts'

/** Lengths of a box. */
export const sizes = (box: Box): number[] => box.map(([from, to]) => to - from)
export const volume = (box: Box): number => sizeOf(sizes(box))
/** The next smaller length that makes more windows. */
export const shorter = (size: number, length: number): number =>
  Math.min(length - 1, Math.ceil(size / (Math.ceil(size / length) + 1)))
export const withRange = (box: Box, axis: number, range: readonly [number, number]): Box =>
  box.map((b, a) => (a === axis ? range : b))

/** Row-major index of a box's first element. */
export const startOf = (shape: Shape, box: Box): number =>
  box.reduce((at, [from], a) => at * shape[a] + from, 0)

/** The cut of `subject` along a box, made on a tensor that shares the axes that are cut. */
export const boxOn = (shape: Shape, box: Box, subject: Shape): Box =>
  shape.map((n, a) => (a < box.length && sizes(box)[a] < subject[a] ? box[a] : [0, n]))

/** Windows of `length` entries of one axis, for every entry of the axes before it. */
export function cutAlong(shape: Shape, axis: number, length: number): Box[] {
  const boxes: Box[] = []
  const before = sizeOf(shape.slice(0, axis))
  for (let row = 0; row < before; row++) {
    let rest = row
    const lead: [number, number][] = []
    for (let a = axis - 1; a >= 0; a--) {
      const i = rest % shape[a]
      rest = (rest - i) / shape[a]
      lead.unshift([i, i + 1])
    }
    for (let from = 0; from < shape[axis]; from += length)
      boxes.push([
        ...lead,
        [from, Math.min(from + length, shape[axis])],
        ...shape.slice(axis + 1).map((n): [number, number] => [0, n]),
      ])
  }
  return boxes
}
