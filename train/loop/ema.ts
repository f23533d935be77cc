// The average of a network's weights over its last steps, weighted exponentially (Polyak and Juditsky 1992): it often scores better
// than any of them.
//
//   d = decay, or min(decay, (1 + t) / (10 + t)) while it warms up        average ← average + (1 − d) · (weight − average)
//
// It begins as the weights are after its first step. Running statistics of batch norm are averaged along, since those of other
// weights would not fit. Nothing is held twice: to use the average, it and the weights change places.

import type { Device } from '../../engine/device.ts'
import { sizeOf } from '../../engine/dtype.ts'
import { add, div, equal, greater, maximum, mul, sub, where } from '../../engine/ops/arithmetic.ts'
import { optionsOf } from '../../engine/ops/options.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import { assign, read } from '../../engine/ops/source.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { scope } from '../../engine/trace.ts'

export interface EmaOptions {
  /** Share of the old average in the new one; default 0.999. */
  readonly decay?: number
  /** Less of it in the first steps, min(decay, (1 + t) / (10 + t)); default true. */
  readonly warmUp?: boolean
  /** What is averaged beside the parameters: `model.buffers()`. Default: nothing. */
  readonly buffers?: readonly Variable[]
}

const defaults = { decay: 0.999, warmUp: true, buffers: [] }
const me = 'Ema'

/** Averages of variables; part of an optimiser's state. */
export class Ema {
  readonly options: Required<EmaOptions>
  /** The average of each variable. */
  readonly averages: ReadonlyMap<Variable, Variable>
  /** f32 scalar: steps that it has seen. */
  readonly steps = new Variable({ dtype: 'f32', shape: [] }, () => new Float32Array(1), 'ema_steps')

  /** Throws OptionError for a decay that is none. */
  constructor(parameters: readonly Variable[], options: EmaOptions = {}) {
    this.options = optionsOf(me, options, defaults)
    const { decay, buffers } = this.options
    if (!(typeof decay === 'number' && decay >= 0 && decay < 1))
      refuseOption(me, `decay ${shown(decay)} is none`, 'use a number from 0 and below 1, as 0.999')
    this.averages = new Map([...parameters, ...buffers].map((v) => [v, averageOf(v)]))
  }

  /** Inside a step, before its gradients: the function that it returns takes in a variable which the step has done with. Each is
   * to be taken in once a step. */
  prepare(): (variable: Variable) => void {
    const { decay, warmUp } = this.options
    const before = read(this.steps)
    assign(this.steps, add(before, 1))
    // 1 − (1 + t) / (10 + t), which no subtraction can spoil.
    const later = warmUp ? maximum(1 - decay, div(9, add(before, 10))) : 1 - decay
    const share = where(equal(before, 0), 1, later)
    return (variable) => {
      const average = this.averages.get(variable)!
      assign(average, add(average, mul(sub(variable, average), share)))
    }
  }

  /** Runs `use` with the averages in the place of the weights: what reads the variables on this device meanwhile, a predictor or a
   * checkpoint of the model, has them. Before the first step the weights stay. Afterwards every bit is where it was. Not
   * for training: an optimiser's state is not the one of these weights. */
  async withAveraged<T>(device: Device, use: () => Promise<T>): Promise<T> {
    using exchange = device.compile(() => {
      const begun = greater(this.steps, 0)
      for (const [variable, average] of this.averages)
        scope(variable.name, () => swap(variable, average, begun))
    })
    await exchange.run()
    try {
      return await use()
    } finally {
      await exchange.run()
    }
  }

  /** By name, for checkpoints. */
  stateDict(): Map<string, Variable> {
    return new Map([this.steps, ...this.averages.values()].map((v) => [v.name, v]))
  }
}

function swap(a: Variable, b: Variable, begun: Tensor): void {
  const [x, y] = [read(a), read(b)]
  assign(a, where(begun, y, x))
  assign(b, where(begun, x, y))
}

const averageOf = ({ name, shape }: Variable): Variable =>
  new Variable({ dtype: 'f32', shape }, () => new Float32Array(sizeOf(shape)), `ema.${name}`)
