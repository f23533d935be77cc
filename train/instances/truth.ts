// The instances that labels state: of each number the pixels that have it and its class.

import { DataError } from '../../engine/errors.ts'
import { type Example, VOID } from '../dataset.ts'
import type { InstanceMask } from '../scoring/instance-scores.ts'

export interface TrueInstance extends InstanceMask {
  /** The number that the data set gives it. */
  readonly number: number
  /** Pixels of its mask. */
  readonly area: number
}

/** Share of an instance's pixels that may have another class than most of them: what resizing leaves at its edge. */
const STRAY = 0.25

/** The instances of an example, by number. Pixels that are background or void are of none, whatever their number, so that numbers
 * without a class are no instances. Throws DataError where objects are not told apart, and where one is split over classes. */
export function trueInstances(example: Example): TrueInstance[] {
  const { name, labels, instances } = example
  if (!instances)
    throw new DataError(name, 'has no objects told apart', 'open the data set with its objects')
  if (instances.length !== labels.length)
    throw new DataError(
      name,
      `has ${instances.length} instance numbers for ${labels.length} labels`,
      'give one for each pixel',
    )
  const counts = new Map<number, Map<number, number>>()
  for (let at = 0; at < labels.length; at++) {
    const [number, label] = [instances[at], labels[at]]
    if (!number || !label || label === VOID) continue
    const own = counts.get(number) ?? new Map<number, number>()
    counts.set(number, own.set(label, (own.get(label) ?? 0) + 1))
  }
  return Array.from(counts, ([number, classes]) => {
    const sorted = [...classes].sort((a, b) => b[1] - a[1])
    const [[label, area], ...others] = sorted
    const stray = others.reduce((sum, [, n]) => sum + n, 0)
    if (stray > STRAY * (area + stray))
      throw new DataError(
        name,
        `instance ${number} has pixels of the classes ${sorted.map(([k]) => k).join(' and ')}`,
        'an instance is of one class: number its parts apart',
      )
    const mask = Uint8Array.from(labels, (l, at) => +(l === label && instances[at] === number))
    return { class: label, mask, number, area }
  }).sort((a, b) => a.number - b.number)
}
