// Stochastic gradient descent.

import { add, mul, sub } from '../../engine/ops/arithmetic.ts'
import { checkChoice, optionsOf } from '../../engine/ops/options.ts'
import { refuseOption } from '../../engine/ops/refuse.ts'
import { assign } from '../../engine/ops/source.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { checkRange, Optimizer, type OptimizerOptions, type Own, ownOptions } from './base.ts'

export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  readonly momentum?: number
  /** Added to the gradient as weightDecay · p; default 0. */
  readonly weightDecay?: number
  /** `outside` (default, PyTorch): v ← m·v + g, p ← p − lr·v. `inside` (Caffe): v ← m·v + lr·g, p ← p − v. The same
   * while lr is constant. */
  readonly rate?: 'outside' | 'inside'
  /** Step along g + m·v instead of v, as in Nesterov's method; it needs momentum. Default false. */
  readonly nesterov?: boolean
}

const me = 'Sgd'
const defaults = { momentum: 0, weightDecay: 0, rate: 'outside', nesterov: false } as const

/** Stochastic gradient descent with momentum. */
export class Sgd extends Optimizer {
  readonly options: Own<SgdOptions>
  readonly velocity: ReadonlyMap<Variable, Variable> | undefined

  constructor(parameters: readonly Variable[], options: SgdOptions = {}) {
    super(parameters, options)
    this.options = optionsOf(me, ownOptions(options), defaults)
    const { momentum, weightDecay, rate, nesterov } = this.options
    checkRange(me, 'momentum', momentum, momentum >= 0 && momentum < 1, 'from 0 and below 1')
    checkRange(me, 'weightDecay', weightDecay, weightDecay >= 0, 'from 0')
    checkChoice(me, 'rate', rate, ['outside', 'inside'])
    if (nesterov && !momentum)
      refuseOption(me, "Nesterov's method has no step without momentum", 'give momentum, as 0.9')
    this.velocity = this.options.momentum ? this.moments('velocity') : undefined
  }

  protected prepare(base: Tensor) {
    const { momentum, rate, nesterov } = this.options
    const inside = rate === 'inside'
    return (p: Variable, gradient: Tensor) => {
      const factors = this.factors(p)
      const weightDecay = this.options.weightDecay * factors.weightDecay
      const lr = mul(base, factors.lr)
      const decayed = weightDecay ? add(gradient, mul(p, weightDecay)) : gradient
      const g = inside ? mul(decayed, lr) : decayed
      const velocity = this.velocity?.get(p)
      const v = velocity ? assign(velocity, add(mul(velocity, momentum), g)) : g
      const direction = nesterov && velocity ? add(g, mul(v, momentum)) : v
      assign(p, sub(p, inside ? direction : mul(direction, lr)))
    }
  }
}
