// The residual unit of Models A to F (Wu, Shen and van den Hengel 2019, "Wider or Deeper", after He et al. 2016, "Identity
// Mappings in Deep Residual Networks"): batch norm and activation stand before each convolution, nothing after the sum.

import { leakyRelu, relu } from '../engine/ops/activation.ts'
import type { Tensor } from '../engine/tensor.ts'
import type { Conv2d } from '../nn/conv.ts'
import { Dropout, Dropout2d } from '../nn/dropout.ts'
import { joined, type Mode, Module } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import type { NormOptions } from './options.ts'
import { type BlockPlace, conv } from './resnet-units.ts'

export const activations = {
  relu: (x: Tensor): Tensor => relu(x),
  'leaky-relu': (x: Tensor): Tensor => leakyRelu(x, 0.01),
}

/** What all units of a network share. */
export interface UnitSettings {
  readonly seed: number
  readonly norm: NormOptions
  readonly activation: keyof typeof activations
  /** What dropout drops: elements, or whole channels. */
  readonly dropoutKind: 'element' | 'channel'
}

/** The convolutions of a unit, two or three. */
export type Steps = readonly (readonly [kernel: number, outputs: number])[]

/** x + f(x) with f two or three times batch norm, activation, convolution. Where f changes the number of channels, x comes
 * to the sum through `project` instead: a 1×1 convolution without batch norm, with the stride of `conv1`, that reads what
 * `conv1` reads. Dropout stands before the last convolution. */
export class PreActivationUnit extends Module {
  readonly project: Conv2d | undefined
  readonly bn1: BatchNorm2d
  readonly conv1: Conv2d
  readonly bn2: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn3: BatchNorm2d | undefined
  readonly conv3: Conv2d | undefined
  readonly dropout: Dropout | Dropout2d
  readonly activation: (x: Tensor) => Tensor

  constructor(inputs: number, steps: Steps, place: BlockPlace, settings: UnitSettings) {
    super()
    const { stride, dilation, dilationAfter, dropout } = place
    const [one, two, three] = steps.map(([kernel, outputs], i) => {
      const from = i ? steps[i - 1][1] : inputs
      // A 1×1 convolution has no taps to set apart.
      const holes = kernel === 1 ? 1 : i ? dilationAfter : dilation
      return {
        bn: new BatchNorm2d(from, settings.norm),
        conv: conv(from, outputs, kernel, settings, { stride: i ? 1 : stride, dilation: holes }),
      }
    })
    const outputs = steps[steps.length - 1][1]
    this.project = inputs === outputs ? undefined : conv(inputs, outputs, 1, settings, { stride })
    this.bn1 = one.bn
    this.conv1 = one.conv
    this.bn2 = two.bn
    this.conv2 = two.conv
    this.bn3 = three?.bn
    this.conv3 = three?.conv
    this.dropout = new (settings.dropoutKind === 'channel' ? Dropout2d : Dropout)(dropout)
    this.activation = activations[settings.activation]
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    const start = this.activation(this.bn1.apply(x, mode))
    const shortcut = this.project ? this.project.apply(start) : x
    let y = this.activation(this.bn2.apply(this.conv1.apply(start), mode))
    if (this.bn3) y = this.activation(this.bn3.apply(this.conv2.apply(y), mode))
    const last = this.conv3 ?? this.conv2
    return joined(shortcut, last.apply(this.dropout.apply(y, mode)), mode)
  }
}
