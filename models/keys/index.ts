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

export type { Converted, KeyMap, Source, State, Stored } from './keys.ts'

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
    const part = below(file, prefix)
    const map = Object.values(keyMaps).find((m) => m.recognizes(part))
    if (map) return { map, prefix }
  }
  return undefined
}

/** What names start with, up to three of their parts: the shortest first. */
export function prefixes(names: Iterable<string>): string[] {
  const found = new Set([''])
  for (const name of names) {
    const parts = name.split('.').slice(0, -1)
    for (let n = 1; n <= Math.min(3, parts.length); n++)
      found.add(`${parts.slice(0, n).join('.')}.`)
  }
  return [...found].sort((a, b) => a.split('.').length - b.split('.').length)
}
