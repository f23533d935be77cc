// COCO: objects as polygons or runs in one JSON file, here as the 20 classes that VOC has too (Lin et al. 2014).

import { join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { type Split, VOID } from '../dataset.ts'
import { readBytes } from '../files.ts'
import type { LabelImage } from '../pictures/png-label-values.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  indexTable,
  openPairs,
  type Pair,
} from './pairs.ts'
import { fillPolygon, maskOfRuns, unpackCounts } from './rle.ts'
import { VOC_CLASSES } from './voc.ts'

/** Category id of each of VOC's classes 1 … 20. */
const ids = [5, 2, 16, 9, 44, 6, 3, 17, 62, 21, 67, 18, 19, 4, 1, 64, 20, 63, 7, 72]
const classOfId = new Map(ids.map((id, k) => [id, k + 1]))

export interface CocoOptions extends ExampleOptions {
  readonly split: 'train' | 'val'
  /** Year in the names of folders and files; default 2017. */
  readonly year?: string
  /** The images with any of VOC's classes (default), or every image. */
  readonly images?: 'voc' | 'all'
  /** Number the objects too: examples then have `instances`. */
  readonly objects?: boolean
}

interface Annotation {
  readonly image_id: number
  readonly category_id: number
  readonly iscrowd?: number
  readonly area?: number
  readonly segmentation:
    | readonly (readonly number[])[]
    | { readonly counts: string | readonly number[]; readonly size: readonly [number, number] }
}

interface Picture {
  readonly id: number
  readonly file_name: string
  readonly height: number
  readonly width: number
}

/** An object: its class, or void for a crowd, and its pixels. */
interface Thing {
  readonly class: number
  readonly mask: Uint8Array
  readonly area: number
  /** Its place in the file, from 1. */
  readonly number: number
}

const LAYOUT =
  'a COCO folder holds train2017 (or another split and year) and annotations/instances_train2017.json'

/** Opens one split: reads the annotations, no image. Labels are drawn from them: where objects overlap the smaller one is on top,
 * and what crowds cover, of any of the classes, is void. Throws DataError for what is missing and for annotations that cannot be read. */
export async function openCoco(
  root: string,
  { split, year = '2017', images = 'voc', objects = false, ...options }: CocoOptions,
): Promise<FileDataset> {
  const folder = await findFolder(root, [`${split}${year}`, `images/${split}${year}`], LAYOUT)
  const file = join(root, 'annotations', `instances_${split}${year}.json`)
  const { pictures, annotations } = await readAnnotations(file)
  const byImage = new Map<number, Annotation[]>()
  for (const a of annotations) {
    if (!classOfId.has(a.category_id)) continue
    const list = byImage.get(a.image_id)
    if (list) list.push(a)
    else byImage.set(a.image_id, [a])
  }
  const wanted = images === 'all' ? pictures : pictures.filter(({ id }) => byImage.has(id))
  if (!wanted.length) throw new DataError(file, 'has no image with one of VOC’s classes', LAYOUT)
  const byName = new Map(wanted.map((picture) => [nameOf(picture), picture]))
  const pairs = wanted.map(
    (picture): Pair => ({
      name: nameOf(picture),
      image: join(folder, picture.file_name),
      label: file,
      where: `instances_${split}${year}.json`,
      ...(objects && { instances: file }),
    }),
  )
  const draw = async (pair: Pair, numbers: boolean): Promise<LabelImage> => {
    const picture = byName.get(pair.name)!
    return drawn(picture, byImage.get(picture.id) ?? [], numbers, file)
  }
  return openPairs({
    ...{ name: 'coco', split: split as Split, classes: VOC_CLASSES, pairs },
    ...{ classOf: indexTable(VOC_CLASSES.length), meaning: LAYOUT },
    readLabel: (pair) => draw(pair, false),
    readInstances: (pair) => draw(pair, true),
    ...options,
  })
}

const nameOf = ({ file_name }: Picture) => file_name.replace(/^.*\/|\.[^.]*$/g, '')

async function readAnnotations(file: string) {
  let json: { images?: unknown; annotations?: unknown }
  try {
    json = JSON.parse(new TextDecoder().decode(await readBytes(file, LAYOUT)))
  } catch (error) {
    if (error instanceof DataError) throw error
    throw new DataError(file, `cannot be read as JSON (${(error as Error).message})`, LAYOUT)
  }
  const { images, annotations } = json ?? {}
  if (!Array.isArray(images) || !Array.isArray(annotations))
    throw new DataError(file, 'has no lists "images" and "annotations"', LAYOUT)
  const isWhole = (v: unknown) => Number.isInteger(v) && (v as number) > 0
  const bad = images.findIndex(
    (p) => !(isWhole(p?.height) && isWhole(p?.width) && typeof p?.file_name === 'string'),
  )
  if (bad >= 0)
    throw new DataError(file, `has an image without name or size (image ${bad})`, LAYOUT)
  return { pictures: images as Picture[], annotations: annotations as Annotation[] }
}

/** The labels of an image, or the numbers 1 … n of its objects in the order of the file. */
function drawn(
  { height, width, file_name }: Picture,
  annotations: readonly Annotation[],
  numbers: boolean,
  file: string,
): LabelImage {
  const values = new Uint16Array(height * width)
  const things = annotations.map((a, i): Thing => {
    const mask = maskOf(a, height, width)
    if (!mask)
      throw new DataError(
        file,
        `has an object of ${file_name} whose outline cannot be drawn`,
        'use the file of the data set as it is',
      )
    const area = mask.reduce((n, v) => n + v, 0)
    return { class: a.iscrowd ? VOID : classOfId.get(a.category_id)!, mask, area, number: i + 1 }
  })
  // The largest first; crowds before all, so that what is known of an object within one stays.
  things.sort((a, b) => Number(b.class === VOID) - Number(a.class === VOID) || b.area - a.area)
  for (const { class: kind, mask, number } of things) {
    const value = numbers ? (kind === VOID ? 0 : number) : kind
    for (let i = 0; i < mask.length; i++) if (mask[i]) values[i] = value
  }
  return { values, height, width }
}

function maskOf(
  { segmentation }: Annotation,
  height: number,
  width: number,
): Uint8Array | undefined {
  if (Array.isArray(segmentation)) {
    const mask = new Uint8Array(height * width)
    for (const polygon of segmentation) {
      const isPolygon = Array.isArray(polygon) && polygon.length >= 6 && polygon.length % 2 === 0
      if (!isPolygon || !polygon.every((v) => Number.isFinite(v))) return undefined
      fillPolygon(mask, height, width, polygon)
    }
    return mask
  }
  const { counts, size } = segmentation as Exclude<Annotation['segmentation'], readonly unknown[]>
  if (!Array.isArray(size) || size[0] !== height || size[1] !== width) return undefined
  const runs = typeof counts === 'string' ? unpackCounts(counts) : counts
  return Array.isArray(runs) ? maskOfRuns({ size: [height, width], counts: runs }) : undefined
}
