// How much of an image a dilated classifier sees: the distance between its outermost taps, in pixels (Wu, Shen and van den
// Hengel 2016a, section 3.3 and Table 1). What its features see besides is not counted.

import { OptionError } from '../engine/errors.ts'
import { Head } from './heads.ts'
import type { Network } from './network.ts'

/** Stacked convolutions on a grid of cells. */
export interface DilatedClassifier {
  /** Side of each convolution. */
  readonly kernel: number
  readonly dilation: number
  /** Pixels from one cell to the next. */
  readonly stride: number
  /** Number of convolutions; default 1. */
  readonly layers?: number
}

export interface FieldOfView extends Required<DilatedClassifier> {
  /** Side of the field of view. */
  readonly pixels: number
}

/** Side of the field of view in pixels: (L·(k − 1)·d + 1)·s for L k×k convolutions of dilation d on a grid of 1/s. */
export const fieldOfView = ({ kernel, dilation, stride, layers = 1 }: DilatedClassifier): number =>
  (layers * (kernel - 1) * dilation + 1) * stride

/** That of a network's `head`; undefined for networks without one. */
export function fieldOfViewOf(network: Network): FieldOfView | undefined {
  const head = 'head' in network ? network.head : undefined
  if (!(head instanceof Head)) return undefined
  const { kernel, dilation, layers } = head.options
  const classifier = { kernel, dilation, layers, stride: network.scoreStride }
  return { ...classifier, pixels: fieldOfView(classifier) }
}

/** A sentence to warn with where a network's field of view is larger than its images, [h, w] of a training crop or a test
 * image, so that at no place all of its taps see the image; undefined where all is well (ibid.). Throws OptionError for what
 * is no size. */
export function checkFieldOfView(
  network: Network,
  [h, w]: readonly [number, number],
): string | undefined {
  if (!(h >= 1 && w >= 1))
    throw new OptionError(`${h}×${w} is no size of an image`, 'give height and width')
  const field = fieldOfViewOf(network)
  const side = Math.min(h, w)
  if (!field || field.pixels <= side) return undefined
  const { kernel, stride, layers, pixels } = field
  const fitting = Math.floor((side / stride - 1) / (layers * (kernel - 1)))
  const instead = fitting >= 1 ? `, or dilation: ${fitting}` : ''
  return (
    `the classifier of ${network.config.name} sees ${pixels}×${pixels} pixels, more than images of ${h}×${w}: ` +
    `wherever it stands, some of its taps read padding; use larger images${instead}`
  )
}
