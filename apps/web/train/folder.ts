// A dropped folder looked through before anything is learned from it: labels that are wrong train a network to be wrong, silently.

import { DataError } from '../../../engine/index.ts'
import {
  type DroppedDataset,
  type DroppedFile,
  openDropped,
  preflight,
  type Split,
} from '../../../train/index.ts'
import type { FolderFound } from './messages.ts'

/** Reads every file of both splits at its own size. Throws DataError naming the first that cannot be used, and the others. */
export async function lookThrough(
  files: readonly DroppedFile[],
  at: (text: string, share: number) => void,
): Promise<FolderFound> {
  const open = (split: Split) => openDropped(files, { split, cacheBytes: 0 })
  const [train, val] = [await open('train'), await open('val')]
  const of = train.size + val.size
  // A browser tells no path; whoever goes on with a run has to drop a folder of the same name.
  const name = `a folder of ${of} images and ${train.classes.length} classes`
  const checked = async (dataset: DroppedDataset, before: number) => {
    const found = await preflight(dataset, {
      onProgress: (done) =>
        at(`Looking through ${before + done} of ${of} images`, (before + done) / of),
    })
    const [problem, ...more] = found.problems
    if (problem === undefined) return found
    const [what, hint] = problem.split('\n  hint: ')
    const [file, ...said] = what.split(': ')
    const others = more.map((text) => text.split(':')[0]).slice(0, 5)
    const also = more.length
      ? ` (also at fault: ${others.join(', ')}${more.length > 5 ? ` and ${more.length - 5} more` : ''})`
      : ''
    throw new DataError(file, `${said.join(': ')}${also}`, hint)
  }
  const [a, b] = [await checked(train, 0), await checked(val, train.size)]
  const range = (key: 'height' | 'width') => {
    const [low, high] = [Math.min(a[key][0], b[key][0]), Math.max(a[key][1], b[key][1])]
    return low === high ? `${low}` : `${low}–${high}`
  }
  return {
    ...{ name, train: train.size, val: val.size, sizes: `${range('height')}×${range('width')}` },
    classes: train.classes.length,
    classNames: train.classes.map((c) => c.name),
    warnings: [...new Set([...a.warnings, ...b.warnings])],
  }
}
