// GCN (Peng et al. 2017, "Large Kernel Matters", fig. 2A): a residual network that is not dilated, a large separable kernel
// on each of its four stages, and five learnt doublings from 1/32 to full size that take in the scores of each stage.

import { OptionError } from '../engine/errors.ts'
import { add } from '../engine/ops/arithmetic.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type Mode, Module, nameVariables } from '../nn/module.ts'
import {
  GcnBackbone,
  type GcnBackboneOptions,
  gcnBackboneChecks,
  gcnBackboneDefaults,
  undilatedChecks,
  undilatedDefaults,
} from './gcn-backbone.ts'
import {
  BoundaryRefinement,
  ConvolutionStack,
  Deconvolution,
  type DeconvolutionForm,
  GlobalConvolution,
  plainConvolution,
  type ScoreOptions,
} from './gcn-units.ts'
import { checkImage, type ImagePadding, meanColour } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import { type Check, type Checks, count, flag, odd, oneOf, readOptions } from './options.ts'
import { Backbone, type ResNetDepth } from './resnet.ts'

/** What makes scores of a stage's features: the GCN, or what the paper compares it with: a 1×1 convolution (its baseline), a
 * k×k convolution, (k − 1)/2 convolutions 3×3. */
export type ScoreBlock = 'gcn' | '1x1' | 'conv' | 'stack'

export interface GcnHeadOptions {
  /** Default 21. */
  readonly classes?: number
  /** k, odd: 15 (default) on VOC, 25 on Cityscapes, where the maps of res-5 are as large. A `1x1` block has none. */
  readonly kernel?: number
  /** Default `gcn`. */
  readonly block?: ScoreBlock
  /** m, between the convolutions of a `stack`: a number, or `inputs` (default) for as many as the stage has. */
  readonly channels?: number | 'inputs'
  /** Whether the nine BRs are there; default true. */
  readonly boundaryRefinement?: boolean
  /** Biases in blocks and BRs; default true. The paper's own counts are without. */
  readonly headBias?: boolean
  /** Default `full`; all start as bilinear interpolation, and only `fixed` stays so. */
  readonly deconvolution?: DeconvolutionForm
}

/** Of `gcn-50-gcn` and the others; `join` is of the former only. */
export interface GcnOptions extends GcnHeadOptions, GcnBackboneOptions {}

/** A depth of ResNet, or ResNet50-GCN. */
export type GcnVariant = ResNetDepth | '50-gcn'

const headDefaults = {
  classes: 21,
  kernel: 15,
  block: 'gcn',
  channels: 'inputs',
  boundaryRefinement: true,
  headBias: true,
  deconvolution: 'full',
} as const satisfies Required<GcnHeadOptions>

const channelsCheck: Check = {
  what: "a whole number from 1, or 'inputs'",
  fits: (v) => v === 'inputs' || count.fits(v),
}

const headChecks: Checks<GcnHeadOptions> = {
  classes: count,
  kernel: odd,
  block: oneOf('gcn', '1x1', 'conv', 'stack'),
  channels: channelsCheck,
  boundaryRefinement: flag,
  headBias: flag,
  deconvolution: oneOf('full', 'per-channel', 'fixed'),
}

/** The options that a variant has. */
export const gcnChecks = (variant: GcnVariant): Readonly<Record<string, Check>> => ({
  ...(variant === '50-gcn' ? gcnBackboneChecks : undilatedChecks),
  ...headChecks,
})

type Full = Required<GcnOptions>

/** h = BR(GCN(features)): a stage's scores. */
class Scores extends Module<[features: Tensor]> {
  readonly block: Module<[x: Tensor]>
  readonly refine: BoundaryRefinement | undefined

  constructor(inputs: number, { classes, kernel, block, channels, ...options }: Full) {
    super()
    const score: ScoreOptions = { bias: options.headBias, seed: options.seed }
    this.block = {
      gcn: () => new GlobalConvolution(inputs, classes, kernel, score),
      '1x1': () => plainConvolution(inputs, classes, 1, score),
      conv: () => plainConvolution(inputs, classes, kernel, score),
      stack: () => {
        const between = channels === 'inputs' ? inputs : channels
        return new ConvolutionStack(inputs, classes, kernel, between, score)
      },
    }[block]()
    this.refine = options.boundaryRefinement ? new BoundaryRefinement(classes, score) : undefined
  }

  protected forward(features: Tensor): Tensor {
    const scores = this.block.apply(features)
    return this.refine ? this.refine.apply(scores) : scores
  }
}

/** BR(Deconv(s) + h), or BR(Deconv(s)) beyond the last stage: scores at twice the size. */
class Doubling extends Module<[scores: Tensor, stage: Tensor | undefined]> {
  readonly deconv: Deconvolution
  readonly refine: BoundaryRefinement | undefined

  constructor({ classes, deconvolution, boundaryRefinement, headBias: bias, seed }: Full) {
    super()
    this.deconv = new Deconvolution(classes, deconvolution)
    this.refine = boundaryRefinement ? new BoundaryRefinement(classes, { bias, seed }) : undefined
  }

  protected forward(scores: Tensor, stage: Tensor | undefined): Tensor {
    const doubled = this.deconv.apply(scores)
    const sum = stage ? add(doubled, stage) : doubled
    return this.refine ? this.refine.apply(sum) : sum
  }
}

/** GCN on any ResNet: 4 blocks, 9 BRs, 5 deconvolutions; logits have the image's size. Throws ShapeError for sizes that are
 * no multiple of 32; images are padded with the mean colour, which is 0 once it is subtracted. */
export class Gcn extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple = 32
  readonly scoreStride = 1
  override readonly padding: Exclude<ImagePadding, 'reflection'>
  readonly backbone: Backbone | GcnBackbone
  /** Of res-2 … res-5. */
  readonly scores: readonly Scores[]
  /** To 1/16, 1/8, 1/4, 1/2 and 1. */
  readonly doublings: readonly Doubling[]

  constructor(variant: GcnVariant, options: GcnOptions = {}) {
    super()
    const name = `gcn-${variant}`
    const backbone = variant === '50-gcn' ? gcnBackboneDefaults : undilatedDefaults
    const full = readOptions(
      name,
      options,
      { ...backbone, ...headDefaults } as Full,
      gcnChecks(variant) as Checks<GcnOptions>,
    )
    if (full.block === 'stack' && full.kernel < 3)
      throw new OptionError(`${name}: no stack of 3×3 convolutions sees 1×1`, "take block '1x1'")
    this.config = { name, options: { ...full } }
    this.classes = full.classes
    this.padding = meanColour(full.input)
    const own = Object.fromEntries(Object.keys(backbone).map((k) => [k, full[k as keyof Full]]))
    this.backbone = variant === '50-gcn' ? new GcnBackbone(own) : new Backbone(variant, own)
    this.scores = this.backbone.channels.map((inputs) => new Scores(inputs, full))
    this.doublings = Array.from({ length: 5 }, () => new Doubling(full))
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple, this.padding)
    const features = this.backbone.apply(image, mode)
    const [h2, h3, h4, h5] = features.map((x, i) => this.scores[i].apply(x))
    const [to16, to8, to4, to2, to1] = this.doublings
    let s = to16.apply(h5, h4)
    s = to8.apply(s, h3)
    s = to4.apply(s, h2)
    s = to2.apply(s, undefined)
    return to1.apply(s, undefined)
  }
}

/** GCN on ResNet-18, 34, 50, 101 or 152, or on ResNet50-GCN. Throws OptionError for options and values that do not exist. */
export const gcn = (variant: GcnVariant, options: GcnOptions = {}): Gcn => new Gcn(variant, options)
