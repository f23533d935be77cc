// Images that are trained on and scored on: what is scored there has been learned by heart.

import type { Preflight } from './preflight.ts'

/** In words, for each split beside train, which of its images are in train too, whatever their files are called. They are told by their size
 * and the sums of their colours and squares of these, which two photographs do not share. */
export function heldOutWarnings(found: readonly Preflight[]): string[] {
  const trained = new Map<string, string>()
  const train = found.find(({ split }) => split === 'train')
  for (const image of train?.images ?? []) if (image) trained.set(image.print, image.file)
  return found.flatMap(({ split, images, examples }) => {
    if (split === 'train') return []
    const both = images.filter((image) => image && trained.has(image.print))
    if (!both.length) return []
    const { file, print } = both[0]!
    const there = trained.get(print)
    const which = there === file ? `such as ${file}` : `${file} as ${there}`
    return [
      `${both.length} of ${examples} images of ${split} are in train too, ${which}: scores of them say nothing of new images`,
    ]
  })
}
