// The kinds of files that hold weights of these networks, and which of them a file is.

import { OptionError } from '../../engine/errors.ts'
import { suggest } from '../../nn/near.ts'
import { ademxapp } from './ademxapp.ts'
import { caffe } from './caffe.ts'
import { frrn } from './frrn.ts'
import type { File, KeyMap } from './keys.ts'
import { mapillary } from './mapillary.ts'
import { atrous, torch } from './plain.ts'
import { torchvision } from './torchvision.ts'

export type { Converted, File, KeyMap, Source, State, Stored } from './keys.ts'

/** By name; `atrous` and `torch` are our own names, in our layout and in PyTorch's. */
export const keyMaps: Readonly<Record<string, KeyMap>> = Object.fromEntries(
  [torchvision, caffe, mapillary, ademxapp, frrn, atrous, torch].map((map) => [map.name, map]),
)

/** Throws OptionError for a name that is none. */
export function keyMap(name: string): KeyMap {
  if (!Object.hasOwn(keyMaps, name))
    throw new OptionError(`there is no key map ${name}`, suggest(name, Object.keys(keyMaps)))
  return keyMaps[name]
}

/** The part of a file whose names start with `prefix`, without it. */
export const below = <T>(file: ReadonlyMap<string, T>, prefix: string): Map<string, T> =>
  new Map(
    [...file].flatMap(([name, t]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), t] as const] : [],
    ),
  )

/** The map of a file, and what stands before all its names, as `state_dict.` or `module.`; undefined where no project is
 * recognised. */
export function recognized(file: File): { map: KeyMap; prefix: string } | undefined {
  for (const prefix of prefixes(file.keys())) {
    const part = { has: (name: string) => file.has(prefix + name) }
    const map = Object.values(keyMaps).find((m) => m.recognizes(part))
    if (map) return { map, prefix }
  }
  return undefined
}

/** What stands before most of the `wanted` names in a file, the shortest such beginning, and how many they are. */
export function commonest(
  wanted: ReadonlySet<string>,
  file: File,
): { prefix: string; count: number } {
  const counts = new Map<string, number>()
  for (const name of file.keys())
    for (const start of beginnings(name))
      if (wanted.has(name.slice(start.length))) counts.set(start, (counts.get(start) ?? 0) + 1)
  let best = { prefix: '', count: 0 }
  for (const prefix of prefixes(file.keys())) {
    const count = counts.get(prefix) ?? 0
    if (count > best.count) best = { prefix, count }
  }
  return best
}

/** What names begin with, up to three of their parts: the shortest first. */
function prefixes(names: Iterable<string>): string[] {
  const byParts: Set<string>[] = []
  for (const name of names) {
    const starts = beginnings(name)
    for (let n = 0; n < starts.length; n++) {
      byParts[n] ??= new Set()
      byParts[n].add(starts[n])
    }
  }
  return byParts.flatMap((starts) => [...starts])
}

function beginnings(name: string): string[] {
  const found = ['']
  for (let at = name.indexOf('.'); at >= 0 && found.length <= 3; at = name.indexOf('.', at + 1))
    found.push(name.slice(0, at + 1))
  return found
}
