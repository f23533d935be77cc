// Adam and AdamW, which divide the mean of a gradient by the root of the mean of its square.

import { add, div, mul, sqrt, sub } from '../../engine/ops/arithmetic.ts'
import { optionsOf } from '../../engine/ops/options.ts'
import { assign, read } from '../../engine/ops/source.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { checkRange, Optimizer, type OptimizerOptions, type Own, ownOptions } from './base.ts'

export interface AdamOptions extends OptimizerOptions {
  /** Memory of the mean and of the mean square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Added outside the square root, after bias correction; default 1e-8. */
  readonly eps?: number
  /** Default 0, of AdamW 0.01. */
  readonly weightDecay?: number
}

const defaults = { betas: [0.9, 0.999], eps: 1e-8 } as const

/** m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p − lr · m̂ / (√v̂ + eps) (Kingma and Ba 2015). The bias corrections
 * 1 − βᵗ are kept as moving averages of 1, which in f32 are exact to rounding where a power near 1 is not. */
abstract class Moments extends Optimizer {
  readonly options: Own<AdamOptions>
  readonly mean: ReadonlyMap<Variable, Variable>
  readonly square: ReadonlyMap<Variable, Variable>
  readonly meanWeight: Variable
  readonly squareWeight: Variable

  /** `decay` is the weight decay where the options say nothing of it. */
  constructor(me: string, parameters: readonly Variable[], options: AdamOptions, decay: number) {
    super(parameters, options)
    this.options = optionsOf(me, ownOptions(options), { ...defaults, weightDecay: decay })
    const { betas, eps, weightDecay } = this.options
    const shares = betas?.length === 2 && betas.every((b) => b >= 0 && b < 1)
    checkRange(me, 'betas', betas?.[0], shares, 'from 0 and below 1, two of them')
    checkRange(me, 'eps', eps, eps >= 0, 'from 0')
    checkRange(me, 'weightDecay', weightDecay, weightDecay >= 0, 'from 0')
    this.meanWeight = this.counter('mean_weight')
    this.squareWeight = this.counter('square_weight')
    this.mean = this.moments('mean')
    this.square = this.moments('square')
  }

  /** Of one parameter. */
  protected decayOf(p: Variable): number {
    return this.options.weightDecay * this.factors(p).weightDecay
  }

  /** p after the step, from a start that weight decay may have moved. */
  protected adam(lr: Tensor): (p: Variable, start: Tensor, g: Tensor) => void {
    const [beta1, beta2] = this.options.betas
    const average = (of: Variable, value: Tensor | number, beta: number) =>
      assign(of, add(mul(of, beta), typeof value === 'number' ? value : mul(value, 1 - beta)))
    const rate = div(lr, average(this.meanWeight, 1 - beta1, beta1))
    const correction = average(this.squareWeight, 1 - beta2, beta2)
    return (p, start, g) => {
      const m = average(this.mean.get(p)!, g, beta1)
      const v = average(this.square.get(p)!, mul(g, g), beta2)
      const deviation = add(sqrt(div(v, correction)), this.options.eps)
      assign(p, sub(start, div(mul(m, mul(rate, this.factors(p).lr)), deviation)))
    }
  }
}

/** Adam; weight decay is added to the gradient. */
export class Adam extends Moments {
  constructor(parameters: readonly Variable[], options: AdamOptions = {}) {
    super('Adam', parameters, options, 0)
  }

  protected prepare(lr: Tensor) {
    const update = this.adam(lr)
    return (p: Variable, g: Tensor) => {
      const decay = this.decayOf(p)
      update(p, read(p), decay ? add(g, mul(p, decay)) : g)
    }
  }
}

/** AdamW (Loshchilov and Hutter 2019): the parameter itself decays first, by its lr · weightDecay. */
export class AdamW extends Moments {
  constructor(parameters: readonly Variable[], options: AdamOptions = {}) {
    super('AdamW', parameters, options, 0.01)
  }

  protected prepare(lr: Tensor) {
    const update = this.adam(lr)
    return (p: Variable, g: Tensor) => {
      const decay = mul(mul(lr, this.factors(p).lr), this.decayOf(p))
      update(p, mul(p, sub(1, decay)), g)
    }
  }
}
