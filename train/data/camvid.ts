// CamVid as the SegNet authors publish it: street scenes of 480×360, 11 classes, void stored as index 11.
//
// A folder with train.txt, val.txt and test.txt, one "image label" pair a line. Paths are relative to the folder; those
// of the original lists (/SegNet/CamVid/train/x.png) point into somebody's root, so their last two parts are taken.

import { basename, extname, join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import type { Split } from '../dataset.ts'
import { CAMVID_CLASSES } from './known-classes.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  indexTable,
  openPairs,
  type Pair,
  readLines,
} from './pairs.ts'

export { CAMVID_CLASSES }

const STORED_VOID = 11

export interface CamvidOptions extends ExampleOptions {
  readonly split: Split
}

const LAYOUT =
  'the folder must hold train.txt, val.txt, test.txt and the images and labels they name'

/** Opens one split: reads its list only. Throws DataError for a folder or list that is missing or malformed. */
export async function openCamvid(
  root: string,
  { split, ...options }: CamvidOptions,
): Promise<FileDataset> {
  return openPairs({
    name: 'camvid',
    split,
    classes: CAMVID_CLASSES,
    pairs: await readPairs(root, split),
    classOf: indexTable(STORED_VOID, STORED_VOID),
    meaning: `labels are class indices 0..${STORED_VOID - 1}, or ${STORED_VOID} for void`,
    ...options,
  })
}

async function readPairs(root: string, split: Split): Promise<Pair[]> {
  await findFolder(root, ['.'], LAYOUT)
  const file = join(root, `${split}.txt`)
  return (await readLines(file, LAYOUT)).map(({ words, line }) => {
    if (words.length !== 2)
      throw new DataError(
        file,
        `line ${line} holds ${words.length} path${words.length === 1 ? '' : 's'}, not an image and its label`,
        'write one pair a line, separated by a space: train/a.png trainannot/a.png',
      )
    const [image, label] = words.map((path) => join(root, local(path)))
    const name = basename(image, extname(image))
    return { name, image, label, where: `${split}.txt, line ${line}` }
  })
}

function local(path: string): string {
  return path.startsWith('/') ? path.split('/').slice(-2).join('/') : path
}
