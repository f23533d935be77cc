// Instances as files of others: COCO's results with run-length masks, and the lists and masks of the benchmark of Cityscapes.

import { OptionError } from '../../engine/errors.ts'
import { CITYSCAPES_CLASSES } from '../data/cityscapes-classes.ts'
import { packCounts, runLengths } from '../data/rle.ts'
import type { ClassInfo } from '../dataset.ts'
import type { FoundInstance } from './found.ts'

export interface CocoImage {
  readonly id: number
  readonly file_name: string
  readonly height: number
  readonly width: number
}

export interface CocoAnnotation {
  readonly id: number
  readonly image_id: number
  /** The label of its class: 0 is no object. */
  readonly category_id: number
  readonly score: number
  /** First column and row, width and height. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number]
  readonly area: number
  readonly segmentation: { readonly size: readonly [number, number]; readonly counts: string }
  readonly iscrowd: 0
}

/** A file of COCO's form, as its own tools read it. */
export interface CocoFile {
  readonly images: readonly CocoImage[]
  readonly annotations: readonly CocoAnnotation[]
  readonly categories: readonly { readonly id: number; readonly name: string }[]
}

/** Gathers the instances of pictures, one after the other. */
export class CocoWriter {
  readonly #categories: CocoFile['categories']
  readonly #images: CocoImage[] = []
  readonly #annotations: CocoAnnotation[] = []

  constructor(classes: readonly ClassInfo[]) {
    this.#categories = classes.map(({ name }, id) => ({ id, name })).slice(1)
  }

  add(
    file_name: string,
    height: number,
    width: number,
    found: Iterable<Pick<FoundInstance, 'class' | 'score' | 'box' | 'area' | 'mask'>>,
  ): void {
    const image_id = this.#images.length + 1
    this.#images.push({ id: image_id, file_name, height, width })
    for (const { class: category_id, score, box, area, mask } of found) {
      const [top, left, bottom, right] = box
      const { size, counts } = runLengths(mask, height, width)
      this.#annotations.push({
        ...{ id: this.#annotations.length + 1, image_id, category_id, score, area, iscrowd: 0 },
        bbox: [left, top, right - left, bottom - top],
        segmentation: { size, counts: packCounts(counts) },
      })
    }
  }

  get file(): CocoFile {
    return {
      images: this.#images,
      annotations: this.#annotations,
      categories: this.#categories,
    }
  }
}

/** The id of each class in files of Cityscapes; undefined for classes without objects there. Throws OptionError for other classes. */
export function cityscapesIdsOf(classes: readonly ClassInfo[]): (number | undefined)[] {
  const same =
    classes.length === CITYSCAPES_CLASSES.length &&
    classes.every(({ name }, k) => name === CITYSCAPES_CLASSES[k].name)
  if (!same)
    throw new OptionError(
      `${classes.map(({ name }) => name).join(', ')} are not the classes of Cityscapes`,
      'files of its benchmark are for networks that were trained on it',
    )
  return CITYSCAPES_CLASSES.map(({ id, objects }) => (objects ? id : undefined))
}

export interface CityscapesFiles {
  /** A line for each instance: the file of its mask, the id of its class, the confidence. */
  readonly text: string
  readonly masks: readonly { readonly file: string; readonly mask: Uint8Array }[]
}

/** What the benchmark wants of an image: masks are 255 at an instance's pixels. */
export function cityscapesFiles(
  name: string,
  found: readonly FoundInstance[],
  ids: readonly (number | undefined)[],
): CityscapesFiles {
  const objects = found.filter((f) => ids[f.class] !== undefined)
  const masks = objects.map(({ mask }, i) => ({
    file: `${name}_masks/${name}_${i}.png`,
    mask: mask.map((v) => 255 * v),
  }))
  const lines = objects.map((f, i) => `${masks[i].file} ${ids[f.class]} ${f.score.toFixed(6)}\n`)
  return { text: lines.join(''), masks }
}
