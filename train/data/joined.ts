// Several data sets of the same classes, trained on as one.

import { OptionError } from '../../engine/errors.ts'
import { type ClassInfo, type Dataset, VOID } from '../dataset.ts'
import type { CheckedDataset, Pair } from './pairs.ts'

/** The examples of all of them, in order. Throws OptionError where their classes differ. */
export function joinedDatasets(sets: readonly CheckedDataset[]): CheckedDataset {
  const [first, ...others] = sets
  if (!others.length) return first
  for (const other of others) sameClasses(first, other)
  const starts: number[] = []
  let size = 0
  for (const set of sets) {
    starts.push(size)
    size += set.size
  }
  const owner = (index: number) => starts.findLastIndex((start) => start <= index)
  const pairs = sets.map((set) => (set as { pairs?: readonly Pair[] }).pairs)
  return {
    ...{ name: sets.map(({ name }) => name).join('+'), split: first.split, size },
    ...{ classes: first.classes, ignore: VOID },
    ...(pairs.every((p) => p) && { pairs: pairs.flat() }),
    get: (index) => {
      const i = owner(index)
      return sets[i].get(index - starts[i])
    },
    explain: async (error, index) => {
      const i = owner(index)
      return (await sets[i].explain?.(error, index - starts[i])) ?? error.message
    },
    check: async () => {
      for (const set of sets) await set.check()
    },
  }
}

function sameClasses(a: Dataset, b: Dataset): void {
  const list = (classes: readonly ClassInfo[]) => classes.map(({ name }) => name).join(', ')
  if (list(a.classes) === list(b.classes)) return
  throw new OptionError(
    `${b.name} has other classes than ${a.name}: ${list(b.classes)}`,
    `what is trained on as one must have the classes ${list(a.classes)}, in this order`,
  )
}
