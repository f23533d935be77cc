// The residual blocks of He et al. 2016 ("Deep Residual Learning", fig. 5), after whose sum comes a ReLU. Fields are named
// as torchvision names them, so that its checkpoints need no table.

import { relu } from '../engine/ops/arithmetic.ts'
import type { Pair } from '../engine/ops/options.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d } from '../nn/conv.ts'
import { Dropout } from '../nn/dropout.ts'
import { heNormal } from '../nn/init.ts'
import { joined, type Mode, Module } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import type { NormOptions } from './options.ts'

/** What all blocks of a network share. */
export interface BlockSettings {
  readonly seed: number
  readonly norm: NormOptions
  /** Where a bottleneck has its stride: `3x3` as in torchvision and timm, `1x1` as in the original release. */
  readonly stride: '3x3' | '1x1'
}

/** Where a block stands: it divides the size by `stride`, and its convolutions are dilated, those that come after a stride
 * that was removed by more than those before. */
export interface BlockPlace {
  readonly stride: number
  /** Before the place of the stride, its convolution included. */
  readonly dilation: number
  /** After it. */
  readonly dilationAfter: number
  /** Of the branch, before the sum (Wu et al. 2016b, "dropout in some top blocks"; 0 for none). */
  readonly dropout: number
}

/** A convolution without bias whose output has a value at every stride-th pixel from the first on. */
export const conv = (
  inputs: number,
  outputs: number,
  kernel: number,
  { seed }: { readonly seed: number },
  { stride = 1, dilation = 1 } = {},
): Conv2d =>
  new Conv2d(inputs, outputs, kernel, {
    stride,
    dilation,
    padding: (dilation * (kernel - 1)) / 2,
    bias: false,
    init: heNormal({ seed }),
  })

/** x is sampled from pixel `offset` on by the block's strided convolutions; [0, 0] but in shifted passes. */
type Arguments = [x: Tensor, mode: Mode, offset?: Pair]

export abstract class Block extends Module<Arguments> {
  /** 1×1 convolution and batch norm, where the size or the number of channels changes. */
  readonly downsample: readonly [Conv2d, BatchNorm2d] | undefined
  readonly dropout: Dropout

  constructor(inputs: number, outputs: number, place: BlockPlace, settings: BlockSettings) {
    super()
    const { stride } = place
    const changes = stride > 1 || inputs !== outputs
    this.downsample = changes
      ? [conv(inputs, outputs, 1, settings, { stride }), new BatchNorm2d(outputs, settings.norm)]
      : undefined
    this.dropout = new Dropout(place.dropout)
  }

  protected abstract branch(...args: Arguments): Tensor

  protected forward(x: Tensor, mode: Mode, offset?: Pair): Tensor {
    const branch = this.dropout.apply(this.branch(x, mode, offset), mode)
    const [project, norm] = this.downsample ?? []
    const shortcut = project ? norm!.apply(project.apply(x, offset), mode) : x
    return relu(joined(shortcut, branch, mode))
  }
}

/** Two 3×3 convolutions: the block of ResNet-18 and 34. */
export class BasicBlock extends Block {
  static readonly expansion = 1
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d

  constructor(inputs: number, width: number, place: BlockPlace, settings: BlockSettings) {
    super(inputs, width, place, settings)
    const { stride, dilation, dilationAfter } = place
    this.conv1 = conv(inputs, width, 3, settings, { stride, dilation })
    this.bn1 = new BatchNorm2d(width, settings.norm)
    this.conv2 = conv(width, width, 3, settings, { dilation: dilationAfter })
    this.bn2 = new BatchNorm2d(width, settings.norm)
  }

  protected branch(x: Tensor, mode: Mode, offset?: Pair): Tensor {
    const y = relu(this.bn1.apply(this.conv1.apply(x, offset), mode))
    return this.bn2.apply(this.conv2.apply(y), mode)
  }
}

/** 1×1, 3×3 and 1×1 to four times the width: the block of ResNet-50, 101 and 152. */
export class Bottleneck extends Block {
  static readonly expansion = 4
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly conv3: Conv2d
  readonly bn3: BatchNorm2d
  readonly strideFirst: boolean

  constructor(inputs: number, width: number, place: BlockPlace, settings: BlockSettings) {
    super(inputs, 4 * width, place, settings)
    const { stride, dilation, dilationAfter } = place
    this.strideFirst = settings.stride === '1x1'
    const [first, second] = this.strideFirst ? [stride, 1] : [1, stride]
    this.conv1 = conv(inputs, width, 1, settings, { stride: first })
    this.bn1 = new BatchNorm2d(width, settings.norm)
    this.conv2 = conv(width, width, 3, settings, {
      stride: second,
      dilation: this.strideFirst ? dilationAfter : dilation,
    })
    this.bn2 = new BatchNorm2d(width, settings.norm)
    this.conv3 = conv(width, 4 * width, 1, settings)
    this.bn3 = new BatchNorm2d(4 * width, settings.norm)
  }

  protected branch(x: Tensor, mode: Mode, offset?: Pair): Tensor {
    const [first, second] = this.strideFirst ? [offset, undefined] : [undefined, offset]
    let y = relu(this.bn1.apply(this.conv1.apply(x, first), mode))
    y = relu(this.bn2.apply(this.conv2.apply(y, second), mode))
    return this.bn3.apply(this.conv3.apply(y), mode)
  }
}
