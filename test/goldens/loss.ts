// Losses. The upstream gradient of a loss is a scalar other than 1, or a map where nothing is reduced.

import { div, mul, sum } from '../../engine/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { crossEntropy, nllLoss, type Reduction, smoothL1 } from '../../nn/index.ts'
import type { Attributes } from './attributes.ts'
import { bootstrap } from './bootstrap.ts'
import { expression, type Operator } from './trial.ts'

/** A label that no pixel has: every pixel counts. */
const none = -1

function options(a: Attributes, weights?: Tensor) {
  if (a.has('class_weights') && a.flag('class_weights') !== Boolean(weights))
    throw new Error('its attribute class_weights contradicts its tensors')
  const reduction = a.text<Reduction>('reduction', ['mean', 'sum', 'none'])
  a.rule(
    'mean_divides_by',
    weights ? 'sum of the class weights of the valid pixels' : 'number of valid pixels',
  )
  return { reduction, ignore: a.maybe('ignore_index') ?? none, weights }
}

const definition = 'd=|x-t|; d<beta ? 0.5*d^2/beta : d-0.5*beta'
const weighted = /^sum\(w \* sum_c smooth_l1\) \/ sum\(w\), w broadcast over the \d+ channels$/

export const loss: Record<string, Operator> = {
  cross_entropy: expression(
    ({ logits, labels, class_weight: weights }, a) =>
      crossEntropy(logits, labels, options(a, weights)).loss,
  ),
  nll: expression(({ logp, labels, class_weight: weights }, a) => {
    a.rule('input', 'log probabilities')
    return nllLoss(logp, labels, options(a, weights)).loss
  }),
  smooth_l1: expression(({ x, t, w }, a) => {
    const beta = a.number('beta')
    const how = a.text<Reduction | 'weighted'>('reduction', ['mean', 'sum', 'none', 'weighted'])
    a.rule('definition', how === 'weighted' ? weighted : definition)
    if (how !== 'weighted') return smoothL1(x, t, { beta, reduction: how })
    return div(sum(mul(smoothL1(x, t, { beta, reduction: 'none' }), w)), sum(w))
  }),
  bootstrapped_ce: bootstrap(false),
  bootstrapped_ce_threshold: bootstrap(true),
}
