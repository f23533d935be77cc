// What ops that take and add by number share: which tensors are numbers of places, and the sizes around their axis.

import { type Shape, sameShape, sizeOf, type TensorType } from '../dtype.ts'
import type { Tensor } from '../tensor.ts'
import { slice } from './shape.ts'

export const isIndex = ({ dtype }: TensorType): boolean =>
  dtype === 'u8' || dtype === 'i32' || dtype === 'u32'
export const notAnIndex = ['the index must be u8, i32 or u32', 'use cast()'] as const

/** A shape with another size of one axis. */
export const resized = (shape: Shape, axis: number, size: number): number[] =>
  shape.map((n, a) => (a === axis ? size : n))

/** Sizes before, on and after an axis. */
export const around = (shape: Shape, axis: number) => ({
  outer: sizeOf(shape.slice(0, axis)),
  n: shape[axis],
  inner: sizeOf(shape.slice(axis + 1)),
})

/** Whether a tensor of this shape lies inside another. */
export const fits = (shape: Shape, inside: Shape): boolean =>
  shape.length === inside.length && shape.every((n, a) => n <= inside[a])

/** The first elements along every axis. */
export const cropped = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape)
    ? x
    : slice(
        x,
        shape.map(() => 0),
        shape,
      )
