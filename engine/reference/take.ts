// Taking and adding by number, element by element.

import { eachCoordinate, indexOf, reference, type Value, wrap } from './value.ts'

/** A coordinate with another number along one axis. */
const moved = (place: readonly number[], axis: number, j: number): number[] =>
  place.map((i, a) => (a === axis ? j : i))

/** What lies there; 0 where there is no such place. */
const at = (x: Value, place: readonly number[], axis: number, j: number): number =>
  j >= 0 && j < x.shape[axis] ? x.data[indexOf(moved(place, axis, j), x.shape)] : 0

export const takeReferences = {
  gather: reference<{ axis: number }>(([x, index], { axis }) => {
    const y = new Float64Array(index.data.length)
    eachCoordinate(index.shape, (place, i) => {
      y[i] = at(x, place, axis, index.data[i])
    })
    return [y]
  }),

  indexSelect: reference<{ axis: number }>(([x, index], { axis }, [y]) => {
    const data = new Float64Array(y.shape.reduce((a, b) => a * b, 1))
    eachCoordinate(y.shape, (place, i) => {
      data[i] = at(x, place, axis, index.data[place[axis]])
    })
    return [data]
  }),

  oneHot: reference<{ classes: number }>(([labels], { classes }) => {
    const y = new Float64Array(labels.data.length * classes)
    labels.data.forEach((label, r) => {
      if (label >= 0 && label < classes) y[r * classes + label] = 1
    })
    return [y]
  }),

  scatterAdd: reference<{ axis: number; n: number }>(
    ([index, src, base], { axis, n }, [{ shape }]) => {
      const y = base ? base.data.slice() : new Float64Array(shape.reduce((a, b) => a * b, 1))
      eachCoordinate(src.shape, (place, element) => {
        const j = index.data[index.shape.length === 1 ? place[axis] : element]
        if (j < 0 || j >= n) return
        const to = indexOf(moved(place, axis, j), shape)
        y[to] = wrap(y[to] + src.data[element], src.dtype)
      })
      return [y]
    },
  ),
}
