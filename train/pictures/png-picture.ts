// The pixels of the commonest kind of PNG, in the thread that asks for them. The general decoder works in four threads that all threads
// of a process share, which sixteen threads of a loader would queue up for; this one costs as much time and keeps nobody waiting.

import type { Picture } from './picture.ts'
import { isPng } from './png-format.ts'
import { pngRows, readPng } from './png-rows.ts'

const RGB = 2
/** What makes colours of numbers in another way, or turns the picture; the general decoder heeds no gamma either. */
const CONVERTING = ['iCCP', 'cICP', 'tRNS', 'eXIf']

/** An 8-bit RGB PNG that states no colour space but sRGB; undefined for every other file, damaged ones too. */
export function readPngPicture(bytes: Uint8Array): Picture | undefined {
  if (!isPng(bytes)) return undefined
  try {
    const png = readPng(bytes, '')
    const { height, width, depth, colour, interlaced } = png.header
    if (colour !== RGB || depth !== 8 || interlaced || !height || !width) return undefined
    if (CONVERTING.some((type) => png.chunks.has(type))) return undefined
    return { data: pngRows(png, ''), height, width }
  } catch {
    // Who decodes every kind of file says what is wrong with this one.
    return undefined
  }
}
