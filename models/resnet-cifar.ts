// The residual networks for CIFAR-10 (He et al. 2016, "Deep Residual Learning", section 4.2): ResNet-110 is one of the nets
// whose gradients Wu, Shen and van den Hengel 2016b (section 6.3) measure path by path.

import { relu } from '../engine/ops/arithmetic.ts'
import { mean } from '../engine/ops/reduce.ts'
import { pad, slice } from '../engine/ops/shape.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type Conv2d, Linear } from '../nn/conv.ts'
import { heUniform } from '../nn/init.ts'
import { joined, type Mode, Module, nameVariables } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import { checkImage, type InputForm, inForm, inputCheck } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import { type Checks, count, type NormOptions, normChecks, readOptions, whole } from './options.ts'
import { conv } from './resnet-units.ts'

export interface CifarOptions extends NormOptions {
  /** Default 10. */
  readonly classes?: number
  /** Channels of the first stage; the others have 2 and 4 times as many. Default 16. */
  readonly width?: number
  /** Of each stage: n make a net of 6n + 2 layers. Default 18. */
  readonly blocks?: number
  readonly input?: InputForm
  /** Fixes the starting values; default 0. */
  readonly seed?: number
}

const defaults = {
  classes: 10,
  width: 16,
  blocks: 18,
  input: 'imagenet',
  seed: 0,
  eps: 1e-5,
  momentum: 0.1,
  statistic: 'variance',
  frozen: 'none',
} as const satisfies Required<CifarOptions>

export const cifarChecks: Checks<CifarOptions> = {
  classes: count,
  width: count,
  blocks: count,
  input: inputCheck,
  seed: whole,
  ...normChecks,
}

interface Settings {
  readonly seed: number
  readonly norm: NormOptions
}

/** Two 3×3 convolutions. The shortcut has no parameters (option A): every stride-th pixel, and zeros for the channels that
 * are new. */
class Block extends Module {
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly stride: number

  constructor(inputs: number, width: number, stride: number, settings: Settings) {
    super()
    this.stride = stride
    this.conv1 = conv(inputs, width, 3, settings, { stride })
    this.bn1 = new BatchNorm2d(width, settings.norm)
    this.conv2 = conv(width, width, 3, settings)
    this.bn2 = new BatchNorm2d(width, settings.norm)
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    const y = relu(this.bn1.apply(this.conv1.apply(x), mode))
    const branch = this.bn2.apply(this.conv2.apply(y), mode)
    const sampled = slice(x, [], [], [1, this.stride, this.stride, 1])
    const missing = branch.shape[3] - x.shape[3]
    const shortcut = missing ? pad(sampled, [0, 0, 0, 0], [0, 0, 0, missing]) : sampled
    return relu(joined(shortcut, branch, mode))
  }
}

/** A classifier of small images: a convolution, three stages at 1/1, 1/2 and 1/4, global average, linear layer. */
export class CifarResNet extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple = 1
  readonly scoreStride = 0
  readonly input: InputForm
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly layer1: readonly Block[]
  readonly layer2: readonly Block[]
  readonly layer3: readonly Block[]
  readonly fc: Linear

  constructor(options: CifarOptions = {}) {
    super()
    const full = readOptions('resnet-110', options, defaults, cifarChecks)
    const { classes, width, blocks, seed, eps, momentum, statistic, frozen } = full
    const settings = { seed, norm: { eps, momentum, statistic, frozen } }
    const stage = (times: number, before: number) =>
      Array.from({ length: blocks }, (_, i) =>
        i
          ? new Block(times * width, times * width, 1, settings)
          : new Block(before * width, times * width, times / before, settings),
      )
    this.config = { name: 'resnet-110', options: full }
    this.classes = classes
    this.input = full.input
    this.conv1 = conv(3, width, 3, settings)
    this.bn1 = new BatchNorm2d(width, settings.norm)
    this.layer1 = stage(1, 1)
    this.layer2 = stage(2, 1)
    this.layer3 = stage(4, 2)
    const init = heUniform({ seed, gain: Math.sqrt(1 / 3) })
    this.fc = new Linear(4 * width, classes, { init })
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    let x = relu(this.bn1.apply(this.conv1.apply(inForm(image, this.input)), mode))
    for (const block of [...this.layer1, ...this.layer2, ...this.layer3]) x = block.apply(x, mode)
    return this.fc.apply(mean(x, [1, 2]))
  }
}

/** ResNet-110, or one of 6 · `blocks` + 2 layers. Throws OptionError for options and values that do not exist. */
export const cifarResNet = (options: CifarOptions = {}): CifarResNet => new CifarResNet(options)
