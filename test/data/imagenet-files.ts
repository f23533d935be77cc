// Small data sets of images with a class each, in folders and tars: for tests.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import type { ImagenetDataset } from '../../train/data/imagenet.ts'
import { type TarPart, tarFile } from './tar-file.ts'

export const scratch = () => mkdtempSync(join(tmpdir(), 'atrous-imagenet-'))

export const jpeg = (shade: number, height = 6, width = 8): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: shade, g: 90, b: 30 } } })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer()

export type Files = Readonly<Record<string, string | Uint8Array>>

export function folderOf(files: Files): string {
  const root = scratch()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}

export const tarOf = (files: Files): Buffer =>
  tarFile(...Object.entries(files).map(([name, content]): TarPart => ({ name, content })))

/** Class id, name and first value of each example. */
export async function listed(set: ImagenetDataset): Promise<[string, string, number][]> {
  return Promise.all(
    Array.from({ length: set.size }, async (_, i): Promise<[string, string, number]> => {
      const { name, image, labels, category } = await set.get(i)
      assert.equal(labels.length, 0)
      assert.equal(category, set.category(i))
      return [set.ids[category!], name, Math.round(image[0] / 10)]
    }),
  )
}
