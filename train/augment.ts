// FRRN's augmentation (Pohlen et al., section 5): a translation and a change of gamma, drawn anew for each use of an
// image. What is drawn depends on the keys alone, so a resumed run sees the same pictures.

import { OptionError } from '../engine/errors.ts'
import { type Example, VOID } from './dataset.ts'
import { reflect } from './pad.ts'
import { Random } from './random.ts'

export interface Augmentation {
  /** Largest translation in pixels of the training resolution. The paper: 120 at 1024×2048, so 30 at a quarter. */
  readonly translate: number
  /** Half-width a of Z ~ U(−a, a); 0 keeps the image, 0.5 is the limit. The paper: 0.05. */
  readonly gamma: number
}

/** What was drawn for one use of an image. */
export interface AugmentationDraw {
  readonly dy: number
  readonly dx: number
  readonly gamma: number
}

export const NO_AUGMENTATION: Augmentation = { translate: 0, gamma: 0 }

/** γ = log(1/2 + Z/√2) / log(1/2 − Z/√2): as likely to halve as to double, γ(−Z) = 1/γ(Z). */
export function gammaExponent(z: number): number {
  return Math.log(0.5 + z / Math.SQRT2) / Math.log(0.5 - z / Math.SQRT2)
}

/** The translation and gamma of these keys; throws OptionError for a range that is not allowed. */
export function drawAugmentation(
  options: Augmentation,
  ...keys: readonly number[]
): AugmentationDraw {
  const { translate, gamma } = options
  if (!Number.isInteger(translate) || translate < 0)
    throw new OptionError(`translate must be a whole number of pixels, 0 or more; got ${translate}`)
  if (!(gamma >= 0 && gamma <= 0.5))
    throw new OptionError(`gamma must lie in 0..0.5; got ${gamma}`, "the paper's value is 0.05")
  const random = new Random(...keys)
  return {
    dy: random.int(-translate, translate),
    dx: random.int(-translate, translate),
    gamma: gammaExponent(random.uniform(-gamma, gamma)),
  }
}

/**
 * Writes an augmented example into a batch: `image` [height, width, 3] in [0, 1] and `labels` [height, width], where
 * height and width may exceed the example's (network padding). Pixels that come from outside of the example are
 * mirrored, the edge not repeated, and their labels are void.
 */
export function writeAugmented(
  example: Example,
  draw: AugmentationDraw,
  height: number,
  width: number,
  image: Float32Array,
  labels: Uint8Array,
): void {
  const tone = toneTable(draw.gamma)
  const columns = Int32Array.from({ length: width }, (_, x) => reflect(x - draw.dx, example.width))
  for (let y = 0; y < height; y++) {
    const fromY = y - draw.dy
    const row = reflect(fromY, example.height) * example.width
    const rowCovered = fromY >= 0 && fromY < example.height && y < example.height
    for (let x = 0; x < width; x++) {
      const from = row + columns[x]
      const to = y * width + x
      const fromX = x - draw.dx
      const covered = rowCovered && fromX >= 0 && fromX < example.width && x < example.width
      labels[to] = covered ? example.labels[from] : VOID
      image[3 * to] = tone[example.image[3 * from]]
      image[3 * to + 1] = tone[example.image[3 * from + 1]]
      image[3 * to + 2] = tone[example.image[3 * from + 2]]
    }
  }
}

/** (value / 255)^γ for each of the 256 values. */
function toneTable(gamma: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, value) =>
    gamma === 1 ? value / 255 : (value / 255) ** gamma,
  )
}
