// The loss of a recipe: which of the library's losses, of which pixels, and on which grid, as plain data.

import { OptionError } from '../../engine/errors.ts'
import { checkChoice, optionsOf } from '../../engine/ops/options.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { Fcrn } from '../../models/fcrn.ts'
import type { Network } from '../../models/index.ts'
import { needPixelScores } from '../../models/network.ts'
import { shiftedLoss } from '../../models/shifted.ts'
import { bootstrappedCrossEntropy } from '../../nn/bootstrap.ts'
import { labelsOnGrid, middleOf, scoresOnImage } from '../../nn/grid.ts'
import { crossEntropy, type Loss } from '../../nn/losses.ts'
import type { Mode } from '../../nn/module.ts'
import { VOID } from '../dataset.ts'
import { boxesLoss, checkBoxes } from '../instances/boxes-loss.ts'

export interface LossConfig {
  /** `crossEntropy`: the mean over the pixels that count, or over images where those have one class each. `bootstrap`: over the
   * hardest of them, as `bootstrappedCrossEntropy` chooses. `boxes`: that of networks that predict boxes (boxes-loss.ts), with
   * the options of these. */
  readonly name: 'crossEntropy' | 'bootstrap' | 'boxes'
  /** Bootstrapping: how many are kept, from 1, or below 1 a share of those that there are. */
  readonly keep?: number
  /** Bootstrapping: see `BootstrapOptions`. */
  readonly scope?: 'image' | 'batch'
  readonly divisor?: 'kept' | 'k'
  readonly threshold?: number
  /** Cross entropy: a factor for the pixels of each class. */
  readonly weights?: readonly number[]
  /** Where it is taken: at the cells of the network's own grid (default), or at the pixels of the image, the scores enlarged. */
  readonly at?: 'cells' | 'pixels'
  /** Row and column, in a cell's s×s pixels, of the pixel whose label a cell gets; default the middle one. */
  readonly offset?: number
  /** The loss of the four shifted passes of a network at stride s, with which it learns the grid of s/2: see `shiftedLoss`. */
  readonly shifted?: boolean
  /** Boxes: see `LocalizationLossOptions`, where `sizes` are the `weights`. */
  readonly beta?: number
  readonly sizes?: readonly [least: number, largest: number]
  /** Boxes: pixels in a unit of what the network predicts. */
  readonly sigma?: number
}

/** What is minimised of a batch: of its images f32 [n, h, w, 3] and what belongs to them, labels [n, h, w] or classes [n], and
 * instances [n, h, w] after the labels where boxes are learned. */
export type BatchLoss = (image: Tensor, targets: readonly Tensor[], mode: Mode) => Loss

const me = 'loss'

/** What the options of the other losses are. */
type PixelLoss = Omit<LossConfig, 'beta' | 'sizes' | 'sigma'>

const none = { keep: undefined, threshold: undefined, weights: undefined, offset: undefined }
const pixelDefaults = { scope: 'image', divisor: 'kept', at: 'cells', shifted: false } as const

/** The configuration with its defaults. Throws OptionError for names and values that mean nothing. */
export function checkLoss(config: LossConfig) {
  if (config?.name === 'boxes') {
    checkBoxes(config)
    return { ...none, ...pixelDefaults, ...config }
  }
  const given = optionsOf(me, config as PixelLoss, {
    name: undefined as LossConfig['name'] | undefined,
    keep: undefined as number | undefined,
    threshold: undefined as number | undefined,
    weights: undefined as readonly number[] | undefined,
    offset: undefined as number | undefined,
    ...pixelDefaults,
  })
  const { name, keep, weights, threshold, offset, at, shifted } = given
  checkChoice(me, 'name', name, ['crossEntropy', 'bootstrap', 'boxes'])
  checkChoice(me, 'at', at, ['cells', 'pixels'])
  const bootstraps = name === 'bootstrap'
  if (bootstraps && !(keep! > 0 && (keep! < 1 || Number.isInteger(keep))))
    refuseOption(
      me,
      `keep ${shown(keep)} is neither a number of pixels nor a share of them`,
      'bootstrapping keeps so many pixels, from 1, or a share of them below 1',
    )
  const foreign = bootstraps
    ? weights && 'weights'
    : (keep !== undefined && 'keep') || (threshold !== undefined && 'threshold')
  if (foreign)
    refuseOption(me, `${name} has no ${foreign}`, `${foreign} is of the other loss; leave it out`)
  if (offset !== undefined && !(Number.isInteger(offset) && offset >= 0))
    refuseOption(me, `offset ${shown(offset)} is no row of a cell`, 'use a whole number from 0')
  if (shifted && at === 'pixels')
    refuseOption(me, 'shifted passes have their labels at cells', 'leave at out, or shifted')
  if (at === 'pixels' && offset !== undefined)
    refuseOption(me, 'at the pixels labels have no offset', 'leave one of the two out')
  return given
}

/** The loss of a network. Throws OptionError for a configuration that means nothing, for a network whose scores it is not of, and
 * for shifted passes of another network than FCRN. */
export function batchLoss(config: LossConfig, network: Network): BatchLoss {
  if (config?.name === 'boxes') return boxesLoss(config, network)
  const { name, keep, scope, divisor, threshold, weights, at, offset, shifted } = checkLoss(config)
  const { scoreStride: stride } = network
  // Of images there may be more classes than 255, and void is none of theirs.
  const ignore = stride === 0 ? -1 : VOID
  const lossOf = (scores: Tensor, labels: Tensor): Loss => {
    if (name === 'crossEntropy') return crossEntropy(scores, labels, { weights, ignore })
    const [n, ...size] = labels.shape
    const all = size.reduce((a, b) => a * b, scope === 'batch' ? n : 1)
    const count = keep! < 1 ? Math.max(1, Math.round(keep! * all)) : keep!
    const chosen = { keep: count, scope, divisor, threshold, ignore }
    return bootstrappedCrossEntropy(scores, labels, chosen)
  }
  if (stride === 0 && network.predicts === 'scores') {
    if (at === 'pixels' || offset !== undefined || shifted)
      refuseOption(
        me,
        'an image that has one class has no pixels to choose',
        'leave it to the name',
      )
    return (image, [classes], mode) => lossOf(network.apply(image, mode), classes)
  }
  if (network.predicts === 'boxes')
    throw new OptionError(
      `${network.config.name} predicts boxes, and training by ${name} needs class scores`,
      'a localization net is trained as the recipe localization-small says, with --data crowd',
    )
  needPixelScores(network, 'training')
  if (shifted) {
    if (!(network instanceof Fcrn))
      refuseOption(
        me,
        `${network.config.name} has no shifted passes`,
        'they are of fcrn-50 and so on',
      )
    return (image, [labels], mode) =>
      shiftedLoss(network, image, labels, mode, lossOf, offset === undefined ? {} : { offset })
  }
  if (at === 'pixels')
    return (image, [labels], mode) => {
      const [, h, w] = image.shape
      return lossOf(scoresOnImage(network.apply(image, mode), [h, w], stride), labels)
    }
  return (image, [labels], mode) =>
    lossOf(
      network.apply(image, mode),
      labelsOnGrid(labels, stride, { offset: offset ?? middleOf(stride) }),
    )
}
