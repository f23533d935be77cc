// FCRN, the fully convolutional residual network (Wu, Shen and van den Hengel 2016a, "High-performance Semantic Segmentation
// Using Very Deep Fully Convolutional Residual Networks", section 3): a dilated ResNet, and a classifier whose field of view is
// large because it is dilated too.

import type { Pair } from '../engine/ops/options.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type Mode, nameVariables } from '../nn/module.ts'
import { Head, type HeadOptions, headChecks } from './heads.ts'
import { checkImage } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import { type Checks, count, readOptions } from './options.ts'
import {
  Backbone,
  type BackboneOptions,
  backboneChecks,
  backboneDefaults,
  type ResNetDepth,
} from './resnet.ts'

/** Those of the backbone with other defaults: `outputStride` 8; `dropout` 0.3, as the second paper has some (2016b); `frozen`
 * 'statistics', since the nets are fine-tuned. From scratch they want `frozen: 'none'`: the averages that new weights start
 * with normalise nothing. Of the head: `layers` 1; `kernel` 5, or 3 with `layers: 2`, which is the "2 conv" of Wu et al. 2019
 * (section 4.3); `dilation` 12, at an output stride of 4 twice as much to see as far in the image; `hidden` 8 times the width
 * (512). */
export interface FcrnOptions extends BackboneOptions, HeadOptions {
  /** Default 21, those of PASCAL VOC. */
  readonly classes?: number
}

/** The best classifier of Table 1 (5×5, dilation 12 on a grid of 1/8); of two layers, those of "2 conv". */
export const fcrnDefaults = ({ width = backboneDefaults.width, layers }: FcrnOptions) =>
  ({
    ...backboneDefaults,
    width,
    outputStride: 8,
    dropout: 0.3,
    frozen: 'statistics',
    classes: 21,
    kernel: layers === 2 ? 3 : 5,
    dilation: 12,
    layers: 1,
    hidden: 8 * width,
  }) as const satisfies Required<FcrnOptions>

export const fcrnChecks: Checks<FcrnOptions> = { ...backboneChecks, ...headChecks, classes: count }

/** Class scores on a grid: [n, ⌈h/s⌉, ⌈w/s⌉, classes] with s the output stride, of images of any size. Score (i, j) stands for
 * whatever pixel (s·i + o, s·j + o) its labels were taken from (see nn/grid.ts). */
export class Fcrn extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple = 1
  readonly scoreStride: number
  readonly backbone: Backbone
  readonly head: Head

  constructor(depth: ResNetDepth, options: FcrnOptions = {}) {
    super()
    const name = `fcrn-${depth}`
    const full = readOptions<FcrnOptions>(name, options, fcrnDefaults, fcrnChecks)
    const { classes, kernel, dilation, layers, hidden, ...rest } = full
    this.config = { name, options: full }
    this.classes = classes
    this.scoreStride = full.outputStride
    this.backbone = new Backbone(depth, rest)
    const inputs = this.backbone.channels[3]
    this.head = new Head(inputs, classes, { kernel, dilation, layers, hidden }, full.seed)
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    return this.head.apply(this.backbone.apply(image, mode)[3])
  }

  /** The scores of several passes, each of which samples the last strided stage from row and column `offset` (0 or 1) on; what
   * comes before that stage is computed once. */
  passes(image: Tensor, mode: Mode, offsets: readonly Pair[]): Tensor[] {
    return this.enter(() => {
      checkImage(this.config.name, image, this.sizeMultiple)
      const trunk = this.backbone.trunk(image, mode)
      return offsets.map((offset) => this.head.apply(this.backbone.top(trunk, mode, offset)))
    })
  }
}

/** FCRN on ResNet-18, 34, 50, 101 or 152. Throws OptionError for options and values that do not exist. */
export const fcrn = (depth: ResNetDepth, options: FcrnOptions = {}): Fcrn =>
  new Fcrn(depth, options)
