// The rows of a PNG file in Node: all of it happens in the thread that asks.

import * as zlib from 'node:zlib'
import { crc32 as plainCrc32 } from '../weights/zip.ts'
import {
  damaged,
  filteredBytes,
  type PngFile,
  type PngHeader,
  readPng as readPlain,
  rowsOf,
} from './png-format.ts'

/** As png-format.ts has it, with Node's checksums. */
export const readPng = (
  bytes: Uint8Array,
  file: string,
  accept?: (header: PngHeader) => void,
): PngFile => readPlain(bytes, file, accept, crc32)

/** Rows without their filter byte, one after the other, each of a whole number of bytes. Throws DataError naming `file`. */
export const pngRows = ({ header, parts }: PngFile, file: string): Uint8Array =>
  rowsOf(header, inflate(parts, filteredBytes(header), file), file)

function inflate(parts: readonly Uint8Array[], expected: number, file: string): Uint8Array {
  try {
    // The limit keeps a small hostile file from filling the memory; one chunk of the output needs no joining.
    const chunkSize = Math.max(64, expected + 64)
    return zlib.inflateSync(Buffer.concat(parts), { maxOutputLength: expected + 64, chunkSize })
  } catch (error) {
    throw damaged(file, `does not unpack (${(error as Error).message})`)
  }
}

/** Of Node since 20.15, and ten times as fast. */
const crc32 = (zlib as { crc32?: typeof plainCrc32 }).crc32 ?? plainCrc32
