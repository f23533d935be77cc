// Anyone's own data in a browser: the files of a folder that was dropped or chosen, laid out as folder-rules.ts says. Labels are
// read exactly, never by way of a canvas; images by the browser's decoder.

import { type AtrousError, DataError } from '../../engine/errors.ts'
import { scaled } from '../augment/resize.ts'
import { type Dataset, type Split, VOID } from '../dataset.ts'
import type { Picture } from '../pictures/picture.ts'
import { decodePngLabels } from '../pictures/png-labels-web.ts'
import { type FileTree, foundIn, LAYOUT, meaningOf } from './folder-rules.ts'
import { explained } from './label-faults.ts'
import { cached, type ExampleOptions, exampleOf, indexTable, type Pair } from './pair.ts'

/** A file of a folder. */
export interface DroppedFile {
  /** Within the folder, as `images/1.png`; the folder's own name may stand before all of them. */
  readonly path: string
  readonly file: Blob
}

export interface DroppedOptions extends Omit<ExampleOptions, 'cacheBytes'> {
  readonly split: Split
  /** Bytes of examples that are kept in memory once read; 256 MiB unless told. */
  readonly cacheBytes?: number
  /** Default: the browser's own, by way of an OffscreenCanvas. Throws what it likes for a file that is no picture. */
  readonly decode?: ((file: Blob) => Promise<Picture>) | undefined
}

export interface DroppedDataset extends Dataset {
  readonly pairs: readonly Pair[]
  /** What is said of an example that cannot be used, its label file looked into: for `preflight`. */
  explain(error: AtrousError, index: number): Promise<string>
}

/** Opens one split of a folder's files; reads lists only. Throws DataError for what is missing and for an image without a label. */
export async function openDropped(
  files: readonly DroppedFile[],
  { split: asked, decode = decodedPicture, height, width, cacheBytes }: DroppedOptions,
): Promise<DroppedDataset> {
  const byPath = new Map(withoutRoot(files).map(({ path, file }) => [path, file]))
  const { split, classes, pairs } = await foundIn(treeOf(byPath), asked)
  const source = {
    ...{ height, width, classOf: indexTable(classes.length), meaning: meaningOf(classes) },
  }
  const picture = async (path: string): Promise<Picture> => {
    try {
      return await decode(byPath.get(path)!)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new DataError(path, `cannot be decoded: ${reason}`, 'fetch the file again')
    }
  }
  const labels = async (path: string) => decodePngLabels(await bytesOf(byPath.get(path)!), path)
  const read = async (pair: Pair) => {
    const decoded = { image: await picture(pair.image), labels: await labels(pair.label) }
    return exampleOf(pair, decoded, source, resizedPicture)
  }
  return {
    ...{ name: 'folder', split, classes, pairs, ignore: VOID, size: pairs.length },
    get: cached((index) => read(pairs[index]), cacheBytes ?? 2 ** 28),
    explain: (error, index) => {
      const file = pairs[index].label
      const label = { file, stored: () => labels(file), picture: () => picture(file) }
      return explained(error, label, classes)
    },
  }
}

const bytesOf = async (file: Blob): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer())

/** Paths from where `images` is: what was dropped may be the folder, whatever its name, or all that is in it. Hidden files are left
 * out, and hidden folders below it. */
function withoutRoot(files: readonly DroppedFile[]): readonly DroppedFile[] {
  const shown = files.filter(({ path }) => !/\/\.|^\.[^/]*$/.test(path))
  const roots = new Set(shown.map(({ path }) => path.slice(0, path.indexOf('/') + 1)))
  const [root] = roots
  if (roots.size !== 1 || !root) return shown
  const inside = ['images/', 'labels/', 'classes.txt'].map((part) => root + part)
  if (!shown.some(({ path }) => inside.some((part) => path.startsWith(part)))) return shown
  return shown.map(({ path, file }) => ({ path: path.slice(root.length), file }))
}

function treeOf(byPath: ReadonlyMap<string, Blob>): FileTree {
  const folders = new Map<string, Set<string>>()
  for (const path of byPath.keys()) {
    const parts = path.split('/')
    parts.forEach((part, i) => {
      const folder = parts.slice(0, i).join('/')
      folders.set(folder, (folders.get(folder) ?? new Set()).add(part))
    })
  }
  return {
    path: (inside) => inside || 'what was dropped',
    has: async (inside) => byPath.has(inside) || folders.has(inside),
    names: async (inside) => {
      const names = folders.get(inside)
      if (!names) throw new DataError(inside, 'does not exist', LAYOUT)
      return [...names].sort((a, b) => (a < b ? -1 : 1))
    },
    text: async (inside) => {
      const file = byPath.get(inside)
      if (!file) throw new DataError(inside, 'does not exist', LAYOUT)
      return file.text()
    },
  }
}

/** By the same filters as augmentation resizes with. */
function resizedPicture(picture: Picture, height: number, width: number): Picture {
  if (picture.height === height && picture.width === width) return picture
  const frame = { ...picture, name: '', image: picture.data, labels: undefined }
  const { image } = scaled(
    { ...frame, instances: undefined },
    { height, width, filter: 'antialias' },
  )
  return { data: Uint8Array.from(image, (v) => v * 255 + 0.5), height, width }
}

/** A JPEG without the camera's note of how it was held, by which browsers turn pictures: labels are of the pixels as they are stored.
 * Other files as they are. */
export async function asStored(file: Blob): Promise<Blob> {
  const [START, SCAN, EXIF] = [0xffd8, 0xffda, 0xffe1]
  // Segments of notes come first, and each is below 64 KiB.
  const head = new DataView(await file.slice(0, 2 ** 18).arrayBuffer())
  if (head.byteLength < 2 || head.getUint16(0) !== START) return file
  for (let at = 2; at + 8 <= head.byteLength; ) {
    const marker = head.getUint16(at)
    const next = at + 2 + head.getUint16(at + 2)
    if (marker < 0xff00 || marker === SCAN) return file
    if (marker === EXIF && head.getUint32(at + 4) === 0x45786966)
      return new Blob([file.slice(0, at), file.slice(next)], { type: file.type })
    at = next
  }
  return file
}

/** An image as the browser decodes it, its transparency dropped. */
async function decodedPicture(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(await asStored(file), { premultiplyAlpha: 'none' })
  const { height, width } = bitmap
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  const rgba = context.getImageData(0, 0, width, height).data
  const data = new Uint8Array(3 * height * width)
  for (let i = 0, from = 0; i < data.length; i += 3, from += 4) {
    data[i] = rgba[from]
    data[i + 1] = rgba[from + 1]
    data[i + 2] = rgba[from + 2]
  }
  return { data, height, width }
}
