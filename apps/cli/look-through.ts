// Looking through the data before a run begins: what cannot be used is refused, what looks wrong is said, and what was counted decides
// how often an image is seen.

import { DataError, OptionError } from '../../engine/errors.ts'
import { heldOutWarnings } from '../../train/data/held-out.ts'
import type { Preflight } from '../../train/data/preflight.ts'
import { preflightFor, refuseProblems } from '../../train/data/preflight-cache.ts'
import { rareClassWeights } from '../../train/loader/sampling.ts'
import type { Recipe } from '../../train/recipes/recipe.ts'
import type { TerminalProgress } from './progress.ts'

/** Files that cannot be used are refused before anything is made of the others; what looks wrong is said. */
export async function lookThrough(
  { data }: Recipe,
  progress: TerminalProgress,
  signal: AbortSignal,
): Promise<Preflight[]> {
  const found = await preflightFor(data, {
    signal,
    onProgress: (split, done, of) =>
      progress.passing(`looking through ${split}: ${done} of ${of} images`),
  })
  progress.clear()
  refuseProblems(found)
  if ('folder' in data && !signal.aborted) refuseEmpty(data.folder, found)
  const trained = found.find(({ split }) => split === 'train')
  for (const warning of [...(trained?.warnings ?? []), ...heldOutWarnings(found)])
    progress.say(`note: ${warning}`)
  return found
}

/** Throws DataError for a split without images, which would end a run when it is first looked at, and where there is nothing to learn. */
function refuseEmpty(folder: string, found: readonly Preflight[]): void {
  for (const { split, examples, void: empty } of found) {
    if (!examples)
      throw new DataError(
        folder,
        `has no image in its ${split} split`,
        'add some, two in all at least',
      )
    if (split === 'train' && empty === 1)
      throw new DataError(
        folder,
        'has no pixel of a class in the labels of its train split: all are void',
        'labels are class indices from 0, and 255 is void; `atrous data` counts them',
      )
  }
}

/** How often each image of training is seen; undefined where it is all alike. Throws OptionError where no pixels were counted. */
export function samplingWeights(
  { sampling, data }: Recipe,
  found: readonly Preflight[],
): Float64Array | undefined {
  if (sampling !== 'rare-classes') return undefined
  const counted = found.find(({ split }) => split === 'train')
  if (counted) return rareClassWeights(counted.images)
  throw new OptionError(
    `sampling of rare classes counts the labels' pixels, and ${data.kind === 'street' ? 'drawn scenes have no label files' : 'these images have one class each'}`,
    'leave out sampling, or train on a folder of images and label files',
  )
}
