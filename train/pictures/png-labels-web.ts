// Labels from a PNG wherever streams inflate, as in browsers: the stored values exactly, which a canvas would turn into colours.

import { DataError } from '../../engine/errors.ts'
import { damaged, filteredBytes, isPng, readPng, rowsOf } from './png-format.ts'
import { acceptLabels, type LabelImage, labelsOf } from './png-label-values.ts'

/**
 * Reads a grey (1, 2, 4, 8, 16 bits) or palette (1, 2, 4, 8 bits) PNG. Throws DataError naming `file` for anything else
 * and for a file that is truncated or damaged, as `readPngLabels` does.
 */
export async function decodePngLabels(bytes: Uint8Array, file: string): Promise<LabelImage> {
  if (!isPng(bytes))
    throw new DataError(file, 'is not a PNG', 'labels are read from grey or palette PNG files')
  const { header, parts } = readPng(bytes, file, (head) => acceptLabels(head, file))
  const filtered = await inflated(parts, filteredBytes(header), file)
  return labelsOf(header, rowsOf(header, filtered, file))
}

/** What the parts inflate to, at most `expected` bytes, so that a small hostile file cannot fill the memory. */
async function inflated(parts: readonly Uint8Array[], expected: number, file: string) {
  const packed = new Blob(parts as Uint8Array<ArrayBuffer>[])
  // Nothing deflates to less than 1/1032 of itself, so a header cannot ask for more memory than that.
  if (expected > 1032 * packed.size + SLACK)
    throw damaged(file, 'holds fewer rows than it announces')
  const out = new Uint8Array(expected)
  const chunks = packed.stream().pipeThrough(new DecompressionStream('deflate')).getReader()
  let at = 0
  try {
    for (;;) {
      const { done, value } = await chunks.read()
      if (done) return out.subarray(0, at)
      const room = value.subarray(0, expected - at)
      out.set(room, at)
      at += room.length
      // What a file holds beyond its rows is nobody's, as long as there is little of it.
      if (value.length > room.length + SLACK) throw new Error('more than its header announces')
    }
  } catch (error) {
    chunks.cancel().catch(() => {})
    throw damaged(file, `does not unpack (${(error as Error).message})`)
  }
}

const SLACK = 64
