// Folders of images for the tests of readers.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import type { Dataset } from '../../train/dataset.ts'
import { writePng } from '../../train/pictures/images.ts'

export const scratch = () => mkdtempSync(join(tmpdir(), 'atrous-readers-'))

export function write(folder: string, file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), content)
}

/** An image of one grey. */
export async function writeImage(folder: string, file: string, height: number, width: number) {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  const data = new Uint8Array(3 * height * width).fill(90)
  await writePng(join(folder, file), { data, height, width })
}

/** The values that occur, in order. */
export const present = (values: ArrayLike<number>) =>
  [...new Set(Array.from(values))].sort((a, b) => a - b)

export async function names(dataset: Dataset): Promise<string[]> {
  const all = []
  for (let i = 0; i < dataset.size; i++) all.push((await dataset.get(i)).name)
  return all
}

/** Asserts that the data are refused, in such words. */
export async function refused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof DataError, String(error))
    assert.match(error.message, message)
    return true
  })
}
