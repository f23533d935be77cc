// FRRN A and B (Pohlen et al. 2017, "Full-Resolution Residual Networks", Table 1). One stream keeps the full resolution
// and is only ever added to; the other is pooled and unpooled as in an encoder and decoder, and the two talk in each FRRU.

import { showType } from '../engine/dtype.ts'
import { ShapeError } from '../engine/errors.ts'
import { concat } from '../engine/ops/concat.ts'
import { maxPool2d } from '../engine/ops/pool.ts'
import { resizeBilinear } from '../engine/ops/resize.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d } from '../nn/conv.ts'
import { heUniform } from '../nn/init.ts'
import { type Mode, nameVariables } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import { ConvUnit, plainConv, ResidualUnit, Stage, type Streams } from './frrn-units.ts'
import { type InputForm, inForm, inputCheck } from './input.ts'
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
  whole,
} from './options.ts'

export interface FrrnOptions extends NormOptions {
  /** Default 19. */
  readonly classes?: number
  /** Channels of the stem; the stages have 2, 4 and 8 times as many. Default 48. */
  readonly base?: number
  /** Channels of the residual stream; default 32. */
  readonly lanes?: number
  /** Times the units of each stage, at least one; default 1. */
  readonly depthMultiplier?: number
  /** Batch norm after the 1×1 convolution that starts the residual stream: true (default) in the released code, false
   * in the paper's table. */
  readonly splitBatchNorm?: boolean
  /** How the pooling stream is enlarged: `asymmetric` (default) is the released code's, source = destination / 2. */
  readonly upsample?: 'asymmetric' | 'half-pixel'
  /** Default `none`: the released networks read plain RGB in [0, 1]. */
  readonly input?: InputForm
  /** Fixes the starting values; default 0. */
  readonly seed?: number
}

type Variant = 'a' | 'b'

/** A stage of Table 1: how many FRRUs, and their width in `base`. */
type Row = readonly [units: number, width: number]

/** At 1/2, 1/4, 1/8, 1/16 on the way down, and at 1/8, 1/4, 1/2 on the way up. B has one pooling more. */
// biome-ignore format: a stage a row takes more lines than the table
const down: readonly Row[] = [[3, 2], [4, 4], [2, 8], [2, 8]]
// biome-ignore format: as above
const up: readonly Row[] = [[2, 4], [2, 4], [2, 2]]
const tables: Record<
  Variant,
  { readonly encoder: readonly Row[]; readonly decoder: readonly Row[] }
> = {
  a: { encoder: down, decoder: up },
  b: { encoder: [...down, [2, 8]], decoder: [[2, 4], ...up] },
}

/** Of batch norm: as in the released code. */
export const frrnDefaults = {
  classes: 19,
  base: 48,
  lanes: 32,
  depthMultiplier: 1,
  splitBatchNorm: true,
  upsample: 'asymmetric',
  input: 'none',
  seed: 0,
  eps: 1e-4,
  momentum: 0.1,
  statistic: 'inverse-deviation',
  frozen: 'none',
} as const satisfies Required<FrrnOptions>

export const frrnChecks: Checks<FrrnOptions> = {
  classes: count,
  base: count,
  lanes: count,
  depthMultiplier: positive,
  splitBatchNorm: flag,
  upsample: oneOf('asymmetric', 'half-pixel'),
  input: inputCheck,
  seed: whole,
  ...normChecks,
}

/** FRRN; images are RGB in [0, 1] without further normalisation, logits have the image's size. Throws ShapeError for
 * sizes that are no multiple of 16 (A) or 32 (B). */
export class Frrn extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple: number
  readonly scoreStride = 1
  readonly input: InputForm
  readonly upsample: 'asymmetric' | 'half-pixel'
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
    const full = readOptions(`frrn-${variant}`, options, frrnDefaults, frrnChecks)
    const { classes, base, lanes, seed, eps, momentum, statistic, frozen } = full
    this.config = { name: `frrn-${variant}`, options: full }
    const norm = { eps, momentum, statistic, frozen }
    const unit = { seed, norm }
    const { encoder, decoder } = tables[variant]
    this.classes = classes
    this.sizeMultiple = 2 ** encoder.length
    this.upsample = full.upsample
    this.input = full.input

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

  protected forward(image: Tensor, mode: Mode): Tensor {
    this.checkSize(image)
    let x = this.stem.apply(inForm(image, this.input), mode)
    for (const unit of this.before) x = unit.apply(x, mode)
    const split = this.split.apply(x)
    let s: Streams = { y: x, z: this.splitBn ? this.splitBn.apply(split, mode) : split }
    for (const stage of this.encoder) s = stage.apply({ ...s, y: halved(s.y) }, mode)
    for (const stage of this.decoder) s = stage.apply({ ...s, y: this.doubled(s.y) }, mode)
    x = concat([this.doubled(s.y), s.z], 3)
    for (const unit of this.after) x = unit.apply(x, mode)
    return this.classifier.apply(x)
  }

  private doubled(y: Tensor): Tensor {
    return resizeBilinear(y, [y.shape[1] * 2, y.shape[2] * 2], this.upsample)
  }

  private checkSize(image: Tensor): void {
    const [, h, w, c] = image.shape
    const m = this.sizeMultiple
    if (image.shape.length === 4 && h % m === 0 && w % m === 0 && c === 3) return
    const up = (n: number) => Math.ceil(n / m) * m
    throw new ShapeError(
      this.config.name,
      `an image must be [n, h, w, 3] with h and w multiples of ${m}`,
      [showType(image)],
      '',
      image.shape.length === 4 && c === 3
        ? `pad it by reflection to ${up(h)} x ${up(w)}, its labels with void, and crop the logits`
        : 'put the colour channels last',
    )
  }
}

const halved = (y: Tensor): Tensor => maxPool2d(y, { kernel: 2, stride: 2 })

/** FRRN A: 4 poolings, 17.7 M parameters at the default width. */
export const frrnA = (options: FrrnOptions = {}): Frrn => new Frrn('a', options)

/** FRRN B: 5 poolings, 24.8 M parameters at the default width, for images of twice the size. */
export const frrnB = (options: FrrnOptions = {}): Frrn => new Frrn('b', options)
