// ResNet50-GCN (Peng et al. 2017, appendix): ResNet-50 whose res-4 and res-5 have large separable kernels instead of 3×3.

import { add, relu } from '../engine/ops/arithmetic.ts'
import { concat } from '../engine/ops/concat.ts'
import type { Pair } from '../engine/ops/options.ts'
import { maxPool2d } from '../engine/ops/pool.ts'
import { mean } from '../engine/ops/reduce.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d, Linear } from '../nn/conv.ts'
import { heNormal, heUniform } from '../nn/init.ts'
import { type Mode, Module, nameVariables } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import { checkImage, inForm } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import { type Checks, count, deepened, oneOf, readOptions } from './options.ts'
import { type BackboneOptions, backboneChecks, backboneDefaults, stemPools } from './resnet.ts'
import { Block, type BlockPlace, type BlockSettings, Bottleneck, conv } from './resnet-units.ts'

/** How the two branches of a block meet before its last convolution: the paper draws both into it. */
export type Join = 'sum' | 'concat'

/** What all backbones of GCNs have in common: an output stride of 32. */
export type UndilatedOptions = Omit<BackboneOptions, 'outputStride'>

export interface GcnBackboneOptions extends UndilatedOptions {
  /** Default `sum`, as in the module that it is named after. */
  readonly join?: Join
}

const { outputStride: _, ...undilatedDefaults } = backboneDefaults
const { outputStride: __, ...undilatedChecks } = backboneChecks

export { undilatedChecks, undilatedDefaults }

export const gcnBackboneDefaults = {
  ...undilatedDefaults,
  join: 'sum',
} as const satisfies Required<GcnBackboneOptions>

export const gcnBackboneChecks: Checks<GcnBackboneOptions> = {
  ...undilatedChecks,
  join: oneOf('sum', 'concat'),
}

/** Convolution that keeps the size but for its stride, batch norm, ReLU. */
class ConvUnit extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNorm2d

  constructor(
    inputs: number,
    outputs: number,
    [kh, kw]: Pair,
    stride: number,
    { seed, norm }: BlockSettings,
  ) {
    super()
    this.conv = new Conv2d(inputs, outputs, [kh, kw], {
      ...{ stride, padding: [(kh - 1) / 2, (kw - 1) / 2], bias: false, init: heNormal({ seed }) },
    })
    this.bn = new BatchNorm2d(outputs, norm)
  }

  protected forward(x: Tensor, mode: Mode): Tensor {
    return relu(this.bn.apply(this.conv.apply(x), mode))
  }
}

/** Channels of a block's branches and of its result, its k, and how its branches meet. */
interface GcnBottleneckShape {
  readonly width: number
  readonly outputs: number
  readonly k: number
  readonly join: Join
}

/** 1×k and k×1, beside them k×1 and 1×k, then 1×1: a bottleneck around a GCN. */
export class GcnBottleneck extends Block {
  readonly left: readonly [ConvUnit, ConvUnit]
  readonly right: readonly [ConvUnit, ConvUnit]
  readonly join: Join
  readonly conv3: Conv2d
  readonly bn3: BatchNorm2d

  constructor(
    inputs: number,
    { width, outputs, k, join }: GcnBottleneckShape,
    place: BlockPlace,
    settings: BlockSettings,
  ) {
    super(inputs, outputs, place, settings)
    const first = (kernel: Pair) => new ConvUnit(inputs, width, kernel, place.stride, settings)
    const second = (kernel: Pair) => new ConvUnit(width, width, kernel, 1, settings)
    this.left = [first([1, k]), second([k, 1])]
    this.right = [first([k, 1]), second([1, k])]
    this.join = join
    this.conv3 = conv(join === 'sum' ? width : 2 * width, outputs, 1, settings)
    this.bn3 = new BatchNorm2d(outputs, settings.norm)
  }

  protected branch(x: Tensor, mode: Mode): Tensor {
    const [left, right] = [this.left, this.right].map((units) =>
      units.reduce((y, unit) => unit.apply(y, mode), x),
    )
    const y = this.join === 'sum' ? add(left, right) : concat([left, right], 3)
    return this.bn3.apply(this.conv3.apply(y), mode)
  }
}

/** Blocks of res-2 … res-5, and of the last two k and the width of their branches, in 64ths of the stem's. */
const blocks = [3, 4, 6, 3]
const large = [
  { k: 5, width: 85 },
  { k: 7, width: 128 },
] as const

/** As `Backbone`: the features of res-2, res-3, res-4 and res-5, each [n, ⌈h/s⌉, ⌈w/s⌉, c] with s = 4, 8, 16 and 32. */
export class GcnBackbone extends Module<[image: Tensor, mode: Mode], Tensor[]> {
  readonly options: Required<GcnBackboneOptions>
  /** Of the features of res-2 … res-5. */
  readonly channels: readonly number[]
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly layer1: readonly Bottleneck[]
  readonly layer2: readonly Bottleneck[]
  readonly layer3: readonly GcnBottleneck[]
  readonly layer4: readonly GcnBottleneck[]

  constructor(options: GcnBackboneOptions = {}) {
    super()
    const full = readOptions('resnet-50-gcn', options, gcnBackboneDefaults, gcnBackboneChecks)
    const { width, seed, stride, dropout, stemBias, join } = full
    const { eps, momentum, statistic, frozen } = full
    const settings = { seed, stride, norm: { eps, momentum, statistic, frozen } }
    this.options = full
    this.channels = [4, 8, 16, 32].map((times) => times * width)

    this.conv1 = new Conv2d(3, width, 7, {
      ...{ stride: 2, padding: 3, bias: stemBias, init: heNormal({ seed }) },
    })
    this.bn1 = new BatchNorm2d(width, settings.norm)
    const counts = blocks.map((n) => deepened(n, full.depthMultiplier))
    let inputs = width
    let rest = counts.reduce((a, b) => a + b)
    const stage = <B>(s: number, make: (inputs: number, place: BlockPlace) => B): B[] =>
      Array.from({ length: counts[s] }, (_, i) => {
        const from = inputs
        inputs = this.channels[s]
        const rate = rest-- <= 3 ? dropout : 0
        const step = i === 0 && s > 0 ? 2 : 1
        return make(from, { stride: step, dilation: 1, dilationAfter: 1, dropout: rate })
      })
    const plain = (s: number) =>
      stage(s, (from, place) => new Bottleneck(from, 2 ** s * width, place, settings))
    const global = (s: number) => {
      const { k, width: share } = large[s - 2]
      const shape = { k, join, width: Math.round((share * width) / 64), outputs: this.channels[s] }
      return stage(s, (from, place) => new GcnBottleneck(from, shape, place, settings))
    }
    this.layer1 = plain(0)
    this.layer2 = plain(1)
    this.layer3 = global(2)
    this.layer4 = global(3)
  }

  /** All residual blocks, in order. */
  get blocks(): readonly Block[] {
    return [this.layer1, this.layer2, this.layer3, this.layer4].flat()
  }

  protected forward(image: Tensor, mode: Mode): Tensor[] {
    const { input, pool } = this.options
    let x = relu(this.bn1.apply(this.conv1.apply(inForm(image, input)), mode))
    x = maxPool2d(x, { kernel: 3, stride: 2, padding: stemPools[pool] })
    return [this.layer1, this.layer2, this.layer3, this.layer4].map((stage) => {
      for (const block of stage) x = block.apply(x, mode)
      return x
    })
  }
}

export interface GcnResNetOptions extends GcnBackboneOptions {
  /** Default 1000. */
  readonly classes?: number
}

export const gcnResNetChecks: Checks<GcnResNetOptions> = { ...gcnBackboneChecks, classes: count }

/** ResNet50-GCN as a classifier: backbone, global average, linear layer. */
export class GcnResNet extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple = 1
  readonly scoreStride = 0
  readonly backbone: GcnBackbone
  readonly fc: Linear

  constructor(options: GcnResNetOptions = {}) {
    super()
    const name = 'resnet-50-gcn'
    const defaults = { ...gcnBackboneDefaults, classes: 1000 }
    const full = readOptions(name, options, defaults, gcnResNetChecks)
    const { classes, ...rest } = full
    this.config = { name, options: full }
    this.classes = classes
    this.backbone = new GcnBackbone(rest)
    const init = heUniform({ seed: full.seed, gain: Math.sqrt(1 / 3) })
    this.fc = new Linear(this.backbone.channels[3], classes, { init })
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    return this.fc.apply(mean(this.backbone.apply(image, mode)[3], [1, 2]))
  }
}

/** ResNet50-GCN as a classifier. Throws OptionError for options and values that do not exist. */
export const gcnResNet = (options: GcnResNetOptions = {}): GcnResNet => new GcnResNet(options)
