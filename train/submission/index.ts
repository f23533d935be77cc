// Results as the benchmarks' servers want them: one PNG of the data set's own values for each image, in its layout and by its names.

import { randomBytes } from 'node:crypto'
import { readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { ade20kIds } from '../data/ade20k.ts'
import { writeCityscapesResult } from '../data/cityscapes.ts'
import { CITYSCAPES_CLASSES } from '../data/cityscapes-classes.ts'
import { vocColour } from '../data/palette.ts'
import { VOC_CLASSES } from '../data/voc.ts'
import type { ClassInfo, Dataset } from '../dataset.ts'
import { errorCode, fileError, makeFolder, writeAtomic } from '../files.ts'
import { writeLabelsPng } from '../pictures/images.ts'
import { palettePng } from '../pictures/mask-png.ts'

export { openUnlabelled } from './unlabelled.ts'

export interface SubmissionOptions {
  /** VOC: 5 for training on VOC alone, 6 (default) with any other data, such as ImageNet's. */
  readonly competition?: 5 | 6
}

/** Predicted images on their way; what was written is not there before `finish`. */
export interface Submission {
  /** Where the files will be. */
  readonly folder: string
  /** Writes the classes [height, width] of an image. Throws DataError for a size that the benchmark does not take. */
  write(name: string, classes: Uint8Array, height: number, width: number): Promise<void>
  /** Puts all files in their place at once. */
  finish(): Promise<void>
  /** Removes what was written. */
  discard(): Promise<void>
}

interface Format {
  /** Folder below the one that the user names. */
  readonly inside: (split: string, options: SubmissionOptions) => string
  /** Undefined where the data set's own list counts, which is as long as this. */
  readonly classes: readonly ClassInfo[] | number
  readonly size?: readonly [height: number, width: number]
  readonly write: (
    folder: string,
    name: string,
    classes: Uint8Array,
    height: number,
    width: number,
  ) => Promise<void>
}

const colours = Array.from({ length: 256 }, (_, k) => vocColour(k))

const formats: Readonly<Record<string, Format>> = {
  voc: {
    inside: (split, { competition = 6 }) =>
      `results/VOC2012/Segmentation/comp${competition}_${split}_cls`,
    classes: VOC_CLASSES,
    write: async (folder, name, classes, height, width) =>
      writeAtomic(join(folder, `${name}.png`), await palettePng(classes, height, width, colours)),
  },
  cityscapes: {
    inside: () => '',
    classes: CITYSCAPES_CLASSES,
    size: [1024, 2048],
    write: writeCityscapesResult,
  },
  ade20k: {
    inside: () => '',
    classes: 150,
    write: (folder, name, classes, height, width) =>
      writeLabelsPng(join(folder, `${name}.png`), ade20kIds(classes), height, width),
  },
}

/** Data sets whose results can be written. */
export const submissionNames: readonly string[] = Object.keys(formats)

/** Begins a submission of a data set's split below `folder`, which is made; nothing of it is to be seen there until it is finished.
 * Throws OptionError for a data set without a benchmark and for other classes than its own, DataError where files are there
 * already or the folder cannot be written. */
export async function openSubmission(
  folder: string,
  { name, split, classes }: Pick<Dataset, 'name' | 'split' | 'classes'>,
  options: SubmissionOptions = {},
): Promise<Submission> {
  const format = Object.hasOwn(formats, name) ? formats[name] : undefined
  if (!format)
    throw new OptionError(
      `there is no form in which results on ${name} are sent in`,
      `it is known of ${submissionNames.join(', ')}`,
    )
  checkClasses(name, classes, format)
  const target = join(resolve(folder), format.inside(split, options))
  await mustBeEmpty(target)
  const parent = dirname(target)
  const hint = 'choose another folder'
  await makeFolder(parent, hint)
  const part = `${target}.part-${randomBytes(4).toString('hex')}`
  await makeFolder(part, hint)
  return {
    folder: target,
    async write(image, predicted, height, width) {
      if (format.size && (height !== format.size[0] || width !== format.size[1]))
        throw new DataError(
          image,
          `is ${height}×${width}, and ${name} takes results of ${format.size.join('×')}`,
          'predict the images at their own size',
        )
      await format.write(part, image, predicted, height, width)
    },
    async finish() {
      try {
        // An empty folder of that name gives way; on some systems nothing is renamed onto it.
        await rmdir(target).catch(() => {})
        await rename(part, target)
      } catch (error) {
        throw fileError(target, 'cannot be put in its place', error, hint)
      }
    },
    discard: () => rm(part, { recursive: true, force: true }),
  }
}

function checkClasses(name: string, classes: readonly ClassInfo[], { classes: own }: Format): void {
  const [mine, its] = [classes.length, typeof own === 'number' ? own : own.length]
  const at = typeof own === 'number' ? -1 : classes.findIndex((c, k) => c.name !== own[k]?.name)
  if (mine === its && at < 0) return
  throw new OptionError(
    mine === its
      ? `class ${at} is ${classes[at].name}, and ${name} has ${(own as readonly ClassInfo[])[at].name} there`
      : `there are ${mine} classes, and ${name} has ${its}`,
    'results are written by class number: train on the data set with its own classes',
  )
}

async function mustBeEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error) => {
    if (errorCode(error) === 'ENOENT') return []
    throw fileError(folder, 'cannot be listed', error, 'choose another folder')
  })
  if (names.length)
    throw new DataError(
      folder,
      `holds ${names.length} file${names.length === 1 ? '' : 's'} already, and results of two networks must not mix`,
      'choose another folder, or remove it',
    )
}
