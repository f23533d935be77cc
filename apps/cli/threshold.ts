// The overlap of boxes that a pair of networks is best used with: searched on a split by `eval-instances --search`, kept in the
// localization net's run folder, and from then on the default of `instances` and `eval-instances`.

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import type { Device } from '../../engine/node.ts'
import type { Checkpoint } from '../../train/checkpoint/checkpoint.ts'
import type { Dataset } from '../../train/dataset.ts'
import { errorCode, fileError, writeAtomic } from '../../train/files.ts'
import {
  chosenOverlap,
  type InstanceFinder,
  searchThreshold,
  type ThresholdSearch,
} from '../../train/instances/index.ts'
import { percent } from '../../train/scoring/metrics.ts'
import type { Args } from './command.ts'
import type { TerminalProgress } from './progress.ts'

export interface ChosenThreshold {
  readonly file: string
  readonly threshold: number
  readonly split: string
}

/** Where it is kept, or would be. */
export const thresholdFile = ({ file }: Checkpoint): string => join(dirname(file), 'instances.json')

/** What was chosen for these weights; undefined where nothing was, or for others of the run. Throws DataError for a damaged file. */
export async function chosenThreshold(
  localization: Checkpoint,
): Promise<ChosenThreshold | undefined> {
  const file = thresholdFile(localization)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw fileError(file, 'cannot be read', error)
  }
  const { threshold, split, step } = chosenOverlap(text, file)
  return step === localization.info.progress.step ? { file, threshold, split } : undefined
}

/** Options that a search has no use for. */
const ELSEWHERE = ['threshold', 'matching', 'oracle', 'components', 'out']

export function checkSearch(args: Args): void {
  const other = args.given.find((name) => ELSEWHERE.includes(name))
  if (args.has('search') && other !== undefined)
    throw new OptionError(
      `--search tries thresholds by the rules of SDS, and --${other} says otherwise`,
      'leave it out, and score with what was found in a second call',
    )
}

/** Searches, keeps what is best, and says so on standard output. */
export async function searchAndKeep(
  device: Device,
  finder: InstanceFinder,
  dataset: Dataset,
  {
    args,
    semantic,
    localization,
    progress,
  }: { args: Args; semantic: Checkpoint; localization: Checkpoint; progress: TerminalProgress },
): Promise<void> {
  const { name, split } = dataset
  const search = await searchThreshold(device, finder, dataset, {
    onProgress: (done, of) => progress.passing(`trying ${done} of ${of} ${split} images`),
  })
  progress.clear()
  const { best, images, trials } = search
  if (!best?.volume)
    throw new DataError(
      name,
      `has nothing in its ${split} split that is found at any threshold; none was kept`,
      'train the two networks for longer, or search on another split',
    )
  const about = ({ file, info }: Checkpoint) => ({ file, step: info.progress.step })
  const file = thresholdFile(localization)
  const kept = {
    ...{ threshold: best.threshold, data: name, split, images },
    ...{ semantic: about(semantic), localization: about(localization), trials },
  }
  // First, since the search took long and the folder may be one that cannot be written to.
  console.log(args.has('json') ? JSON.stringify(kept, null, 2) : textOf(search, dataset, file))
  await writeAtomic(file, `${JSON.stringify(kept, null, 2)}\n`)
}

function textOf({ trials, best }: ThresholdSearch, { name, split }: Dataset, file: string) {
  const row = (cells: readonly string[]) => cells.map((cell) => cell.padStart(10)).join('')
  return [
    `${name}, ${split} split: mAP^r, by the overlap above which boxes are of one instance`,
    '',
    row(['overlap', 'at 0.5', 'at 0.7', 'volume']),
    ...trials.map((trial) => {
      const { threshold, ap50, ap70, volume } = trial
      const cells = row([`${threshold}`, ...[ap50, ap70, volume].map((share) => percent(share))])
      return trial === best ? `${cells}  kept` : cells
    }),
    '',
    `${file}: instances and eval-instances use ${best!.threshold} unless --threshold says otherwise`,
  ].join('\n')
}
