// Residual networks (He et al. 2016, "Deep Residual Learning", Table 1), and what Wu et al. 2016 (sections 3 and 4) make of
// their strides: a backbone whose last stages keep the size and are dilated instead.

import { relu } from '../engine/ops/arithmetic.ts'
import type { Pair } from '../engine/ops/options.ts'
import { maxPool2d } from '../engine/ops/pool.ts'
import { mean } from '../engine/ops/reduce.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d, Linear } from '../nn/conv.ts'
import { heNormal, heUniform } from '../nn/init.ts'
import { type Mode, Module, nameVariables } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import { checkImage, type InputForm, inForm, inputCheck } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import {
  type Checks,
  count,
  deepened,
  flag,
  type NormOptions,
  normChecks,
  oneOf,
  positive,
  readOptions,
  rowOf,
  share,
  whole,
} from './options.ts'
import { BasicBlock, type BlockPlace, Bottleneck } from './resnet-units.ts'

/** Blocks of res-2 … res-5, by depth. */
const table = {
  18: { block: BasicBlock, blocks: [2, 2, 2, 2] },
  34: { block: BasicBlock, blocks: [3, 4, 6, 3] },
  50: { block: Bottleneck, blocks: [3, 4, 6, 3] },
  101: { block: Bottleneck, blocks: [3, 4, 23, 3] },
  152: { block: Bottleneck, blocks: [3, 8, 36, 3] },
} as const

export type ResNetDepth = keyof typeof table

export const resNetDepths = Object.keys(table).map(Number) as ResNetDepth[]

export interface BackboneOptions extends NormOptions {
  /** Channels of the stem; the 3×3 convolutions of the stages have 1, 2, 4 and 8 times as many. Default 64. */
  readonly width?: number
  /** Times the blocks of each stage, at least one; default 1. */
  readonly depthMultiplier?: number
  /** Where a bottleneck has its stride: `3x3` (default) as in torchvision and timm, `1x1` as in the original release. A net
   * must have the form that its weights were trained with. ResNet-18 and 34 have but one form. */
  readonly stride?: '3x3' | '1x1'
  /** The stem's pooling: `padded` by 1 (default), or unpadded and rounded up as in the original release, with windows one
   * cell further right and down. (Over an odd map that release has one window less; here both forms have ⌈n/2⌉.) */
  readonly pool?: 'padded' | 'ceil'
  /** A bias in the first convolution: in the original ResNet-50 only. Default false. */
  readonly stemBias?: boolean
  /** Image pixels from one feature to the next, in the end: 32 (default) or, with dilated convolutions, 16, 8 or 4. */
  readonly outputStride?: 4 | 8 | 16 | 32
  /** Rate of the dropout in the last three blocks, between their last batch norm and the sum; default 0. */
  readonly dropout?: number
  /** Default `imagenet`; the original release wants `caffe`. */
  readonly input?: InputForm
  /** Fixes the starting values; default 0. */
  readonly seed?: number
}

export const backboneDefaults = {
  width: 64,
  depthMultiplier: 1,
  stride: '3x3',
  pool: 'padded',
  stemBias: false,
  outputStride: 32,
  dropout: 0,
  input: 'imagenet',
  seed: 0,
  eps: 1e-5,
  momentum: 0.1,
  statistic: 'variance',
  frozen: 'none',
} as const satisfies Required<BackboneOptions>

export const backboneChecks: Checks<BackboneOptions> = {
  width: count,
  depthMultiplier: positive,
  stride: oneOf('3x3', '1x1'),
  pool: oneOf('padded', 'ceil'),
  stemBias: flag,
  outputStride: oneOf(4, 8, 16, 32),
  dropout: share,
  input: inputCheck,
  seed: whole,
  ...normChecks,
}

type Blocks = readonly (BasicBlock | Bottleneck)[]

/** The convolutional part of a residual network. It gives the features of res-2, res-3, res-4 and res-5, each
 * [n, ⌈h/s⌉, ⌈w/s⌉, c] with s = 4, 8, 16 and 32, but none above `outputStride`. Feature (i, j) is centred on pixel
 * (s·i, s·j), or 2 pixels further on with the `ceil` pooling. */
export class Backbone extends Module<[image: Tensor, mode: Mode], Tensor[]> {
  readonly options: Required<BackboneOptions>
  /** Of the features of res-2 … res-5. */
  readonly channels: readonly number[]
  /** Index of the last stage with a stride of 2; 0, which is res-2, where none has. */
  readonly lastStrided: number
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly layer1: Blocks
  readonly layer2: Blocks
  readonly layer3: Blocks
  readonly layer4: Blocks

  constructor(depth: ResNetDepth, options: BackboneOptions = {}) {
    super()
    const full = readOptions(`resnet-${depth}`, options, backboneDefaults, backboneChecks)
    const { width, seed, stride, outputStride, dropout, stemBias } = full
    const { eps, momentum, statistic, frozen } = full
    const norm = { eps, momentum, statistic, frozen }
    const { block: Block, blocks } = rowOf('ResNet', table, depth)
    this.options = full
    this.channels = [1, 2, 4, 8].map((times) => times * width * Block.expansion)
    this.lastStrided = Math.log2(outputStride) - 2

    this.conv1 = new Conv2d(3, width, 7, {
      ...{ stride: 2, padding: 3, bias: stemBias, init: heNormal({ seed }) },
    })
    this.bn1 = new BatchNorm2d(width, norm)
    const counts = blocks.map((n) => deepened(n, full.depthMultiplier))
    const total = counts.reduce((a, b) => a + b)
    let inputs = width
    let made = 0
    const stages = counts.map((n, stage) =>
      dilations(stage, this.lastStrided, n).map((place) => {
        const rate = total - made++ <= 3 ? dropout : 0
        const from = inputs
        inputs = this.channels[stage]
        return new Block(
          from,
          2 ** stage * width,
          { ...place, dropout: rate },
          { seed, norm, stride },
        )
      }),
    )
    ;[this.layer1, this.layer2, this.layer3, this.layer4] = stages
  }

  private get stages(): readonly Blocks[] {
    return [this.layer1, this.layer2, this.layer3, this.layer4]
  }

  /** All residual blocks, in order. */
  get blocks(): Blocks {
    return this.stages.flat()
  }

  protected forward(image: Tensor, mode: Mode): Tensor[] {
    let x = this.stem(image, mode)
    return this.stages.map((blocks) => {
      x = through(blocks, x, mode)
      return x
    })
  }

  /** The features that the last strided stage reads. */
  trunk(image: Tensor, mode: Mode): Tensor {
    const before = this.stages.slice(0, this.lastStrided)
    return this.enter(() => through(before.flat(), this.stem(image, mode), mode))
  }

  /** The features of res-5 from those of `trunk`, sampled by the last strided stage from row and column `offset` (0 or 1)
   * on; [0, 0] gives those of `apply`. */
  top(trunk: Tensor, mode: Mode, offset: Pair): Tensor {
    const [first, ...rest] = this.stages.slice(this.lastStrided).flat()
    return this.enter(() => through(rest, first.apply(trunk, mode, offset), mode))
  }

  private stem(image: Tensor, mode: Mode): Tensor {
    const { input, pool } = this.options
    const x = relu(this.bn1.apply(this.conv1.apply(inForm(image, input)), mode))
    return maxPool2d(x, { kernel: 3, stride: 2, padding: stemPools[pool] })
  }
}

const through = (blocks: Blocks, x: Tensor, mode: Mode): Tensor =>
  blocks.reduce((y, block) => block.apply(y, mode), x)

/** Paddings: windows from each second cell on; those of the last may reach 1 or 2 cells beyond the map. */
export const stemPools = { padded: 1, ceil: [0, 0, 2, 2] } as const

/** Strides and dilations of a stage's blocks. Where a stride was removed, whatever comes after its place is dilated by
 * twice as much, so that it sees the pixels that it saw before (Wu et al. 2016a, section 3). */
function dilations(
  stage: number,
  lastStrided: number,
  blocks: number,
): Omit<BlockPlace, 'dropout'>[] {
  const removed = stage - lastStrided
  const after = 2 ** Math.max(0, removed)
  const before = removed > 0 ? after / 2 : 1
  return Array.from({ length: blocks }, (_, i) => ({
    stride: i === 0 && stage > 0 && removed <= 0 ? 2 : 1,
    dilation: i === 0 ? before : after,
    dilationAfter: after,
  }))
}

export interface ResNetOptions extends BackboneOptions {
  /** Default 1000. */
  readonly classes?: number
}

/** A classifier: backbone, global average, linear layer. */
export class ResNet extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple = 1
  readonly scoreStride = 0
  readonly backbone: Backbone
  readonly fc: Linear

  constructor(depth: ResNetDepth, options: ResNetOptions = {}) {
    super()
    const name = `resnet-${depth}`
    const full = readOptions(name, options, { ...backboneDefaults, classes: 1000 }, resNetChecks)
    const { classes, ...rest } = full
    this.config = { name, options: full }
    this.classes = classes
    this.backbone = new Backbone(depth, rest)
    // As the last layer of torch's models and of the code of Wu et al. 2019: U(−1/√in, 1/√in).
    const init = heUniform({ seed: full.seed, gain: Math.sqrt(1 / 3) })
    this.fc = new Linear(this.backbone.channels[3], classes, { init })
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    const features = this.backbone.apply(image, mode)[3]
    return this.fc.apply(mean(features, [1, 2]))
  }
}

export const resNetChecks: Checks<ResNetOptions> = { ...backboneChecks, classes: count }

/** ResNet-18, 34, 50, 101 or 152 as a classifier. Throws OptionError for options and values that do not exist. */
export const resNet = (depth: ResNetDepth, options: ResNetOptions = {}): ResNet =>
  new ResNet(depth, options)
