// Examples read before they are asked for, for whoever goes through a data set in order, as scoring does. What an example is depends
// on its index alone; reading ahead decides only when it is there.

import { type Dataset, type Example, exampleBytes, firstOf } from '../dataset.ts'

export interface AheadOptions {
  /** Examples at most that are read or kept ahead of the one that is asked for; default 16. */
  readonly examples?: number | undefined
  /** Bytes at most of those, each counted as the largest so far; default 512 MiB. One is read ahead all the same, unless `examples`
   * is 0. */
  readonly bytes?: number | undefined
}

/** The same examples. While they are asked for in order from 0, those that follow are being read; asked for in another order, each is
 * read when it is asked for. An example that cannot be read rejects when it is asked for, and asking again tries again. */
export function readAhead(
  dataset: Dataset,
  { examples = 16, bytes = 2 ** 29 }: AheadOptions = {},
): Dataset {
  const ahead = new Map<number, Promise<Example>>()
  /** What is asked for next, where it is in order. */
  let next = 0
  /** Bytes of the largest example so far. */
  let largest = 0

  const read = (index: number): Promise<Example> => {
    const example = dataset.get(index)
    const known = (it: Example) => {
      largest = Math.max(largest, exampleBytes(it))
    }
    // Seen when it is asked for; who stops before that has no use for it.
    example.then(known, () => {})
    return example
  }
  const fill = () => {
    // Until the first is there, nobody knows how large they are.
    const room = largest ? Math.max(1, Math.floor(bytes / largest)) : 1
    const end = Math.min(dataset.size, next + Math.min(examples, room))
    for (let i = next; i < end; i++) if (!ahead.has(i)) ahead.set(i, read(i))
  }
  return {
    ...firstOf(dataset, dataset.size),
    get(index) {
      if (index === 0) {
        ahead.clear()
        next = 0
      }
      const example = ahead.get(index) ?? read(index)
      ahead.delete(index)
      if (index === next) {
        next++
        // One alone may be all that is wanted; the second shows that there is an order.
        if (index) fill()
      }
      return example
    },
  }
}
