// The two units that FRRNs are made of (Pohlen et al. 2017, section 3 and fig. 2; details from the released code).

import { add, relu } from '../engine/ops/arithmetic.ts'
import { concat } from '../engine/ops/concat.ts'
import { maxPool2d } from '../engine/ops/pool.ts'
import { resizeBilinear } from '../engine/ops/resize.ts'
import { repeatUpsample } from '../engine/ops/upsample.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d } from '../nn/conv.ts'
import { heUniform } from '../nn/init.ts'
import { joined, type Mode, Module } from '../nn/module.ts'
import { BatchNorm2d, type BatchNormOptions } from '../nn/norm.ts'

/** What all units of a network share. */
export interface UnitOptions {
  readonly seed: number
  readonly norm: BatchNormOptions
}

/** The pooling stream y at a stage's resolution and the residual stream z at full resolution. */
export type Streams = Readonly<{ y: Tensor; z: Tensor }>

/** How the pooling stream grows: src = dst / 2, or with half-pixel centres. */
export type Enlarging = 'asymmetric' | 'half-pixel'

/** [n, h, w, c] at half the size, by the maximum. */
export const halved = (y: Tensor): Tensor => maxPool2d(y, { kernel: 2, stride: 2 })

/** [n, h, w, c] at twice the size, bilinear. */
export const doubled = (y: Tensor, how: Enlarging): Tensor =>
  resizeBilinear(y, [y.shape[1] * 2, y.shape[2] * 2], how)

/** A k×k convolution without bias that keeps the size; `gain` is 1 where no ReLU follows. */
export const plainConv = (
  inputs: number,
  outputs: number,
  kernel: number,
  { seed }: UnitOptions,
  gain = Math.SQRT2,
): Conv2d =>
  new Conv2d(inputs, outputs, kernel, {
    padding: (kernel - 1) / 2,
    bias: false,
    init: heUniform({ seed, gain }),
  })

/** Convolution, batch norm, ReLU. */
export class ConvUnit extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNorm2d

  constructor(inputs: number, outputs: number, kernel: number, options: UnitOptions) {
    super()
    this.conv = plainConv(inputs, outputs, kernel, options)
    this.bn = new BatchNorm2d(outputs, options.norm)
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    return relu(this.bn.apply(this.conv.apply(x), mode))
  }
}

/** RU: x + F(x), F two 3×3 convolutions with batch norm and a ReLU between them; no ReLU after the sum. Another width
 * brings a 1×1 convolution, without bias and batch norm, into the shortcut. */
export class ResidualUnit extends Module {
  readonly shortcut: Conv2d | undefined
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d

  constructor(inputs: number, width: number, options: UnitOptions) {
    super()
    this.shortcut = inputs === width ? undefined : plainConv(inputs, width, 1, options, 1)
    this.conv1 = plainConv(inputs, width, 3, options)
    this.bn1 = new BatchNorm2d(width, options.norm)
    this.conv2 = plainConv(width, width, 3, options, 1)
    this.bn2 = new BatchNorm2d(width, options.norm)
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    const y = relu(this.bn1.apply(this.conv1.apply(x), mode))
    const residual = this.bn2.apply(this.conv2.apply(y), mode)
    return joined(this.shortcut ? this.shortcut.apply(x) : x, residual, mode)
  }
}

/** FRRU at pooling factor f: reads both streams, renews y and adds to z (fig. 2c). With its 1×1 convolution at zero
 * it leaves z as it is. */
export class FullResolutionUnit extends Module<[streams: Streams, mode: Mode], Streams> {
  readonly factor: number
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly residual: Conv2d

  constructor(inputs: number, width: number, lanes: number, factor: number, options: UnitOptions) {
    super()
    this.factor = factor
    this.conv1 = plainConv(inputs + lanes, width, 3, options)
    this.bn1 = new BatchNorm2d(width, options.norm)
    this.conv2 = plainConv(width, width, 3, options)
    this.bn2 = new BatchNorm2d(width, options.norm)
    const init = heUniform({ seed: options.seed, gain: 1 })
    this.residual = new Conv2d(width, lanes, 1, { init })
  }

  protected forward({ y, z }: Streams, mode: Mode): Streams {
    const pooled = maxPool2d(z, { kernel: this.factor, stride: this.factor })
    const hidden = relu(this.bn1.apply(this.conv1.apply(concat([y, pooled], 3)), mode))
    const next = relu(this.bn2.apply(this.conv2.apply(hidden), mode))
    const correction = repeatUpsample(this.residual.apply(next), [this.factor, this.factor])
    return { y: next, z: add(z, correction) }
  }
}

/** Several FRRUs at one resolution. */
export class Stage extends Module<[streams: Streams, mode: Mode], Streams> {
  readonly units: readonly FullResolutionUnit[]

  constructor(
    inputs: number,
    { units, width, factor }: { units: number; width: number; factor: number },
    lanes: number,
    options: UnitOptions,
  ) {
    super()
    this.units = Array.from(
      { length: units },
      (_, i) => new FullResolutionUnit(i ? width : inputs, width, lanes, factor, options),
    )
  }

  protected forward(streams: Streams, mode: Mode): Streams {
    return this.units.reduce((s, unit) => unit.apply(s, mode), streams)
  }
}
