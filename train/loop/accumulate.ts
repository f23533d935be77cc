// Gradient accumulation: a batch in parts, forward and backward of one after the other and all in one program, so that the
// activations of one part are alive at a time, beside one set of gradients.

import { assignAlways } from '../../engine/condition.ts'
import type { TensorLike } from '../../engine/op.ts'
import { add, mul } from '../../engine/ops/arithmetic.ts'
import { checkChoice, checkCount, optionsOf } from '../../engine/ops/options.ts'
import { refuse, refuseOption, shown } from '../../engine/ops/refuse.ts'
import { slice } from '../../engine/ops/shape.ts'
import { toTensor } from '../../engine/ops/source.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { scope } from '../../engine/trace.ts'
import type { Optimizer } from '../optimizers.ts'

export interface AccumulateOptions {
  /** What is minimised of the losses of all parts; default `mean`. */
  readonly reduction?: 'mean' | 'sum'
}

/** One step of `optimizer`, inside a compiled function, on the mean of `lossOf(0)`, …, `lossOf(count − 1)`, which are built
 * one after the other, each with its gradients before the next. Returns that mean (or sum). The activations of one part are
 * alive at a time, beside one set of gradients to which each part adds its own; parameters change once, at the end. With a
 * `count` of 1 it is `optimizer.minimize`.
 *
 * The gradient is that of the whole batch where the loss of that is the mean of its parts': of a mean over pixels if in each
 * part as many count; of bootstrapping always, since it chooses within each image. Batch norm takes the statistics of each
 * part unless it is frozen, and moves its running averages once for each part, in order. Dropout draws anew for each part.
 *
 * Throws OptionError for a count that is no whole number from 1. */
export function accumulated(
  optimizer: Optimizer,
  count: number,
  lossOf: (part: number) => Tensor,
  lr: Tensor | number,
  options: AccumulateOptions = {},
): Tensor {
  const { reduction } = optionsOf('accumulated', options, { reduction: 'mean' })
  checkChoice('accumulated', 'reduction', reduction, ['mean', 'sum'])
  checkCount('accumulated', 'count', count, 'it is the number of parts')
  if (count === 1) return optimizer.minimize(lossOf(0), lr)
  const sums = new Map<Variable, Tensor>()
  const addGradients = (loss: Tensor, at: ReadonlyMap<Variable, Tensor>) => {
    const gradients = optimizer.gradients(loss, [...at.values()])
    scope('accumulated', () => {
      ;[...at.keys()].forEach((p, i) => {
        const before = sums.get(p)
        const sum = before ? add(before, gradients[i]) : gradients[i]
        // A sum that is no variable would be put off by fusion, and all that is added up in it would wait.
        sums.set(p, assignAlways(optimizer.sumOf(p), sum))
      })
    })
  }
  const build = (part: number) => {
    const loss = mul(lossOf(part), reduction === 'mean' ? 1 / count : 1)
    return { loss, at: optimizer.versionsFor(loss) }
  }
  let total: Tensor | undefined
  for (let part = 0; part < count - 1; part++) {
    const { loss, at } = build(part)
    addGradients(loss, at)
    total = total ? add(total, loss) : loss
  }
  const { loss, at } = build(count - 1)
  const parameters = [...new Set([...sums.keys(), ...at.keys()])]
  const last = () => {
    addGradients(loss, at)
    return parameters.map((p) => sums.get(p)!)
  }
  optimizer.step(parameters, last, lr)
  return add(total!, loss)
}

/** Part `part` of 0 … `count` − 1 of a batch along axis 0: rows part · n / count to (part + 1) · n / count of n.
 * Throws ShapeError where `count` does not divide n, OptionError for a part that is none. */
export function microBatch(x: TensorLike, part: number, count: number): Tensor {
  const t = toTensor(x, 'microBatch')
  checkCount('microBatch', 'count', count, 'it is the number of parts')
  const [n] = t.shape
  if (n === undefined || n % count)
    refuse(
      'microBatch',
      `axis 0 does not fall into ${count} equal parts`,
      [t],
      'its size must be a multiple of their number',
    )
  if (!(Number.isInteger(part) && part >= 0 && part < count))
    refuseOption('microBatch', `there is no part ${shown(part)} of ${count}`, 'the first is 0')
  const rows = n / count
  return slice(t, [part * rows], [(part + 1) * rows])
}
