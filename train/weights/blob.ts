// Parts of a file that a browser holds for a page: it reads them from where they are, and no more than is asked for.

import { DataError } from '../../engine/errors.ts'

/** Bytes `begin` to `end` of a file. Throws DataError where it cannot be read any more. */
export async function readPart(
  blob: Blob,
  begin: number,
  end: number,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.slice(begin, end).arrayBuffer())
  } catch (error) {
    throw new DataError(
      file,
      `cannot be read: ${(error as Error).message}`,
      'it was moved, changed or deleted since it was chosen: choose it again',
    )
  }
}

/** A file's name, as messages say it. */
export const blobName = (blob: Blob): string => (blob as Partial<File>).name || 'the file'
