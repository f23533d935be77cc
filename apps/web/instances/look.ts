// How objects are written and coloured, on the page and in the picture that is saved.

import { type ClassInfo, instanceColour } from '../../../train/index.ts'
import type { FoundObject } from './messages.ts'

/** By place in the list, so that another least confidence changes no colour. */
export const colourOf = (index: number): string => `rgb(${instanceColour(index).join(' ')})`

export const percent = (share: number): string => `${Math.round(100 * share)} %`

export const classOf = (classes: readonly ClassInfo[], { class: k }: FoundObject): string =>
  classes[k]?.name ?? `class ${k}`

/** As "8 objects: 5 pebble, 3 brick". */
export function summary(classes: readonly ClassInfo[], objects: readonly FoundObject[]): string {
  const counts = new Map<string, number>()
  for (const object of objects) {
    const name = classOf(classes, object)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const parts = [...counts].map(([name, n]) => `${n} ${name}`)
  const all = objects.length === 1 ? '1 object' : `${objects.length} objects`
  return parts.length ? `${all}: ${parts.join(', ')}` : 'no objects'
}
