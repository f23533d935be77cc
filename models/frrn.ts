// FRRN A and B (Pohlen et al. 2017, "Full-Resolution Residual Networks", Table 1). One stream keeps the full resolution
// and is only ever added to; the other is pooled and unpooled as in an encoder and decoder, and the two talk in each FRRU.

import { checkpoint } from '../engine/checkpoint.ts'
import { concat } from '../engine/ops/concat.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d } from '../nn/conv.ts'
import { heUniform } from '../nn/init.ts'
import { type Mode, nameVariables } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import {
  ConvUnit,
  doubled,
  type Enlarging,
  halved,
  plainConv,
  ResidualUnit,
  Stage,
  type Streams,
} from './frrn-units.ts'
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
  whole,
} from './options.ts'

/** What FRRN and the ResNet that it is compared with have in common. */
export interface FrrnCommonOptions extends NormOptions {
  /** Default 19. */
  readonly classes?: number
  /** Channels of the stem; the stages have 2, 4 and 8 times as many. Default 48. */
  readonly base?: number
  /** Times the units of each stage, at least one; default 1. */
  readonly depthMultiplier?: number
  /** How the pooling stream is enlarged: `asymmetric` (default) is the released code's, source = destination / 2. */
  readonly upsample?: Enlarging
  /** Default `none`: the released networks read plain RGB in [0, 1]. */
  readonly input?: InputForm
  /** Fixes the starting values; default 0. */
  readonly seed?: number
}

export interface FrrnOptions extends FrrnCommonOptions {
  /** Channels of the residual stream; default 32. */
  readonly lanes?: number
  /** Batch norm after the 1×1 convolution that starts the residual stream: true (default) in the released code, false
   * in the paper's table. */
  readonly splitBatchNorm?: boolean
  /** `paper`: of the values between the authors' cuts only those at the cuts wait for the backward pass, and each block but the
   * last runs again there (section 4 of the paper). Default `none`. */
  readonly recompute?: 'none' | 'paper'
}

type Variant = 'a' | 'b'

/** A stage of Table 1: how many units, and their width in `base`. */
export type Row = readonly [units: number, width: number]

/** At 1/2, 1/4, 1/8, 1/16 on the way down, and at 1/8, 1/4, 1/2 on the way up. B has one pooling more. */
// biome-ignore format: a stage a row takes more lines than the table
const down: readonly Row[] = [[3, 2], [4, 4], [2, 8], [2, 8]]
// biome-ignore format: as above
const up: readonly Row[] = [[2, 4], [2, 4], [2, 2]]

export interface Plan {
  readonly encoder: readonly Row[]
  readonly decoder: readonly Row[]
  /** Where the authors cut the network to compute gradients block by block, in less memory (places from the released
   * code): after the split and so many stages. At a cut both streams are kept, y at the last stage's resolution and z at
   * the image's. */
  readonly cuts: readonly number[]
}

export const plans: Readonly<Record<Variant, Plan>> = {
  a: { encoder: down, decoder: up, cuts: [0] },
  // After the stage at 1/2, the last one of the encoder, and that at 1/2 again.
  b: { encoder: [...down, [2, 8]], decoder: [[2, 4], ...up], cuts: [0, 1, 5, 9] },
}

/** By name. */
export type Tensors = Readonly<Record<string, Tensor>>

/** A part of a forward pass, from the tensors that the part before it gives to those that the part after it reads. */
export interface Block {
  readonly name: string
  run(given: Tensors, mode: Mode): Tensors
}

/** Of batch norm: as in the released code. */
export const frrnCommonDefaults = {
  classes: 19,
  base: 48,
  depthMultiplier: 1,
  upsample: 'asymmetric',
  input: 'none',
  seed: 0,
  eps: 1e-4,
  momentum: 0.1,
  statistic: 'inverse-deviation',
  frozen: 'none',
} as const satisfies Required<FrrnCommonOptions>

export const frrnCommonChecks: Checks<FrrnCommonOptions> = {
  classes: count,
  base: count,
  depthMultiplier: positive,
  upsample: oneOf('asymmetric', 'half-pixel'),
  input: inputCheck,
  seed: whole,
  ...normChecks,
}

const defaults = {
  ...frrnCommonDefaults,
  lanes: 32,
  splitBatchNorm: true,
  recompute: 'none',
} as const satisfies Required<FrrnOptions>

export const frrnChecks: Checks<FrrnOptions> = {
  ...frrnCommonChecks,
  lanes: count,
  splitBatchNorm: flag,
  recompute: oneOf('none', 'paper'),
}

/** FRRN; images are RGB in [0, 1] without further normalisation, logits have the image's size. Throws ShapeError for
 * sizes that are no multiple of 16 (A) or 32 (B). */
export class Frrn extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple: number
  readonly scoreStride = 1
  readonly input: InputForm
  readonly upsample: Enlarging
  readonly cuts: readonly number[]
  readonly recompute: 'none' | 'paper'
  readonly stem: ConvUnit
  readonly before: readonly ResidualUnit[]
  readonly split: Conv2d
  readonly splitBn: BatchNorm2d | undefined
  readonly encoder: readonly Stage[]
  readonly decoder: readonly Stage[]
  readonly after: readonly ResidualUnit[]
  readonly classifier: Conv2d

  constructor(variant: Variant, options: FrrnOptions = {}) {
    super()
    const full = readOptions(`frrn-${variant}`, options, defaults, frrnChecks)
    const { classes, base, lanes, seed, eps, momentum, statistic, frozen } = full
    this.config = { name: `frrn-${variant}`, options: full }
    const norm = { eps, momentum, statistic, frozen }
    const unit = { seed, norm }
    const { encoder, decoder, cuts } = rowOf('FRRN', plans, variant)
    this.classes = classes
    this.sizeMultiple = 2 ** encoder.length
    this.upsample = full.upsample
    this.input = full.input
    this.cuts = cuts
    this.recompute = full.recompute

    this.stem = new ConvUnit(3, base, 5, unit)
    this.before = Array.from(
      { length: deepened(3, full.depthMultiplier) },
      () => new ResidualUnit(base, base, unit),
    )
    this.split = plainConv(base, lanes, 1, unit, 1)
    this.splitBn = full.splitBatchNorm ? new BatchNorm2d(lanes, norm) : undefined
    let inputs = base
    const stage = ([rows, times]: Row, factor: number): Stage => {
      const units = deepened(rows, full.depthMultiplier)
      const made = new Stage(inputs, { units, width: base * times, factor }, lanes, unit)
      inputs = base * times
      return made
    }
    this.encoder = encoder.map((row, i) => stage(row, 2 ** (i + 1)))
    this.decoder = decoder.map((row, i) => stage(row, 2 ** (decoder.length - i)))
    this.after = this.before.map((_, i) => new ResidualUnit(i ? base : inputs + lanes, base, unit))
    this.classifier = new Conv2d(base, classes, 1, { init: heUniform({ seed, gain: 1 }) })
    nameVariables(this)
  }

  /** What lies between the authors' cuts, in the order of the forward pass: { image } → { y, z } → … → { logits }. To run
   * one after the other is the forward pass, and nothing else goes from block to block. A has 2 blocks, B has 5. */
  get blocks(): Block[] {
    const parts = this.parts()
    const ends = [...this.cuts.map((stages) => 1 + stages), parts.length]
    return ends.map((end, i) => {
      const { name, run } = inTurn(parts.slice(ends[i - 1] ?? 0, end))
      return { name, run: (given, mode) => this.enter(() => run(given, mode)) }
    })
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    const blocks = this.blocks.map(({ run }, i, { length }) =>
      // The backward pass begins with the last block, so that its values wait for nothing.
      this.recompute === 'paper' && i < length - 1
        ? (given: Tensors) => checkpoint(() => run(given, mode))
        : (given: Tensors) => run(given, mode),
    )
    return blocks.reduce((given: Tensors, run) => run(given), { image }).logits
  }

  /** The rows of Table 1. */
  private parts(): Block[] {
    return [
      { name: 'before', run: ({ image }, mode) => this.start(image, mode) },
      ...this.encoder.map(
        (stage, i): Block => ({
          name: `encoder.${i}`,
          run: ({ y, z }, mode) => stage.apply({ y: halved(y), z }, mode),
        }),
      ),
      ...this.decoder.map(
        (stage, i): Block => ({
          name: `decoder.${i}`,
          run: ({ y, z }, mode) => stage.apply({ y: doubled(y, this.upsample), z }, mode),
        }),
      ),
      { name: 'after', run: ({ y, z }, mode) => ({ logits: this.finish({ y, z }, mode) }) },
    ]
  }

  private start(image: Tensor, mode: Mode): Streams {
    const x = this.stem.apply(inForm(image, this.input), mode)
    const y = this.before.reduce((t, unit) => unit.apply(t, mode), x)
    const z = this.split.apply(y)
    return { y, z: this.splitBn ? this.splitBn.apply(z, mode) : z }
  }

  private finish({ y, z }: Streams, mode: Mode): Tensor {
    const x = concat([doubled(y, this.upsample), z], 3)
    return this.classifier.apply(this.after.reduce((t, unit) => unit.apply(t, mode), x))
  }
}

const inTurn = (blocks: readonly Block[]): Block => ({
  name: [...new Set([blocks[0].name, blocks[blocks.length - 1].name])].join(' … '),
  run: (given, mode) => blocks.reduce((tensors, block) => block.run(tensors, mode), given),
})

/** FRRN A: 4 poolings, 17.7 M parameters at the default width. */
export const frrnA = (options: FrrnOptions = {}): Frrn => new Frrn('a', options)

/** FRRN B: 5 poolings, 24.8 M parameters at the default width, for images of twice the size. */
export const frrnB = (options: FrrnOptions = {}): Frrn => new Frrn('b', options)
