// The steps of augmentation as plain data, which a recipe holds as JSON: what there is, what each does, and what it draws.

import type { SizedCropOptions } from './crop.ts'
import type { Rgb } from './frame.ts'
import type { Interpolation } from './resize.ts'

/** From and to. */
export type Range = readonly [low: number, high: number]
export type Size = readonly [height: number, width: number]

/** FRRN: a shift by whole pixels, each of dy and dx uniform in −pixels … pixels. What comes in from outside is mirrored, the edge
 * not repeated; its labels are void. An image with a side below `pixels` is a DataError: nothing of it might be left. The paper: 120
 * at 1024×2048. */
export interface Translate {
  readonly name: 'translate'
  readonly pixels: number
}

/** FRRN: image^γ, γ = log(½ + Z/√2) / log(½ − Z/√2), Z uniform in −range … range, at most ½. The paper: 0.05. */
export interface Gamma {
  readonly name: 'gamma'
  readonly range: number
}

/** FRRN's code: one f-th of the size, the image by the eight taps of Lanczos-4, labels by the majority of their cells (void where
 * none has more than half), objects by the middle of them. Draws nothing. */
export interface Subsample {
  readonly name: 'subsample'
  readonly factor: number
}

/** FRRN's code: a turn about the centre, uniform in −degrees … degrees. Bilinear, black where it comes from outside; labels by the
 * nearest pixel, void there. Its code: 10. */
export interface Rotate {
  readonly name: 'rotate'
  readonly degrees: number
}

/** FRRN's code: HSV saturation times a factor uniform in `range`, cut off at 1. Its code: [0.5, 1.5]. */
export interface Saturation {
  readonly name: 'saturation'
  readonly range: Range
}

/** FRRN's code: HSV hue turned by uniform −degrees … degrees. Its code: 30. */
export interface Hue {
  readonly name: 'hue'
  readonly degrees: number
}

/** Left and right exchanged with a probability, ½ unless told. */
export interface Flip {
  readonly name: 'flip'
  readonly chance?: number
}

/** The longer or the shorter side brought to S times a factor, a whole number uniform in ⌈low · S⌉ … ⌊high · S⌋, [1, 1] unless told;
 * the other side in proportion, rounded. Labels and objects by the nearest pixel (src = ⌊(dst + ½) · from / to⌋).
 * `antialias` (default): Lanczos-3 along an axis that shrinks, widened by how much it does, and Keys's cubic (a = −½) along one that
 * grows; `bicubic`: that cubic along both, widened as well. Values are cut off at 0 and 1. Wu et al.: [0.7, 1.3]; ImageNet's test:
 * the shorter side, bicubic. */
export interface Resize {
  readonly name: 'resize'
  readonly longer?: number
  readonly shorter?: number
  readonly range?: Range
  readonly filter?: Interpolation
}

/** A part of that size. Where the image is smaller, it lies within, surrounded by the colour `padding`, RGB in [0, 1], ImageNet's
 * mean unless told, and void. `at`: anywhere (`random`, default), each place as likely as the others; in the `centre`; or by
 * `entropy`, with a probability in proportion to the entropy of the classes there, as FRRN's code can. */
export interface Crop {
  readonly name: 'crop'
  readonly size: Size
  readonly at?: 'random' | 'centre' | 'entropy'
  readonly padding?: Rgb
}

/** The image at the top left of that size, the rest in the colour `padding`, as in a crop, and void; an image that is larger is a
 * DataError. Draws nothing. */
export interface Pad {
  readonly name: 'pad'
  readonly size: Size
  readonly padding?: Rgb
}

/** ImageNet: a part whose share of the pixels is uniform in `area`, [0.08, 1] unless told, and its width to height in `aspect`,
 * [3/4, 4/3], exchanged with probability ½; anywhere in the image, resized to `size` with the bicubic filter. Parts that do not fit are
 * drawn anew; after ten it is the largest one in the middle of the aspect of `size`. */
export interface SizedCrop extends Partial<Omit<SizedCropOptions, 'size'>> {
  readonly name: 'sizedCrop'
  readonly size: Size
}

/** ImageNet: brightness, contrast and saturation, in an order drawn anew, each by a factor uniform in 1 − x … 1 + x; 0.4 unless told.
 * Brightness blends with black, contrast with the mean grey of the image, saturation with a pixel's grey; cut off at 0 and 1 in the
 * end. */
export interface ColourJitter {
  readonly name: 'colourJitter'
  readonly brightness?: number
  readonly contrast?: number
  readonly saturation?: number
}

/** ImageNet: one shift of all pixels along each principal component of its colours, by the component's variance times N(0, deviation²),
 * 0.1 unless told; cut off at 0 and 1. */
export interface Lighting {
  readonly name: 'lighting'
  readonly deviation?: number
}

export type AugmentStep =
  | Translate
  | Gamma
  | Subsample
  | Rotate
  | Saturation
  | Hue
  | Flip
  | Resize
  | Crop
  | Pad
  | SizedCrop
  | ColourJitter
  | Lighting

export type StepName = AugmentStep['name']
export type StepOf<N extends StepName> = Extract<AugmentStep, { name: N }>
/** A step's options, all of them. */
export type Options<N extends StepName> = Required<Omit<StepOf<N>, 'name'>>
