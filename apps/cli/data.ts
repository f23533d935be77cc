// `data`: looks through a folder of images and labels before anything is trained on it; needs no GPU.

import { DataError } from '../../engine/errors.ts'
import { formatNames, formatOf } from '../../train/data/formats.ts'
import { heldOutWarnings } from '../../train/data/held-out.ts'
import { type Preflight, preflightText } from '../../train/data/preflight.ts'
import { preflightFor } from '../../train/data/preflight-cache.ts'
import { SPLITS } from '../../train/dataset.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { lookThroughImages } from './data-images.ts'
import { TerminalProgress } from './progress.ts'

async function run(args: Args): Promise<number> {
  const [root] = args.expect('FOLDER')
  const format = args.choice('format', formatNames) ?? (await formatOf(root))
  if (format === 'imagenet') return lookThroughImages(root, args)
  const chosen = args.choice('split', SPLITS)
  const progress = new TerminalProgress()
  const found: Preflight[] = []
  const missing: DataError[] = []
  for (const split of chosen ? [chosen] : (['train', 'val'] as const)) {
    const looked = await preflightFor(
      { kind: format, folder: root },
      {
        splits: [split],
        classified: true,
        fresh: args.has('fresh'),
        onProgress: (_, done, of) => progress.passing(`${split}: ${done} of ${of} images`),
      },
    ).catch(caught(missing))
    progress.clear()
    if (looked) found.push(...looked)
  }
  // What is there is looked through all the same.
  if (!found.length) throw missing[0]
  const absent = missing.map(({ message }) => message.split('\n')[0])
  const heldOut = heldOutWarnings(found)
  console.log(
    args.has('json')
      ? JSON.stringify(
          { format, splits: found.map(withoutImages), heldOut, missing: absent },
          null,
          2,
        )
      : [
          `laid out as ${format}`,
          ...found.map(preflightText),
          ...heldOut.map((text) => `warning: ${text}`),
          ...absent,
        ].join('\n\n'),
  )
  return absent.length || found.some(({ problems }) => problems.length) ? 1 : 0
}

/** What is in each image fills screens and is for programs in the same process. */
const withoutImages = ({ images: _, ...rest }: Preflight) => rest

const caught = (missing: DataError[]) => (error: unknown) => {
  if (!(error instanceof DataError)) throw error
  missing.push(error)
}

export const dataCommand: Command = {
  name: 'data',
  summary: 'look through a data set: missing and broken files, labels, class shares, mean colour',
  usage: 'FOLDER [options]',
  options: {
    format: {
      value: 'NAME',
      help: `its layout, if not told by its files: ${formatNames.join(', ')}`,
    },
    split: { value: 'NAME', help: 'one split only: train, val, test; default train and val' },
    fresh: { help: 'read files again that have not changed since they were looked through' },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous data VOCdevkit', 'VOC 2012, train and val'],
    [
      'atrous data my-scans --split train --json',
      'a folder of your own: images/, labels/, classes.txt',
    ],
  ],
  run,
}
