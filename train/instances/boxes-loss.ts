// The loss of a recipe for networks that predict boxes (Wu, Shen and van den Hengel 2016b): from labels and instances to targets
// on the network's grid, and from these to the loss; all of it in the step, on the device.

import { OptionError } from '../../engine/errors.ts'
import { optionsOf } from '../../engine/ops/options.ts'
import type { Network } from '../../models/network.ts'
import { checkUnit, unitOfBoxes } from '../../nn/boxes.ts'
import { middleOf } from '../../nn/grid.ts'
import { checkLocalizationOptions, localizationLoss } from '../../nn/localization-loss.ts'
import { localizationTargets } from '../../nn/localization-targets.ts'
import { VOID } from '../dataset.ts'
import type { BatchLoss, LossConfig } from '../recipes/loss.ts'

const me = 'loss'

type BoxConfig = Pick<
  LossConfig,
  'name' | 'threshold' | 'keep' | 'beta' | 'sigma' | 'sizes' | 'offset'
>

/** Pixels in a unit of what a network predicts that was trained with this loss. */
export const sigmaOf = (config: Partial<LossConfig> | undefined): number =>
  config?.sigma ?? unitOfBoxes

/** Row and column, in a cell, of the pixel that it stands for. */
export const boxOffset = (config: Partial<LossConfig> | undefined, stride: number): number =>
  config?.offset ?? middleOf(stride)

/** Throws OptionError for what means nothing, and for options of the other losses. */
export function checkBoxes(config: LossConfig) {
  const {
    name: _,
    sizes,
    sigma,
    offset,
    ...rest
  } = optionsOf(me, config as BoxConfig, {
    name: 'boxes' as LossConfig['name'],
    ...{ threshold: 0.7, keep: 512, beta: 1, sigma: unitOfBoxes },
    sizes: [1 / 256, 1 / 16] as readonly [number, number],
    offset: undefined as number | undefined,
  })
  checkUnit(me, sigma)
  if (offset !== undefined && !(Number.isInteger(offset) && offset >= 0))
    throw new OptionError(`loss: offset ${offset} is no row of a cell`, 'use a whole number from 0')
  return { sigma, offset, loss: checkLocalizationOptions({ ...rest, weights: sizes }) }
}

/** Throws OptionError for a network that predicts no boxes. */
export function needBoxes({ config, predicts }: Network, what: string): void {
  if (predicts !== 'boxes')
    throw new OptionError(
      `${config.name} predicts ${predicts}, and ${what} needs boxes`,
      'take a localization net, as localization-50',
    )
}

/** The targets of a batch that a network with this loss learns from. */
export function boxesTargets(config: LossConfig, network: Network) {
  const { scoreStride: stride, classes } = network
  const { sigma } = checkBoxes(config)
  const options = { classes, ignore: VOID, sigma, offset: boxOffset(config, stride) }
  return (targets: Parameters<BatchLoss>[1]) => {
    const [labels, instances] = targets
    return localizationTargets(labels, instances, stride, options)
  }
}

/** The loss of images, labels and instances, the last two [n, h, w]. Throws OptionError as `checkBoxes` and `needBoxes` do. */
export function boxesLoss(config: LossConfig, network: Network): BatchLoss {
  needBoxes(network, 'a loss of boxes')
  const { loss } = checkBoxes(config)
  const targetsOf = boxesTargets(config, network)
  return (image, given, mode) =>
    localizationLoss(network.apply(image, mode), targetsOf(given), loss)
}
