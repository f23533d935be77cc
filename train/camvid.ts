// CamVid as the SegNet authors publish it: street scenes of 480×360, 11 classes, void stored as index 11.
//
// A folder with train.txt, val.txt and test.txt, one "image label" pair a line. Paths are relative to the folder; those
// of the original lists (/SegNet/CamVid/train/x.png) point into somebody's root, so their last two parts are taken.

import { stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { DataError, OptionError } from '../engine/errors.ts'
import { type ClassInfo, type Dataset, type Example, type Split, VOID } from './dataset.ts'
import { errorCode, fileError, readBytes } from './files.ts'
import { imageSize, readImage, readLabels, resizeImage } from './images.ts'
import { resizeLabels } from './resize-labels.ts'

export const CAMVID_CLASSES: readonly ClassInfo[] = [
  { name: 'Sky', colour: [128, 128, 128] },
  { name: 'Building', colour: [128, 0, 0] },
  { name: 'Pole', colour: [192, 192, 128] },
  { name: 'Road', colour: [128, 64, 128] },
  { name: 'Pavement', colour: [60, 40, 222] },
  { name: 'Tree', colour: [128, 128, 0] },
  { name: 'SignSymbol', colour: [192, 128, 128] },
  { name: 'Fence', colour: [64, 64, 128] },
  { name: 'Car', colour: [64, 0, 128] },
  { name: 'Pedestrian', colour: [64, 64, 0] },
  { name: 'Bicyclist', colour: [0, 128, 192] },
]

const STORED_VOID = 11

export interface CamvidOptions {
  readonly split: Split
  /** Size that images and labels are brought to; both or neither. Without it, each file's own. */
  readonly height?: number
  readonly width?: number
  /** Bytes of examples that may be kept in memory once read; 1 GiB unless told. */
  readonly cacheBytes?: number
}

interface Pair {
  readonly image: string
  readonly label: string
  /** "train.txt, line 12", for errors. */
  readonly where: string
}

export interface CamvidDataset extends Dataset {
  /** Finds every file and compares the sizes in their headers, decoding nothing; throws DataError on the first fault. */
  check(): Promise<void>
}

const LAYOUT =
  'the folder must hold train.txt, val.txt, test.txt and the images and labels they name'

/** Opens one split: reads its list only. Throws DataError for a folder or list that is missing or malformed. */
export async function openCamvid(root: string, options: CamvidOptions): Promise<CamvidDataset> {
  const { height, width } = options
  if ((height === undefined) !== (width === undefined))
    throw new OptionError('height and width are given together or not at all')
  const pairs = await readList(root, options.split)
  const read = (index: number) => readExample(pairs[index], height, width)
  return {
    name: 'camvid',
    split: options.split,
    classes: CAMVID_CLASSES,
    ignore: VOID,
    size: pairs.length,
    get: cached(read, options.cacheBytes ?? 2 ** 30),
    check: () => checkPairs(pairs),
  }
}

async function readList(root: string, split: Split): Promise<Pair[]> {
  const folder = await stat(root).catch((error) => {
    throw fileError(root, 'the data folder cannot be opened', error, LAYOUT)
  })
  if (!folder.isDirectory()) throw new DataError(root, 'is a file, not a data folder', LAYOUT)
  const file = join(root, `${split}.txt`)
  const text = new TextDecoder().decode(await readBytes(file, LAYOUT))
  const pairs: Pair[] = []
  text.split(/\r?\n/).forEach((line, i) => {
    const words = line.trim().split(/\s+/)
    if (words[0] === '') return
    if (words.length !== 2)
      throw new DataError(
        file,
        `line ${i + 1} holds ${words.length} path${words.length === 1 ? '' : 's'}, not an image and its label`,
        'write one pair a line, separated by a space: train/a.png trainannot/a.png',
      )
    const [image, label] = words.map((path) => join(root, local(path)))
    pairs.push({ image, label, where: `${split}.txt, line ${i + 1}` })
  })
  if (pairs.length === 0) throw new DataError(file, 'lists no image', LAYOUT)
  return pairs
}

function local(path: string): string {
  return path.startsWith('/') ? path.split('/').slice(-2).join('/') : path
}

async function checkPairs(pairs: readonly Pair[]): Promise<void> {
  const wave = 32
  for (let start = 0; start < pairs.length; start += wave) {
    const results = await Promise.allSettled(pairs.slice(start, start + wave).map(checkPair))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }
}

async function checkPair({ image, label, where }: Pair): Promise<void> {
  await mustExist(image, `is named in ${where}`, 'complete the folder, or take the line out')
  await mustExist(label, `is the label of ${image}`, `add it, or take ${where} out`)
  const [a, b] = await Promise.all([imageSize(image), imageSize(label)])
  if (a.height !== b.height || a.width !== b.width) throw sizesDiffer(image, label, a, b)
}

async function mustExist(file: string, role: string, hint: string): Promise<void> {
  try {
    if ((await stat(file)).isFile()) return
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new DataError(file, `${role}, but does not exist`, hint)
    throw fileError(file, `${role}, but cannot be opened`, error, hint)
  }
  throw new DataError(file, `${role}, but is not a file`, hint)
}

interface Size {
  readonly height: number
  readonly width: number
}

function sizesDiffer(image: string, label: string, a: Size, b: Size): DataError {
  return new DataError(
    label,
    `is ${b.width}×${b.height} but its image ${image} is ${a.width}×${a.height}`,
    'an image and its label must have the same width and height',
  )
}

async function readExample(pair: Pair, height?: number, width?: number): Promise<Example> {
  await mustExist(pair.image, `is named in ${pair.where}`, 'complete the folder')
  await mustExist(pair.label, `is the label of ${pair.image}`, 'complete the folder')
  const [image, stored] = await Promise.all([readImage(pair.image), readLabels(pair.label)])
  if (image.height !== stored.height || image.width !== stored.width)
    throw sizesDiffer(pair.image, pair.label, image, stored)
  const labels = toClasses(stored.values, stored.width, pair.label)
  const toHeight = height ?? image.height
  const toWidth = width ?? image.width
  return {
    name: basename(pair.image, extname(pair.image)),
    image: (await resizeImage(image, toHeight, toWidth)).data,
    labels: resizeLabels(labels, image.height, image.width, toHeight, toWidth),
    height: toHeight,
    width: toWidth,
  }
}

/** Stored indices to classes: 11 and 255 are void; anything else beyond the classes is an error. */
function toClasses(values: Uint8Array | Uint16Array, width: number, file: string): Uint8Array {
  const labels = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value > STORED_VOID && value !== VOID)
      throw new DataError(
        file,
        `has label ${value} at row ${Math.floor(i / width)}, column ${i % width}, which is no class`,
        `labels are class indices 0..${STORED_VOID - 1}, or ${STORED_VOID} for void`,
      )
    labels[i] = value === STORED_VOID ? VOID : value
  }
  return labels
}

/** Keeps what was read, up to a number of bytes; a failed read is forgotten so that the next one tries again. */
function cached(read: (index: number) => Promise<Example>, limit: number): Dataset['get'] {
  const kept = new Map<number, Promise<Example>>()
  let bytes = 0
  return async (index) => {
    const known = kept.get(index)
    if (known) return known
    const promise = read(index)
    kept.set(index, promise)
    try {
      const example = await promise
      bytes += example.image.byteLength + example.labels.byteLength
      if (bytes > limit) {
        bytes -= example.image.byteLength + example.labels.byteLength
        kept.delete(index)
      }
      return example
    } catch (error) {
      kept.delete(index)
      throw error
    }
  }
}
