// Dynamic loss scaling for gradients that are stored as f16 (Micikevicius et al. 2018, section 3.2; the rule and its numbers are
// those of PyTorch's GradScaler). f16 has no magnitudes below 6e-8, where many gradients are: so scale · loss is
// differentiated, and what arrives at the parameters, in f32, is divided by the scale.
//
//   all gradients finite       the step is taken; after growthInterval of them in a row  scale ← scale · growthFactor
//   one of them is not         nothing changes but                                       scale ← max(1, scale · backoffFactor)
//
// All of it happens on the device. Powers of two change no digit.

import { assignAlways, assignOnlyWhere } from '../../engine/condition.ts'
import { sizeOf } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import {
  add,
  greaterEqual,
  isFinite,
  logicalAnd,
  maximum,
  mul,
  notEqual,
  reciprocal,
  where,
} from '../../engine/ops/arithmetic.ts'
import { optionsOf } from '../../engine/ops/options.ts'
import { min } from '../../engine/ops/reduce.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import { reshape } from '../../engine/ops/shape.ts'
import { read } from '../../engine/ops/source.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { scope } from '../../engine/trace.ts'

export interface LossScaleOptions {
  /** The first scale; default 65536. */
  readonly initScale?: number
  /** Above 1; default 2. */
  readonly growthFactor?: number
  /** Between 0 and 1; default 0.5. */
  readonly backoffFactor?: number
  /** Steps with finite gradients before it grows; default 2000. */
  readonly growthInterval?: number
}

const defaults = { initScale: 65536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000 }
const me = 'LossScale'

/** The scale of a loss and its rule; part of an optimiser's state. */
export class LossScale {
  readonly options: Required<LossScaleOptions>
  /** f32 scalar. */
  readonly scale: Variable
  /** f32 scalar: steps with finite gradients since it last changed. */
  readonly streak: Variable
  /** f32 scalar: 0 after a step that was taken, after one that was skipped the scale that it had. No part of the state. */
  readonly skipped: Variable

  /** Throws OptionError for factors and counts that are out of range. */
  constructor(options: LossScaleOptions = {}) {
    this.options = optionsOf(me, options, defaults)
    const { initScale, growthFactor, backoffFactor, growthInterval } = this.options
    const check = (name: string, value: number, fits: boolean, range: string) => {
      if (!(Number.isFinite(value) && fits)) refuseOption(me, `${name} ${shown(value)}`, range)
    }
    check('initScale', initScale, initScale >= 1, 'use a number from 1, best a power of two')
    check('growthFactor', growthFactor, growthFactor > 1, 'use a number above 1')
    const shrinks = backoffFactor > 0 && backoffFactor < 1
    check('backoffFactor', backoffFactor, shrinks, 'use a number between 0 and 1')
    const whole = Number.isInteger(growthInterval) && growthInterval > 0
    check('growthInterval', growthInterval, whole, 'use a whole number from 1')
    this.scale = number('loss_scale', initScale)
    this.streak = number('loss_scale_streak', 0)
    this.skipped = number('loss_scale_skipped', 0)
  }

  /** The gradients of scale · loss, as `grad` gives those of the loss. */
  gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
    // What is no scalar is refused there.
    if (sizeOf(loss.shape) !== 1) return grad(loss, wrt)
    return grad(loss, wrt, reshape(this.scale, loss.shape))
  }

  /** Takes the scale out of gradients, for one step: unless all of them are finite, neither what was assigned before nor what
   * `update` assigns changes; then the scale follows. */
  step(scaled: readonly Tensor[], update: (gradients: readonly Tensor[]) => void): void {
    // 0 where a gradient is not finite, so that one scalar does for both.
    const inverse = scope('lossScale', () =>
      where(allFinite(scaled), reciprocal(read(this.scale)), 0),
    )
    update(scaled.map((g) => mul(g, inverse)))
    assignOnlyWhere(inverse)
    scope('lossScale', () => this.#follow(notEqual(inverse, 0)))
  }

  #follow(ok: Tensor): void {
    const { growthFactor, backoffFactor, growthInterval } = this.options
    const streak = where(ok, add(this.streak, 1), 0)
    const grows = greaterEqual(streak, growthInterval)
    const smaller = maximum(mul(this.scale, backoffFactor), 1)
    const larger = where(grows, mul(this.scale, growthFactor), this.scale)
    assignAlways(this.skipped, where(ok, 0, this.scale))
    assignAlways(this.scale, where(ok, larger, smaller))
    assignAlways(this.streak, where(grows, 0, streak))
  }
}

/** Whether every value of f32 tensors, of one at least, is finite: a u8 scalar. Those of one shape are looked at together. */
export function allFinite(tensors: readonly Tensor[]): Tensor {
  const byShape = new Map<string, Tensor>()
  for (const t of tensors) {
    const [key, finite] = [t.shape.join(), isFinite(t)]
    const others = byShape.get(key)
    byShape.set(key, others ? logicalAnd(others, finite) : finite)
  }
  return [...byShape.values()].map((t) => min(t)).reduce((a, b) => logicalAnd(a, b))
}

const number = (name: string, value: number): Variable =>
  new Variable({ dtype: 'f32', shape: [] }, () => Float32Array.of(value), name)
