// Settings of the fully connected CRF, as plain data: what the published work uses, and which values make sense.

import { OptionError } from '../../engine/errors.ts'

export interface CrfParameters {
  /** Weight of the appearance kernel, w₁. */
  readonly appearance: number
  /** Its standard deviation in position, θα, pixels. */
  readonly thetaAlpha: number
  /** Its standard deviation in colour, θβ, of 0 … 255. */
  readonly thetaBeta: number
  /** Weight of the smoothness kernel, w₂. */
  readonly smoothness: number
  /** Its standard deviation in position, θγ, pixels. */
  readonly thetaGamma: number
}

const parameters = (
  appearance: number,
  thetaAlpha: number,
  thetaBeta: number,
  smoothness: number,
  thetaGamma: number,
): CrfParameters => ({ appearance, thetaAlpha, thetaBeta, smoothness, thetaGamma })

/** Published parameters: Krähenbühl and Koltun's example program (with the deviations of its picture and of the paper's
 * text), and DeepLab's scripts. */
export const crfPublished = {
  original: parameters(10, 80, 13, 3, 3),
  'original-60-20': parameters(10, 60, 20, 3, 3),
  'deeplab-v1': parameters(4, 49, 5, 3, 3),
  'deeplab-v2-vgg': parameters(4, 65, 3, 2, 2),
  'deeplab-v2-resnet101': parameters(4, 67, 3, 3, 1),
} as const satisfies Record<string, CrfParameters>

export type CrfPublished = keyof typeof crfPublished

/** Each setting that is not given is that of `published`. */
export interface CrfOptions extends Partial<CrfParameters> {
  /** Whose parameters; default `deeplab-v2-resnet101`: appearance 4, θα 67, θβ 3, smoothness 3, θγ 1. */
  readonly published?: CrfPublished
  /** Mean-field updates, all pixels at once, at most 1000; default 10. */
  readonly iterations?: number
  /** `symmetric` (default): each kernel K becomes D^-½·K·D^-½ with D its sums of rows. `none`: as it is. */
  readonly normalisation?: 'symmetric' | 'none'
}

export type CrfSettings = Required<Omit<CrfOptions, 'published'>>

/** What DeepLab v2 uses with ResNet-101. */
export const crfDefaults: CrfSettings = {
  ...crfPublished['deeplab-v2-resnet101'],
  iterations: 10,
  normalisation: 'symmetric',
}

/** Iterations; a hundred change nothing that ten have not. */
const MOST = 1000

/** All settings of options. Throws OptionError for a name or a value that is none: deviations are above 0, weights from 0,
 * iterations a whole number up to 1000. */
export function crfSettings(me: string, options: CrfOptions = {}): CrfSettings {
  const { published, ...own } = options
  if (published !== undefined && !Object.hasOwn(crfPublished, published))
    throw new OptionError(
      `${me}: there are no published parameters '${published}'`,
      `there are ${Object.keys(crfPublished).join(', ')}`,
    )
  const odd = Object.keys(own).find((name) => !Object.hasOwn(crfDefaults, name))
  if (odd !== undefined)
    throw new OptionError(
      `${me}: there is no option '${odd}'`,
      `there are published, ${Object.keys(crfDefaults).join(', ')}`,
    )
  const given = Object.entries(own).filter(([, value]) => value !== undefined)
  const settings: CrfSettings = {
    ...crfDefaults,
    ...(published && crfPublished[published]),
    ...Object.fromEntries(given),
  }
  for (const name of ['thetaAlpha', 'thetaBeta', 'thetaGamma'] as const)
    if (!(settings[name] > 0 && Number.isFinite(settings[name])))
      throw new OptionError(`${me}: ${name} ${settings[name]} is no deviation above 0`)
  for (const name of ['appearance', 'smoothness'] as const)
    if (!(settings[name] >= 0 && Number.isFinite(settings[name])))
      throw new OptionError(`${me}: ${name} ${settings[name]} is no weight from 0`)
  const { iterations } = settings
  if (!(Number.isInteger(iterations) && iterations >= 0 && iterations <= MOST))
    throw new OptionError(`${me}: iterations ${iterations} is no whole number from 0 to ${MOST}`)
  if (settings.normalisation !== 'symmetric' && settings.normalisation !== 'none')
    throw new OptionError(
      `${me}: there is no normalisation '${settings.normalisation}'`,
      'there are symmetric and none',
    )
  return settings
}
