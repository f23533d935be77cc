// Dropout (Srivastava et al. 2014), in the form that leaves the network as it is outside training.

import { checkRate, dropout } from '../engine/ops/random.ts'
import { refuseOption } from '../engine/ops/refuse.ts'
import type { Tensor } from '../engine/tensor.ts'
import { checkMode, type Mode, Module } from './module.ts'

/** In training, sets elements to 0 with probability `rate` and divides the others by 1 − rate; else the identity. */
export class Dropout extends Module {
  readonly rate: number

  /** Throws OptionError unless 0 ≤ rate < 1. */
  constructor(rate: number) {
    super()
    checkRate('Dropout', rate)
    this.rate = rate
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    checkMode('Dropout', mode)
    if (!mode.train || this.rate === 0) return x
    if (!mode.random)
      return refuseOption(
        'Dropout',
        'training needs a random key',
        'apply the model with { train: true, random: { seed, step } }',
      )
    return dropout(x, this.rate, mode.random)
  }
}
