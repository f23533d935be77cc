// The ResNet that FRRN A is compared with (Pohlen et al. 2017, section 5.1): the same plan with ordinary residual units, and
// long skips around it in place of the residual stream.

import { add } from '../engine/ops/arithmetic.ts'
import { concat } from '../engine/ops/concat.ts'
import type { Tensor } from '../engine/tensor.ts'
import { Conv2d } from '../nn/conv.ts'
import { heUniform } from '../nn/init.ts'
import { type Mode, Module, nameVariables } from '../nn/module.ts'
import {
  type FrrnCommonOptions,
  frrnCommonChecks,
  frrnCommonDefaults,
  plans,
  type Row,
} from './frrn.ts'
import {
  ConvUnit,
  doubled,
  type Enlarging,
  halved,
  plainConv,
  ResidualUnit,
  type UnitOptions,
} from './frrn-units.ts'
import { checkImage, type InputForm, inForm } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import { type Checks, deepened, oneOf, readOptions } from './options.ts'

/** How a long skip meets what is enlarged, where their widths differ: the latter is projected to the skip's width and
 * they are added (`project-up`), the skip is projected and they are added (`sum`), or both are kept (`concat`). */
export type Join = 'project-up' | 'sum' | 'concat'

export interface FrrnBaselineOptions extends FrrnCommonOptions {
  /** The paper does not say; `project-up` (default) has its 16.7 M parameters. */
  readonly join?: Join
}

const defaults = { ...frrnCommonDefaults, join: 'project-up' } as const

export const frrnBaselineChecks: Checks<FrrnBaselineOptions> = {
  ...frrnCommonChecks,
  join: oneOf('project-up', 'sum', 'concat'),
}

/** Joins a skip to an enlarged map of its size. */
class LongSkip extends Module<[enlarged: Tensor, skip: Tensor]> {
  readonly join: Join
  readonly outputs: number
  readonly project: Conv2d | undefined

  constructor(inputs: number, skip: number, join: Join, options: UnitOptions) {
    super()
    const [from, to] = join === 'sum' ? [skip, inputs] : [inputs, skip]
    this.join = join
    this.outputs = join === 'concat' ? inputs + skip : to
    this.project = join === 'concat' || from === to ? undefined : plainConv(from, to, 1, options, 1)
  }

  protected forward(enlarged: Tensor, skip: Tensor): Tensor {
    if (this.join === 'concat') return concat([enlarged, skip], 3)
    const projected = (x: Tensor) => (this.project ? this.project.apply(x) : x)
    return this.join === 'sum' ? add(enlarged, projected(skip)) : add(projected(enlarged), skip)
  }
}

/** FRRN A with a residual unit for each FRRU, and a skip from what each pooling reads to what the unpooling to the same
 * size gives. Images and logits as FRRN's. Throws ShapeError for sizes that are no multiple of 16. */
export class FrrnBaseline extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple: number
  readonly scoreStride = 1
  readonly input: InputForm
  readonly upsample: Enlarging
  readonly stem: ConvUnit
  /** At 1, 1/2, 1/4, 1/8 and 1/16 of the size. */
  readonly encoder: readonly (readonly ResidualUnit[])[]
  /** At 1/8, 1/4, 1/2 and 1. */
  readonly skips: readonly LongSkip[]
  readonly decoder: readonly (readonly ResidualUnit[])[]
  readonly classifier: Conv2d

  constructor(options: FrrnBaselineOptions = {}) {
    super()
    const full = readOptions('frrn-baseline', options, defaults, frrnBaselineChecks)
    const { classes, base, depthMultiplier, seed, eps, momentum, statistic, frozen, join } = full
    this.config = { name: 'frrn-baseline', options: full }
    const unit = { seed, norm: { eps, momentum, statistic, frozen } }
    const ends: Row = [3, 1]
    const encoder = [ends, ...plans.a.encoder]
    const decoder = [...plans.a.decoder, ends]
    this.classes = classes
    this.sizeMultiple = 2 ** decoder.length
    this.upsample = full.upsample
    this.input = full.input

    this.stem = new ConvUnit(3, base, 5, unit)
    let inputs = base
    const stage = ([units, times]: Row): ResidualUnit[] =>
      Array.from({ length: deepened(units, depthMultiplier) }, () => {
        const made = new ResidualUnit(inputs, times * base, unit)
        inputs = times * base
        return made
      })
    this.encoder = encoder.map(stage)
    const skips: LongSkip[] = []
    this.decoder = decoder.map((row, i) => {
      const [, times] = encoder[encoder.length - 2 - i]
      skips.push(new LongSkip(inputs, times * base, join, unit))
      inputs = skips[i].outputs
      return stage(row)
    })
    this.skips = skips
    this.classifier = new Conv2d(base, classes, 1, { init: heUniform({ seed, gain: 1 }) })
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    const through = (units: readonly ResidualUnit[], x: Tensor) =>
      units.reduce((t, unit) => unit.apply(t, mode), x)
    const kept: Tensor[] = []
    let x = this.stem.apply(inForm(image, this.input), mode)
    this.encoder.forEach((units, i) => {
      x = through(units, i ? halved(x) : x)
      kept.unshift(x)
    })
    this.decoder.forEach((units, i) => {
      x = through(units, this.skips[i].apply(doubled(x, this.upsample), kept[i + 1]))
    })
    return this.classifier.apply(x)
  }
}

/** The baseline of FRRN A. Throws OptionError for options and values that do not exist. */
export const frrnBaseline = (options: FrrnBaselineOptions = {}): FrrnBaseline =>
  new FrrnBaseline(options)
