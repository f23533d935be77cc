// Folding axes away, and the functions along one axis: softmax and the place of the largest.

import {
  argmax,
  argmin,
  equal,
  logSoftmax,
  max,
  mean,
  min,
  type ReduceOptions,
  softmax,
  sum,
} from '../../engine/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Attributes } from './attributes.ts'
import { expression, type Operator, type Outputs, type Trial } from './trial.ts'

type Reduction = (x: Tensor, axes?: readonly number[], options?: ReduceOptions) => Tensor
type Place = (x: Tensor, axis: number, options?: ReduceOptions) => Tensor
type AlongAxis = (x: Tensor, axis: number) => Tensor

const folded = (f: Reduction, x: Tensor, a: Attributes) =>
  f(x, a.has('axes') ? a.numbers('axes') : undefined, {
    keepDims: a.has('keepdim') && a.flag('keepdim'),
  })

const reduction = (f: Reduction): Operator => expression(({ x }, a) => folded(f, x, a))

/** Cases over one axis also list the index of the element that was taken. */
const extreme =
  (f: Reduction, index: Place): Operator =>
  (t: Trial) =>
    t.differentiate(({ x }, a): Outputs => {
      a.rule('gradient', 'to the single selected element')
      const y = folded(f, x, a)
      if (!t.golden.has('index')) return { y }
      const axes = a.numbers('axes')
      if (axes.length !== 1) throw new Error(`an index along the axes ${axes} is not known here`)
      return { y, index: index(x, axes[0], { keepDims: a.flag('keepdim') }) }
    })

const place =
  (f: Place, extremum: Reduction): Operator =>
  (t: Trial) =>
    t.differentiate(({ x }, a): Outputs => {
      a.rule('ties', /^y is the first (maximum|minimum); is_(max|min) marks every legal answer$/)
      const axis = a.number('axis')
      const keepDims = a.has('keepdim') && a.flag('keepdim')
      const every = `is_${t.golden.op.slice(3)}`
      return {
        y: f(x, axis, { keepDims }),
        ...(t.golden.has(every) && { [every]: equal(x, extremum(x, [axis], { keepDims: true })) }),
      }
    })

const alongAxis = (f: AlongAxis): Operator => expression(({ x }, a) => f(x, a.number('axis')))

export const reduce: Record<string, Operator> = {
  sum: reduction(sum),
  mean: reduction(mean),
  max: extreme(max, argmax),
  min: extreme(min, argmin),
  argmax: place(argmax, max),
  argmin: place(argmin, min),
  softmax: alongAxis(softmax),
  log_softmax: alongAxis(logSoftmax),
}
