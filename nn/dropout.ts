// Dropout (Srivastava et al. 2014) and that of whole channels (Tompson et al. 2015), in the form that leaves the network
// as it is outside training.

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
    return dropped('Dropout', x, this.rate, mode, false)
  }
}

/** In training, sets whole channels of images [n, h, w, c] to 0 with probability `rate` and divides the others by 1 − rate;
 * else the identity. */
export class Dropout2d extends Module {
  readonly rate: number

  /** Throws OptionError unless 0 ≤ rate < 1. */
  constructor(rate: number) {
    super()
    checkRate('Dropout2d', rate)
    this.rate = rate
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    return dropped('Dropout2d', x, this.rate, mode, true)
  }
}

function dropped(name: string, x: Tensor, rate: number, mode: Mode, channels: boolean): Tensor {
  checkMode(name, mode)
  if (!mode.train || rate === 0) return x
  if (!mode.random)
    return refuseOption(
      name,
      'training needs a random key',
      'apply the model with { train: true, random: { seed, step } }',
    )
  return dropout(x, rate, mode.random, { channels })
}
