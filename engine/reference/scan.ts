// Running sums along an axis.

import { reference } from './value.ts'

interface CumsumAttrs {
  readonly axis: number
  readonly reverse: boolean
  readonly exclusive: boolean
}

export const scanReferences = {
  cumsum: reference<CumsumAttrs>(([{ shape, data }], { axis, reverse, exclusive }) => {
    const step = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
    const sums = new Float64Array(data.length)
    const before = new Float64Array(data.length)
    data.forEach((_, i) => {
      const at = reverse ? data.length - 1 - i : i
      const r = Math.floor(at / step) % shape[axis]
      const isFirst = r === (reverse ? shape[axis] - 1 : 0)
      before[at] = isFirst ? 0 : sums[reverse ? at + step : at - step]
      sums[at] = before[at] + data[at]
    })
    return [exclusive ? before : sums]
  }),
}
