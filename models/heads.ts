// The classifiers that stand on the features of a dilated network: one convolution, or two with a ReLU between them (Wu,
// Shen and van den Hengel 2016a, section 4: "1 conv"; 2019, section 4.3: "2 conv").

import { relu } from '../engine/ops/arithmetic.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d } from '../nn/conv.ts'
import { heNormal } from '../nn/init.ts'
import { Module } from '../nn/module.ts'
import { type Checks, count, odd, oneOf } from './options.ts'

export interface HeadOptions {
  /** Side of its convolutions, odd. */
  readonly kernel?: number
  /** Of its convolutions, in cells of the features. */
  readonly dilation?: number
  /** Number of its convolutions. */
  readonly layers?: 1 | 2
  /** Channels between two convolutions; of one it says nothing. */
  readonly hidden?: number
}

export const headChecks: Checks<HeadOptions> = {
  kernel: odd,
  dilation: count,
  layers: oneOf(1, 2),
  hidden: count,
}

/** Maps features [n, h, w, inputs] to class scores [n, h, w, classes]. Its convolutions keep the size and have biases but no
 * batch norm; weights start He-normal, biases at 0. Without `layers: 2` there is no `hidden`. */
export class Head extends Module<[features: Tensor]> {
  readonly options: Required<HeadOptions>
  readonly hidden: Conv2d | undefined
  readonly classifier: Conv2d

  constructor(inputs: number, classes: number, options: Required<HeadOptions>, seed = 0) {
    super()
    this.options = options
    const { kernel, dilation, layers, hidden } = options
    const conv = (from: number, to: number) =>
      new Conv2d(from, to, kernel, {
        dilation,
        padding: (dilation * (kernel - 1)) / 2,
        init: heNormal({ seed }),
      })
    this.hidden = layers === 2 ? conv(inputs, hidden) : undefined
    this.classifier = conv(layers === 2 ? hidden : inputs, classes)
  }

  protected forward(features: Tensor): Tensor {
    return this.classifier.apply(this.hidden ? relu(this.hidden.apply(features)) : features)
  }
}
