// Elements by index, and vectors from labels.

import { gather, indexSelect, oneHot, scatterAdd } from '../../engine/index.ts'
import { ourOrder } from './layout.ts'
import { fromLast } from './select.ts'
import { expression, type Operator } from './trial.ts'

export const indexing: Record<string, Operator> = {
  index_select: expression(({ x, index }, a) => {
    a.rule('duplicates', 'accumulate in the gradient')
    return indexSelect(x, index, a.number('axis'))
  }),
  gather: expression(({ x, index }, a) => {
    a.rule('rule', 'y[i][j][k] = x[i][index[i][j][k]][k] for axis 1')
    return gather(x, index, a.number('axis'))
  }),
  scatter_add: expression(({ base, index, src }, a) => {
    a.rule('rule', 'y = base; y[index] += src; duplicates accumulate')
    return scatterAdd(base, index, src, a.number('axis'))
  }),
  one_hot: (t) =>
    t.differentiate(({ labels }, a) => {
      const classes = a.number('classes')
      a.rule('rule', 'void pixels give an all-zero vector')
      const ignore = a.maybe('ignore_index')
      if (ignore !== undefined && ignore >= 0 && ignore < classes)
        throw new Error(`it ignores the label ${ignore}, which is a class`)
      // Classes come last here, and are wherever the case wants them in the order that it stores.
      const y = oneHot(labels, classes)
      const order = ourOrder(t.golden.layout, y.shape.length, false)
      return fromLast(y, order.indexOf(a.number('class_axis')))
    }),
}
