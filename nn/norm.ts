// Batch normalisation: y = (x − mean) · weight / √(variance + eps) + bias, per channel (Ioffe and Szegedy 2015).

import { sizeOf } from '../engine/dtype.ts'
import { add, mul, rsqrt, sub } from '../engine/ops/arithmetic.ts'
import { moments, normalize } from '../engine/ops/norm.ts'
import { checkChoice, checkCount, optionsOf } from '../engine/ops/options.ts'
import { refuse, refuseOption, shown } from '../engine/ops/refuse.ts'
import { assign, toTensor } from '../engine/ops/source.ts'
import type { Tensor, Variable } from '../engine/tensor.ts'
import { ones, zeros } from './init.ts'
import { checkMode, type Mode, Module } from './module.ts'
import { buffer, parameter } from './parameter.ts'

const me = 'BatchNorm2d'
const defaults = { eps: 1e-5, momentum: 0.1, statistic: 'variance', frozen: 'none' } as const

export interface BatchNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number
  /** Share of the batch in a running average: new = (1 − momentum) · old + momentum · batch; default 0.1. */
  readonly momentum?: number
  /** What is averaged beside the mean: the unbiased variance (default, as in torchvision), or 1 / √(biased variance +
   * eps) as in FRRN's released code. */
  readonly statistic?: 'variance' | 'inverse-deviation'
  /** `statistics`: the running averages hold in training too and stay as they are. `affine`: weight and bias are no
   * parameters either. For fine-tuning; with the statistics of new weights nothing is normalised. Default `none`. */
  readonly frozen?: 'none' | 'statistics' | 'affine'
}

/** Normalises each channel of [..., channels]: in training by the statistics of the batch, whose running averages it
 * updates; otherwise, or with `statistics: 'running'`, by these averages, which makes it a plain affine map. */
export class BatchNorm2d extends Module {
  readonly weight: Variable
  readonly bias: Variable
  readonly running_mean: Variable
  /** One of these two, as `statistic` says. */
  readonly running_var: Variable | undefined
  readonly running_inv_std: Variable | undefined
  readonly eps: number
  readonly momentum: number
  readonly frozen: boolean

  constructor(channels: number, options: BatchNormOptions = {}) {
    super()
    const { eps, momentum, statistic, frozen } = optionsOf(me, options, defaults)
    checkCount(me, 'channels', channels, 'it is the size of the last axis')
    checkChoice(me, 'statistic', statistic, ['variance', 'inverse-deviation'])
    checkChoice(me, 'frozen', frozen, ['none', 'statistics', 'affine'])
    if (!(Number.isFinite(eps) && eps >= 0))
      refuseOption(me, `eps ${shown(eps)} is no number from 0`, 'it is small beside the variances')
    if (!(typeof momentum === 'number' && momentum >= 0 && momentum <= 1))
      refuseOption(me, `momentum ${shown(momentum)} is no share`, 'use one from 0 to 1')
    const inverse = statistic === 'inverse-deviation'
    const affine = frozen === 'affine' ? buffer : parameter
    this.weight = affine([channels], ones)
    this.bias = affine([channels], zeros)
    this.running_mean = buffer([channels], zeros)
    this.running_var = inverse ? undefined : buffer([channels], ones)
    this.running_inv_std = inverse ? buffer([channels], ones) : undefined
    this.eps = eps
    this.momentum = momentum
    this.frozen = frozen !== 'none'
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    checkMode(me, mode)
    const [channels] = this.weight.shape
    const { shape } = toTensor(x, me)
    if (shape[shape.length - 1] !== channels)
      refuse(
        me,
        `${channels} channels are needed`,
        [x],
        'they are the last axis, as in [n, h, w, c]',
      )
    const batch = (mode.statistics ?? (mode.train ? 'batch' : 'running')) === 'batch'
    return batch && !this.frozen ? this.byBatch(x, mode.train) : this.byAverages(x)
  }

  private byBatch(x: Tensor, update: boolean): Tensor {
    const { mean, variance } = moments(x)
    const inverse = rsqrt(add(variance, this.eps))
    if (update) {
      this.average(this.running_mean, mean)
      if (this.running_inv_std) this.average(this.running_inv_std, inverse)
      if (this.running_var) this.average(this.running_var, mul(variance, besselFactor(x)))
    }
    return normalize(x, mean, mul(this.weight, inverse), this.bias)
  }

  private average(running: Variable, batch: Tensor): void {
    assign(running, add(mul(running, 1 - this.momentum), mul(batch, this.momentum)))
  }

  private byAverages(x: Tensor): Tensor {
    const inverse = this.running_inv_std ?? rsqrt(add(this.running_var!, this.eps))
    const scale = mul(this.weight, inverse)
    // Two channel vectors, so that the map can ride on the convolution before it.
    return add(mul(x, scale), sub(this.bias, mul(this.running_mean, scale)))
  }
}

/** n / (n − 1): from the biased variance of n values to the unbiased one. */
function besselFactor(x: Tensor): number {
  const n = sizeOf(x.shape.slice(0, -1))
  if (n < 2)
    refuse(
      me,
      'one value per channel has no variance',
      [x],
      "use a larger image or batch, or { statistics: 'running' }",
    )
  return n / (n - 1)
}
