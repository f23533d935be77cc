// Dropout (Srivastava et al. 2014), in the form that leaves the network as it is outside training.

import { OptionError } from '../engine/errors.ts'
import { dropout } from '../engine/ops/random.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type Mode, Module } from './module.ts'

/** In training, sets elements to 0 with probability `rate` and divides the others by 1 − rate; else the identity. */
export class Dropout extends Module {
  readonly rate: number

  /** Throws OptionError unless 0 ≤ rate < 1. */
  constructor(rate: number) {
    super()
    if (!(rate >= 0 && rate < 1))
      throw new OptionError(`dropout: ${rate} is no rate`, 'use at least 0 and less than 1')
    this.rate = rate
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    if (!mode.train || this.rate === 0) return x
    if (!mode.random)
      throw new OptionError(
        'dropout: training needs a random key',
        'apply the model with { train: true, random: { seed, step } }',
      )
    return dropout(x, this.rate, mode.random)
  }
}
