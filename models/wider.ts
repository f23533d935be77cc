// Models A to F (Wu, Shen and van den Hengel 2019, "Wider or Deeper: Revisiting the ResNet Model for Visual Recognition",
// Table 1): few units, and wide ones. A classifier of images as trained on ImageNet, or a network for segmentation.
//
// Paths: `conv1`; `levels.L.U.{bn1,conv1,bn2,conv2,bn3,conv3,project}`, L from 0 to 6 for B1 to B7, U a unit from 0; `bn`, the
// last batch norm; then `head.hidden` and `head.classifier`, or `fc`.

import { OptionError } from '../engine/errors.ts'
import { maxPool2d } from '../engine/ops/pool.ts'
import type { PoolOptions } from '../engine/ops/pool-window.ts'
import { mean } from '../engine/ops/reduce.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type Conv2d, Linear } from '../nn/conv.ts'
import { heUniform } from '../nn/init.ts'
import { type Mode, nameVariables } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import { Head } from './heads.ts'
import { checkImage, type InputForm, inForm, inputCheck } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import {
  type Checks,
  count,
  deepened,
  type NormOptions,
  normChecks,
  odd,
  oneOf,
  positive,
  readOptions,
  rowOf,
  share,
  whole,
} from './options.ts'
import { type BlockPlace, conv } from './resnet-units.ts'
import { activations, PreActivationUnit, type Steps } from './wider-units.ts'

/** Units of B1 … B7, and the side of the images that the model was trained with: there B7 has maps of 7×7. */
// biome-ignore format: a model a row
const table = {
  a:    { crop: 224, units: [0, 3, 3, 6, 3, 1, 1] },
  b:    { crop: 224, units: [0, 1, 1, 1, 3, 1, 1] },
  c:    { crop: 112, units: [1, 1, 1, 1, 13, 1, 1] },
  d:    { crop: 112, units: [1, 1, 1, 1, 9, 1, 1] },
  e:    { crop: 112, units: [1, 1, 1, 1, 5, 1, 1] },
  f:    { crop: 56,  units: [1, 1, 1, 1, 9, 1, 1] },
  '16': { crop: 224, units: [0, 1, 1, 1, 1, 1, 1] },
} as const

/** Convolutions of a unit of B1 … B7, kernel and channels. */
// biome-ignore format: a level a row
const levels: readonly Steps[] = [
  [[3, 64], [3, 64]],
  [[3, 128], [3, 128]],
  [[3, 256], [3, 256]],
  [[3, 512], [3, 512]],
  [[3, 512], [3, 1024]],
  [[1, 512], [3, 1024], [1, 2048]],
  [[1, 1024], [3, 2048], [1, 4096]],
]

export type WiderVariant = keyof typeof table

export const widerVariants: readonly WiderVariant[] = ['a', 'b', 'c', 'd', 'e', 'f', '16']

export interface WiderOptions extends NormOptions {
  /** What stands on the features: one or two dilated convolutions that score cells (default two), or the global average and a
   * linear layer that score whole images. */
  readonly head?: '1conv' | '2conv' | 'classify'
  /** Default 21, and 1000 to classify. */
  readonly classes?: number
  /** Channels of the first convolution; all others keep their proportion to it. Default 64. */
  readonly width?: number
  /** Units of B1 … B7; default the model's. */
  readonly units?: readonly number[]
  /** Times the units of each level, at least one where there are any; default 1. */
  readonly depthMultiplier?: number
  /** What halves the maps: `strided` convolutions in the first unit of a level (the form "A1"; default to segment), max `pool`ing
   * before the level (default to classify), or `mixed`, pooling before B2 and B3 only, as in mapillary's weights. */
  readonly downsample?: 'strided' | 'pool' | 'mixed'
  /** Pooling with stride 2 is `padded` by 1 (default); or it is not, as the released weights of A want it, and sizes are
   * rounded up (`ceil`) or down (`floor`; 111 and not 112 of 224). The latter two only to classify; with `strided` there is no
   * pooling, and this says nothing. */
  readonly pool?: 'padded' | 'ceil' | 'floor'
  /** Image pixels from one feature to the next, in the end: 8 (default to segment) or another. To classify, the model's own is
   * the default: 32 for A, B and 16, else 16, but 8 for F. Smaller ones make the last levels dilated. */
  readonly outputStride?: 4 | 8 | 16 | 32
  /** Where the stride of a convolution was removed, the dilation doubles from the `second` convolution of its unit on (default,
   * so that the features stay those of the strided network), or for the `whole` unit, as in mapillary's weights. */
  readonly firstUnitDilation?: 'second' | 'whole'
  /** Of the convolutions of the head: their side, odd; default 3. To classify there are none, and this says nothing. */
  readonly kernel?: number
  /** Of the convolutions of the head, in cells of the features; default 12. At an output stride of 4 twice as much sees as
   * far in the image. To classify it says nothing. */
  readonly dilation?: number
  /** Rates in the units of B6 and of B7, before their last convolution; default [0.3, 0.5], and [0, 0] to classify. */
  readonly dropout?: readonly [number, number]
  /** What is dropped: an `element` (default) or a whole `channel`, as in mapillary's code. */
  readonly dropoutKind?: 'element' | 'channel'
  /** Default `relu`; mapillary's weights want `leaky-relu`, with a slope of 0.01. */
  readonly activation?: keyof typeof activations
  /** Default `imagenet`. */
  readonly input?: InputForm
  /** Fixes the starting values; default 0. */
  readonly seed?: number
}

export const widerChecks: Checks<WiderOptions> = {
  head: oneOf('1conv', '2conv', 'classify'),
  classes: count,
  width: count,
  units: {
    what: 'seven whole numbers, of units in B1 … B7: B1 may have 0, the others at least 1',
    fits: (v) =>
      Array.isArray(v) &&
      v.length === levels.length &&
      v.every((n, i) => count.fits(i ? n : n + 1)),
  },
  depthMultiplier: positive,
  downsample: oneOf('strided', 'pool', 'mixed'),
  pool: oneOf('padded', 'ceil', 'floor'),
  outputStride: oneOf(4, 8, 16, 32),
  firstUnitDilation: oneOf('second', 'whole'),
  kernel: odd,
  dilation: count,
  dropout: {
    what: 'two numbers from 0, below 1: the rates in B6 and in B7',
    fits: (v) => Array.isArray(v) && v.length === 2 && v.every(share.fits),
  },
  dropoutKind: oneOf('element', 'channel'),
  activation: oneOf('relu', 'leaky-relu'),
  input: inputCheck,
  seed: whole,
  ...normChecks,
}

const common = {
  width: 64,
  depthMultiplier: 1,
  pool: 'padded',
  firstUnitDilation: 'second',
  kernel: 3,
  dilation: 12,
  dropoutKind: 'element',
  activation: 'relu',
  input: 'imagenet',
  seed: 0,
  eps: 1.001e-5,
  momentum: 0.1,
  statistic: 'variance',
} as const

/** How often a model halves its maps: before B2, B3 … */
const halvingsOf = (variant: WiderVariant): number => Math.log2(table[variant].crop / 7)

function defaultsOf(variant: WiderVariant, head: WiderOptions['head']): Required<WiderOptions> {
  const { units } = rowOf('model', table, variant)
  return head === 'classify'
    ? {
        ...common,
        ...{ head, units, classes: 1000, downsample: 'pool', dropout: [0, 0], frozen: 'none' },
        outputStride: (2 ** halvingsOf(variant)) as 8 | 16 | 32,
      }
    : {
        ...common,
        ...{ head: '2conv', units, classes: 21, downsample: 'strided', dropout: [0.3, 0.5] },
        ...{ frozen: 'statistics', outputStride: 8 },
      }
}

/** Scores of cells [n, ⌈h/s⌉, ⌈w/s⌉, classes] with s the output stride, or of images [n, classes], from images of any size.
 * Throws OptionError for an output stride above the model's own, and for unpadded pooling in a network that segments. */
export class Wider extends Network {
  readonly config: ModelConfig
  readonly classes: number
  readonly sizeMultiple = 1
  readonly scoreStride: number
  readonly input: InputForm
  readonly conv1: Conv2d
  /** Before each of the levels. */
  readonly pools: readonly (PoolOptions | undefined)[]
  /** B1 … B7. */
  readonly levels: readonly (readonly PreActivationUnit[])[]
  readonly bn: BatchNorm2d
  readonly activation: (x: Tensor) => Tensor
  readonly head: Head | undefined
  readonly fc: Linear | undefined

  constructor(variant: WiderVariant, options: WiderOptions = {}) {
    super()
    const name = `model-${variant}`
    const full = readOptions(name, options, ({ head }) => defaultsOf(variant, head), widerChecks)
    const { head, classes, width, seed, kernel, dilation, activation, dropoutKind } = full
    const { eps, momentum, statistic, frozen, depthMultiplier, dropout } = full
    const halvings = halvingsOf(variant)
    checkTogether(name, full, halvings)
    const norm = { eps, momentum, statistic, frozen }
    const settings = { seed, norm, activation, dropoutKind }
    this.config = { name, options: full }
    this.classes = classes
    this.scoreStride = head === 'classify' ? 0 : full.outputStride
    this.input = full.input
    this.activation = activations[activation]

    this.conv1 = conv(3, width, 3, settings)
    const starts = levels.map((_, level) => startOf(level, halvings, full))
    this.pools = starts.map(({ pool }) => pool)
    const rates = [0, 0, 0, 0, 0, ...dropout]
    let inputs = width
    this.levels = levels.map((row, level) => {
      const steps = row.map(([side, channels]) => [side, (channels / 64) * width] as const)
      const { first } = starts[level]
      const others = { ...first, stride: 1, dilation: first.dilationAfter }
      return Array.from({ length: deepened(full.units[level], depthMultiplier) }, (_, i) => {
        const place = { ...(i ? others : first), dropout: rates[level] }
        const unit = new PreActivationUnit(inputs, steps, place, settings)
        inputs = steps[steps.length - 1][1]
        return unit
      })
    })
    this.bn = new BatchNorm2d(inputs, norm)
    const layers = head === '2conv' ? 2 : 1
    const convs = { kernel, dilation, layers, hidden: 8 * width } as const
    this.head = head === 'classify' ? undefined : new Head(inputs, classes, convs, seed)
    // As in the released code: U(−1/√in, 1/√in).
    const init = heUniform({ seed, gain: Math.sqrt(1 / 3) })
    this.fc = head === 'classify' ? new Linear(inputs, classes, { init }) : undefined
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    let x = this.conv1.apply(inForm(image, this.input))
    this.levels.forEach((units, level) => {
      const pool = this.pools[level]
      if (pool) x = maxPool2d(x, pool)
      for (const unit of units) x = unit.apply(x, mode)
    })
    const features = this.activation(this.bn.apply(x, mode))
    return this.head ? this.head.apply(features) : this.fc!.apply(mean(features, [1, 2]))
  }
}

function checkTogether(
  name: string,
  { head, pool, outputStride }: Required<WiderOptions>,
  halvings: number,
): void {
  const own = 2 ** halvings
  if (outputStride > own)
    throw new OptionError(
      `${name}: outputStride cannot be ${outputStride}`,
      `it halves its maps ${halvings} times, so that ${own} is the most`,
    )
  if (head !== 'classify' && pool !== 'padded')
    throw new OptionError(
      `${name}: pool cannot be ${JSON.stringify(pool)} with head ${JSON.stringify(head)}`,
      "score maps need 'padded': without it cells do not stand where their scores belong",
    )
}

/** The halvings, from the first on, that are made by pooling. */
const pooled = { strided: 0, pool: 5, mixed: 2 }
const poolForms = { padded: { padding: 1 }, ceil: { ceil: true }, floor: {} }

/** How level B(level + 1) begins: a pooling, and strides and dilations of its first unit. A halving is removed where the maps are
 * at the output stride already, and whatever comes after it is dilated by twice as much, so that it sees the pixels that it
 * saw before, as in the released code. */
function startOf(
  level: number,
  halvings: number,
  { outputStride, downsample, pool, firstUnitDilation }: Required<WiderOptions>,
): { pool?: PoolOptions; first: Omit<BlockPlace, 'dropout'> } {
  const dilationOf = (l: number) => Math.max(1, 2 ** Math.min(l, halvings) / outputStride)
  const [before, after] = [dilationOf(level - 1), dilationOf(level)]
  const halves = level > 0 && level <= halvings
  const stride = halves && before === after ? 2 : 1
  if (!halves || level > pooled[downsample]) {
    const dilation = firstUnitDilation === 'whole' ? after : before
    return { first: { stride, dilation, dilationAfter: after } }
  }
  const form = stride === 2 ? poolForms[pool] : { dilation: before, padding: before }
  return {
    pool: { kernel: 3, stride, ...form },
    first: { stride: 1, dilation: after, dilationAfter: after },
  }
}

/** Model A, B, C, D, E, F, or the one of 16 layers. */
export const wider = (variant: WiderVariant, options: WiderOptions = {}): Wider =>
  new Wider(variant, options)
