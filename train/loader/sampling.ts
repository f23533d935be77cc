// Weights of examples for a training that sees rare classes more often than the data set has them: rare class sampling of DAFormer
// (Hoyer et al. 2022, section 3.2).

import { OptionError } from '../../engine/errors.ts'

/** Classes in an image, and the pixels of each. */
export interface ImageClasses {
  readonly classes: readonly number[]
  readonly pixels: readonly number[]
}

/** Weights by which a class is drawn first, with probability softmax((1 − f) / `temperature`), f being its share of the labelled
 * pixels, and then, evenly, one of the images it is in. Images that are not known, or have no class, get 0; so do classes that no
 * image has. The smaller the temperature (default 0.01, the paper's), the more of the rarest. Throws OptionError where no image has a
 * class, and for a temperature that is not above 0. */
export function rareClassWeights(
  images: readonly (ImageClasses | null)[],
  { temperature = 0.01 }: { readonly temperature?: number } = {},
): Float64Array {
  if (!(temperature > 0))
    throw new OptionError(`a temperature of ${temperature} is not above 0`, 'the paper has 0.01')
  const pixels = new Map<number, number>()
  const holders = new Map<number, number>()
  let all = 0
  for (const image of images)
    image?.classes.forEach((k, i) => {
      pixels.set(k, (pixels.get(k) ?? 0) + image.pixels[i])
      holders.set(k, (holders.get(k) ?? 0) + 1)
      all += image.pixels[i]
    })
  if (!all) throw new OptionError('no image has a labelled pixel: there is no rare class')
  const least = Math.min(...pixels.values())
  // Relative to the rarest class, whose term is 1: nothing overflows.
  const terms = new Map([...pixels].map(([k, n]) => [k, Math.exp((least - n) / all / temperature)]))
  const sum = [...terms.values()].reduce((a, b) => a + b, 0)
  return Float64Array.from(images, (image) =>
    image ? image.classes.reduce((w, k) => w + terms.get(k)! / sum / holders.get(k)!, 0) : 0,
  )
}
