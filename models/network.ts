// What every network of this folder is: a module from images to class scores that can say how to build it again.

import { OptionError } from '../engine/errors.ts'
import type { Tensor } from '../engine/tensor.ts'
import { type Mode, Module } from '../nn/module.ts'
import type { ImagePadding } from './input.ts'

/** Names a network and its options; JSON all through, so that a checkpoint can hold it. */
export interface ModelConfig {
  /** A key of `models`. */
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
}

/** Maps RGB images f32 [n, h, w, 3], in [0, 1], to class scores (logits): [n, ⌈h/s⌉, ⌈w/s⌉, classes] with s its
 * `scoreStride`, or [n, classes] where it scores images as a whole. */
export abstract class Network extends Module<[image: Tensor, mode: Mode]> {
  /** `buildModel(config)` gives the same network with the same starting values. */
  abstract readonly config: ModelConfig
  abstract readonly classes: number
  /** `scores`: what a class mask is made of. `boxes`: [n, ⌈h/s⌉, ⌈w/s⌉, 4 · classes], for each object class where and how
   * large the instance around a pixel is (see localization.ts). */
  readonly predicts: 'scores' | 'boxes' = 'scores'
  /** Height and width of images must be multiples of this; 1 where any size will do. */
  abstract readonly sizeMultiple: number
  /** What images of other sizes are grown with; whoever prepares images does it. */
  readonly padding: ImagePadding = 'reflection'
  /** Image pixels from one score to the next: 1 where each pixel has its own, 0 where an image has one for all. */
  abstract readonly scoreStride: number
}

/** Throws OptionError for a network that does not score the classes of pixels, which `what` needs. */
export function needPixelScores({ config, predicts, scoreStride }: Network, what: string): void {
  const hint = 'take a network that segments, as fcrn-50 or frrn-a'
  if (predicts !== 'scores')
    throw new OptionError(
      `${config.name} predicts ${predicts}, and ${what} needs class scores`,
      hint,
    )
  if (!scoreStride)
    throw new OptionError(
      `${config.name} scores images as a whole, and ${what} needs scores of pixels`,
      hint,
    )
}
