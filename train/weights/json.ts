// JSON in which no key appears twice: JSON.parse keeps the last of them and says nothing, and what another reader makes
// of the same file would differ.

import { shown } from './reader.ts'

/** Throws SyntaxError where the text is not JSON or an object in it has a key twice. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  const twice = repeatedKey(text)
  if (twice !== undefined) throw new SyntaxError(`the key ${shown(twice)} appears twice`)
  return value
}

/** Relies on `text` being valid JSON. */
function repeatedKey(text: string): string | undefined {
  /** The keys of each object that is open; undefined for an array. */
  const open: (Set<string> | undefined)[] = []
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(undefined)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const start = i
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
      if (!isFollowedByColon(text, i + 1)) continue
      const key = JSON.parse(text.slice(start, i + 1)) as string
      const keys = open.at(-1)!
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

function isFollowedByColon(text: string, from: number): boolean {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text[at])) at++
  return text[at] === ':'
}
