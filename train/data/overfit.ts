// A few images to be learned by heart: what a network, its loss and its scores cannot reproduce of what they were shown, more images
// do not mend.

import { DataError, OptionError } from '../../engine/errors.ts'
import { suggest } from '../../nn/near.ts'
import { type Dataset, firstOf } from '../dataset.ts'
import type { FileDataset } from './pairs.ts'

/** So many of the first examples of a split, or those of these names. */
export type Overfit = number | readonly string[]

/** A split as it is opened: of images with a label file each, what is known of these files too. */
export type OpenedSplit = Dataset & Partial<Pick<FileDataset, 'check' | 'pairs'>>

/** These examples alone, by name in the order of the names. Throws DataError where there are fewer, or none of a name; OptionError
 * where examples have no names before they are read. */
export function overfitted(dataset: OpenedSplit, overfit: Overfit): OpenedSplit {
  const chosen = indicesOf(dataset, overfit)
  const { explain, check, pairs } = dataset
  return {
    ...firstOf(dataset, chosen.length),
    get: (index) => dataset.get(chosen[index]),
    ...(explain && { explain: (error, index) => explain(error, chosen[index]) }),
    ...(check && { check }),
    ...(pairs && { pairs: chosen.map((index) => pairs[index]) }),
  }
}

function indicesOf({ name, split, size, pairs }: OpenedSplit, overfit: Overfit): number[] {
  const where = `${name}, ${split} split`
  if (typeof overfit === 'number') {
    if (overfit <= size) return Array.from({ length: overfit }, (_, i) => i)
    throw new DataError(where, `has ${size} images, not ${overfit}`, 'overfit to fewer')
  }
  if (!pairs)
    throw new OptionError(
      `the images of ${where} are not known by name`,
      'say how many of the first ones to overfit to, such as 8',
    )
  const names = pairs.map((pair) => pair.name)
  return overfit.map((wanted) => {
    const index = names.indexOf(wanted)
    if (index >= 0) return index
    throw new DataError(where, `has no image ${wanted}`, suggest(wanted, names))
  })
}
