// The localization net (Wu, Shen and van den Hengel 2016b, "Bridging Category-level and Instance-level Semantic Image
// Segmentation"): an FCRN whose last layer says, for each class of object, where the middle of the instance around a pixel is,
// and how large it is. Which class it is says another net, an FCRN trained by itself.

import type { Tensor } from '../engine/tensor.ts'
import { type Mode, nameVariables } from '../nn/module.ts'
import { Fcrn, type FcrnOptions, fcrnChecks, fcrnDefaults } from './fcrn.ts'
import type { Head } from './heads.ts'
import { checkImage } from './input.ts'
import { type ModelConfig, Network } from './network.ts'
import { readOptions } from './options.ts'
import type { Backbone, ResNetDepth } from './resnet.ts'

/** Those of an FCRN, but for `classes`: of objects, without background; default 20, those of PASCAL VOC. */
export interface LocalizationOptions extends FcrnOptions {}

export const localizationChecks = fcrnChecks

/** Boxes on a grid: [n, ⌈h/s⌉, ⌈w/s⌉, 4 · classes] with s the output stride, of images of any size. Class c (from 1, as in labels)
 * has channels 4(c − 1) … 4(c − 1) + 3: rows and columns from the cell's pixel to the middle of the box, its height and its
 * width, in units of 64 pixels. `localizationTargets` and `localizationLoss` train it, `decodeBoxes` reads it. */
export class LocalizationNet extends Network {
  readonly config: ModelConfig
  readonly classes: number
  override readonly predicts = 'boxes'
  readonly sizeMultiple = 1
  readonly scoreStride: number
  readonly backbone: Backbone
  readonly head: Head

  constructor(depth: ResNetDepth, options: LocalizationOptions = {}) {
    super()
    const name = `localization-${depth}`
    const defaults = (given: LocalizationOptions) => ({ ...fcrnDefaults(given), classes: 20 })
    const full = readOptions<LocalizationOptions>(name, options, defaults, localizationChecks)
    const net = new Fcrn(depth, { ...full, classes: 4 * full.classes })
    this.config = { name, options: full }
    this.classes = full.classes
    this.scoreStride = net.scoreStride
    this.backbone = net.backbone
    this.head = net.head
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    checkImage(this.config.name, image, this.sizeMultiple)
    return this.head.apply(this.backbone.apply(image, mode)[3])
  }
}

/** The localization net on ResNet-18, 34, 50, 101 or 152. Throws OptionError for options and values that do not exist. */
export const localizationNet = (
  depth: ResNetDepth,
  options: LocalizationOptions = {},
): LocalizationNet => new LocalizationNet(depth, options)
