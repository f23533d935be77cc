// That writing results loses nothing: a result that would take the place of an input, or of another result, is refused before
// anything is computed.

import { realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { OptionError } from '../../engine/errors.ts'

/** A file that will be written. */
export interface Result {
  readonly file: string
  /** What it is, as `the mask of a.jpg`. */
  readonly what: string
}

/** Throws OptionError where a result would be written over one of the inputs, or two results have one name; whichever way the paths
 * are written, links included. */
export async function refuseOverwriting(
  inputs: readonly string[],
  results: readonly Result[],
): Promise<void> {
  const read = new Map<string, string>()
  for (const input of inputs) read.set(await placeOf(input), input)
  const written = new Map<string, Result>()
  for (const result of results) {
    const { file, what } = result
    const place = await placeOf(file)
    const input = read.get(place)
    if (input !== undefined)
      throw new OptionError(
        `${input} would be overwritten by ${what}`,
        'choose another folder with --out',
      )
    const other = written.get(place)
    if (other)
      throw new OptionError(
        `${other.what}, ${file}, would be overwritten by ${what}`,
        'write them into two folders, with a call and --out for each',
      )
    written.set(place, result)
  }
}

/** Where a file is, or would be: the folder may be a link, or not there yet. */
async function placeOf(file: string): Promise<string> {
  const whole = resolve(file)
  const folder = dirname(whole)
  const place = await realpath(whole).catch(async () =>
    join(await realpath(folder).catch(() => folder), basename(whole)),
  )
  // Elsewhere a file's name usually has no case.
  return process.platform === 'linux' ? place : place.toLowerCase()
}
