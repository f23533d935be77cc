// Moving elements: permute, flip, slice and pad (all `rearrange`), reflection, and joining.

import type { AxisMap } from '../ops/shape.ts'
import { eachCoordinate, indexOf, reference, type Value } from './value.ts'

/** Where axis `a` of the input is read for output coordinate `at`; undefined between the steps of a `divide`. */
function source(at: readonly number[], { from, step, offset, divide }: AxisMap) {
  if (!divide) return at[from] * step + offset
  const i = (at[from] - offset) / step
  return Number.isInteger(i) ? i : undefined
}

export const shapeReferences = {
  rearrange: reference<{ map: readonly AxisMap[]; fill: number }>(([x], { map, fill }, [type]) => {
    const y: number[] = []
    eachCoordinate(type.shape, (at) => {
      const from = map.map((m) => source(at, m))
      const inside = from.every((i, a) => i !== undefined && i >= 0 && i < x.shape[a])
      y.push(inside ? x.data[indexOf(from as number[], x.shape)] : fill)
    })
    return [Float64Array.from(y)]
  }),

  /** The mirror image goes on without repeating the edge. */
  padReflect: reference<{ before: readonly number[] }>(([x], { before }, [type]) => {
    const y: number[] = []
    eachCoordinate(type.shape, (at) => {
      const from = at.map((o, a) => {
        const i = Math.abs(o - before[a])
        const last = x.shape[a] - 1
        return i > last ? 2 * last - i : i
      })
      y.push(x.data[indexOf(from, x.shape)])
    })
    return [Float64Array.from(y)]
  }),

  concat: reference<{ axis: number }>((inputs, { axis }, [type]) => {
    const y: number[] = []
    eachCoordinate(type.shape, (at) => {
      let i = at[axis]
      let part = 0
      while (i >= inputs[part].shape[axis]) i -= inputs[part++].shape[axis]
      y.push(element(inputs[part], at.with(axis, i)))
    })
    return [Float64Array.from(y)]
  }),
}

const element = (x: Value, at: readonly number[]) => x.data[indexOf(at, x.shape)]
