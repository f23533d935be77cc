// The k largest, with the freedom that ties leave.

import {
  countNonzero,
  equal,
  expandDims,
  greater,
  kthLargest,
  permute,
  topK,
} from '../../engine/index.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { inverse } from './layout.ts'
import type { Operator, Outputs, Trial } from './trial.ts'

const free =
  'values are unique; the index order among equal values, and which of the elements equal to the K-th are taken, is free'

export const select: Record<string, Operator> = {
  topk: async (t) => {
    const { attributes: a } = t
    const k = a.number('k')
    a.rule('order', 'descending')
    const anyOfEquals = a.has('tie_rule')
    a.rule('tie_rule', free)
    const x = t.input('x')
    const axis = a.has('axis') ? a.number('axis') : x.shape.length - 1
    a.finish()
    const { values, indices, ...rest } = await t.run({ x }, ({ x }) => {
      const last = toLast(x, axis)
      const found = topK(last, k)
      const [values, indices] = [found.values, found.indices].map((v) => fromLast(v, axis))
      return { values, indices, ...threshold(t, last, k) }
    })
    t.compare('values', values)
    if (anyOfEquals) checkTaken(t, x, values, indices, axis)
    else t.compare('indices', indices)
    for (const [name, got] of Object.entries(rest)) t.compare(name, got)
  },
}

/** The k-th value of each row, and how many elements are above it or equal to it. */
function threshold({ golden }: Trial, x: Tensor, k: number): Outputs {
  const kth = kthLargest(x, k)
  const count = (compare: typeof greater) => countNonzero(compare(x, expandDims(kth, -1)), [-1])
  const all = {
    kth_value: () => kth,
    count_above_kth: () => count(greater),
    count_equal_kth: () => count(equal),
  }
  const wanted = Object.entries(all).filter(([name]) => golden.has(name))
  return Object.fromEntries(wanted.map(([name, value]) => [name, value()]))
}

/** Which of several equals are taken is free: each index must be another, and lead to the value beside it. */
function checkTaken(
  t: Trial,
  x: HostTensor,
  values: HostTensor,
  indices: HostTensor,
  axis: number,
): void {
  t.expect('indices', indices)
  const inner = x.shape.slice(axis + 1).reduce((n, d) => n * d, 1)
  const [n, k] = [x.shape[axis], indices.shape[axis]]
  const taken = new Set<number>()
  for (let i = 0; i < indices.data.length; i++) {
    const [row, column] = [Math.floor(i / (k * inner)), i % inner]
    const index = Number(indices.data[i])
    const at = (row * n + index) * inner + column
    if (!(index >= 0 && index < n) || taken.has(at))
      throw new Error(`indices has ${index} at ${i}, which is outside or taken twice`)
    if (!Object.is(x.data[at], values.data[i]))
      throw new Error(
        `indices has ${index} at ${i}: there stands ${x.data[at]}, not ${values.data[i]}`,
      )
    taken.add(at)
  }
  t.checked('indices')
}

/** The order of axes in which `axis` is the last. */
const lastOrder = (rank: number, axis: number): number[] => {
  const order = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)
  return [...order, axis]
}
const toLast = (x: Tensor, axis: number) => permute(x, lastOrder(x.shape.length, axis))
/** The last axis moved to the place of `axis`. */
export const fromLast = (x: Tensor, axis: number): Tensor =>
  permute(x, inverse(lastOrder(x.shape.length, axis)))
