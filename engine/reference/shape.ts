// Moving elements: permute, flip, slice, pad and roll (all `rearrange`), what continues a tensor beyond its edge, and
// joining.

import type { AxisMap, Rearrange } from '../ops/rearrange.ts'
import { eachCoordinate, indexOf, reference, type Value } from './value.ts'

/** Where axis `a` of the input is read for output coordinate `at`; undefined between the steps of a `divide`. */
function source(at: readonly number[], { from, step, offset, divide }: AxisMap) {
  if (!divide) return at[from] * step + offset
  const i = (at[from] - offset) / step
  return Number.isInteger(i) ? i : undefined
}

interface Amounts {
  readonly before: readonly number[]
}
/** Position in [0, size) that stands for one outside. */
type Edge = (i: number, size: number) => number

/** The mirror image goes on without repeating the edge. */
const reflected: Edge = (i, size) => {
  const from = Math.abs(i)
  return from > size - 1 ? 2 * (size - 1) - from : from
}
const repeated: Edge = (i, size) => Math.min(Math.max(i, 0), size - 1)

/** Every element of the padded tensor comes from one of x … */
const padded = (edge: Edge) =>
  reference<Amounts>(([x], { before }, [type]) => {
    const y: number[] = []
    eachCoordinate(type.shape, (at) => {
      y.push(
        element(
          x,
          at.map((o, a) => edge(o - before[a], x.shape[a])),
        ),
      )
    })
    return [Float64Array.from(y)]
  })

/** … to which its gradient goes. */
const gathered = (edge: Edge) =>
  reference<Amounts>(([dy], { before }, [{ shape }]) => {
    const dx = new Float64Array(shape.reduce((a, b) => a * b, 1))
    eachCoordinate(dy.shape, (at, i) => {
      const to = at.map((o, a) => edge(o - before[a], shape[a]))
      dx[indexOf(to, shape)] += dy.data[i]
    })
    return [dx]
  })

export const shapeReferences = {
  rearrange: reference<Rearrange>(([x], { map, fill, wrap }, [type]) => {
    const y: number[] = []
    eachCoordinate(type.shape, (at) => {
      const from = map.map((m, a) => {
        const i = source(at, m)
        return wrap && i !== undefined ? (i + x.shape[a]) % x.shape[a] : i
      })
      const inside = from.every((i, a) => i !== undefined && i >= 0 && i < x.shape[a])
      y.push(inside ? element(x, from as number[]) : fill)
    })
    return [Float64Array.from(y)]
  }),

  padReflect: padded(reflected),
  padReflectGrad: gathered(reflected),
  padReplicate: padded(repeated),
  padReplicateGrad: gathered(repeated),

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
