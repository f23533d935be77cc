// `data` of images that have one class each: as ImageNet, or folders of one's own.

import { DataError } from '../../engine/errors.ts'
import {
  classifiedPreflightText,
  preflightImages,
} from '../../train/data/classification-preflight.ts'
import { type ImagenetDataset, openImagenet } from '../../train/data/imagenet.ts'
import { SPLITS } from '../../train/dataset.ts'
import type { Args } from './command.ts'
import { TerminalProgress } from './progress.ts'

/** Looks through both splits, or the one that is asked for; 1 where something is missing or broken. */
export async function lookThroughImages(root: string, args: Args): Promise<number> {
  const chosen = args.choice('split', SPLITS)
  const missing: DataError[] = []
  const splits: ImagenetDataset[] = []
  // The labels of the test split are not public: val stands in.
  const asked = { train: ['train'], val: ['val'], test: ['val'] } as const
  for (const split of chosen ? asked[chosen] : (['train', 'val'] as const))
    try {
      splits.push(await openImagenet(root, { split, cacheBytes: 0 }))
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      missing.push(error)
    }
  if (!splits.length) throw missing[0]
  const progress = new TerminalProgress()
  const found = await preflightImages(splits, {
    fresh: args.has('fresh'),
    onProgress: (split, done, of) => progress.passing(`${split}: ${done} of ${of} images`),
  })
  progress.clear()
  const absent = missing.map(({ message }) => message.split('\n')[0])
  console.log(
    args.has('json')
      ? JSON.stringify({ format: 'imagenet', splits: found, missing: absent }, null, 2)
      : ['laid out as imagenet', ...found.map(classifiedPreflightText), ...absent].join('\n\n'),
  )
  return absent.length || found.some(({ problems }) => problems.length) ? 1 : 0
}
