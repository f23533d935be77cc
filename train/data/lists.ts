// Lists as data sets have them: a name a line.

import { DataError } from '../../engine/errors.ts'

/** The words of the lines of a list, empty lines left out. Throws DataError naming `file` where there is none. */
export function linesOf(
  text: string,
  file: string,
  layout: string,
): { readonly words: string[]; readonly line: number }[] {
  const lines = text
    .split(/\r?\n/)
    .map((line, i) => ({ words: line.trim().split(/\s+/), line: i + 1 }))
    .filter(({ words }) => words[0] !== '')
  if (!lines.length) throw new DataError(file, 'lists no image', layout)
  return lines
}

/** The first word of each line, and whether a name is among them twice: DataError. */
export function namesOf(text: string, file: string, layout: string): string[] {
  const seen = new Map<string, number>()
  for (const { words, line } of linesOf(text, file, layout)) {
    const before = seen.get(words[0])
    if (before !== undefined)
      throw new DataError(
        file,
        `names ${words[0]} in line ${before} and in line ${line}`,
        'name each image once',
      )
    seen.set(words[0], line)
  }
  return [...seen.keys()]
}
