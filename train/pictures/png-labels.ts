// Labels from a PNG in Node, at once, in the thread that asks.

import { DataError } from '../../engine/errors.ts'
import { isPng } from './png-format.ts'
import { acceptLabels, type LabelImage, labelsOf } from './png-label-values.ts'
import { pngRows, readPng } from './png-rows.ts'

/**
 * Reads a grey (1, 2, 4, 8, 16 bits) or palette (1, 2, 4, 8 bits) PNG. Throws DataError naming `file` for anything else
 * and for a file that is truncated or damaged.
 */
export function readPngLabels(bytes: Uint8Array, file: string): LabelImage {
  if (!isPng(bytes))
    throw new DataError(file, 'is not a PNG', 'labels are read from grey or palette PNG files')
  const png = readPng(bytes, file, (header) => acceptLabels(header, file))
  return labelsOf(png.header, pngRows(png, file))
}
