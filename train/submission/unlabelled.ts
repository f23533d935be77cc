// Test splits whose labels nobody outside has: their images, every pixel of which is void.

import { extname, join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import {
  type ExampleOptions,
  type FileDataset,
  findFolder,
  namesIn,
  openPairs,
  type Pair,
} from '../data/pairs.ts'
import { vocFolder, vocNames } from '../data/voc.ts'
import { type ClassInfo, VOID } from '../dataset.ts'
import { isFolder } from '../files.ts'
import { imageSize } from '../pictures/images.ts'

/** Opens the images of the test split of VOC, Cityscapes or ADE20K, in the folder of the data set; labels are void throughout, and
 * `classes` what is predicted. Throws DataError for a folder without them, and for other data sets. */
export async function openUnlabelled(
  kind: string,
  root: string,
  classes: readonly ClassInfo[],
  options: ExampleOptions = {},
): Promise<FileDataset> {
  const list = Object.hasOwn(lists, kind) ? lists[kind as keyof typeof lists] : undefined
  if (!list)
    throw new DataError(
      root,
      `has no test split without labels: it is laid out as ${kind}`,
      `it is known of ${Object.keys(lists).join(', ')}`,
    )
  const images = await list(root)
  const pairs = images.map(([image, file]): Pair => {
    // The image stands for the label that there is not: what is looked for is there.
    return { name: image, image: file, label: file, where: 'the test split' }
  })
  return openPairs({
    ...{ name: kind, classes, pairs, split: 'test' },
    classOf: new Map([[VOID, VOID]]),
    meaning: 'nothing is labelled',
    readLabel: async ({ image }) => {
      const { height, width } = await imageSize(image)
      return { values: new Uint8Array(height * width).fill(VOID), height, width }
    },
    ...options,
  })
}

type List = (root: string) => Promise<[name: string, file: string][]>

const lists = {
  voc: async (root) => {
    const folder = await vocFolder(root, 'VOC2012')
    const names = await vocNames(folder, 'Segmentation/test')
    return names.map((name) => [name, join(folder, 'JPEGImages', `${name}.jpg`)])
  },
  cityscapes: async (root) => {
    const layout = 'the images of the test split are in leftImg8bit/test/<city>'
    const folder = await findFolder(root, ['leftImg8bit/test'], layout)
    const found: [string, string][] = []
    for (const city of await namesIn(folder, layout)) {
      if (!(await isFolder(join(folder, city)))) continue
      for (const file of await namesIn(join(folder, city), layout)) {
        const name = /^(.+)_leftImg8bit\.(png|jpg)$/.exec(file)?.[1]
        if (name) found.push([name, join(folder, city, file)])
      }
    }
    return some(found, folder, layout)
  },
  ade20k: async (root) => {
    const layout = 'the images of the test split are in release_test/testing, or in images/testing'
    const inside = ['release_test/testing', 'testing', 'images/testing']
    const within = ['.', 'ADEChallengeData2016'].flatMap((f) => inside.map((i) => `${f}/${i}`))
    const folder = await findFolder(root, within, layout)
    const files = (await namesIn(folder, layout)).filter((file) => /\.jpe?g$/i.test(file))
    const found = files.map((file): [string, string] => [
      file.slice(0, -extname(file).length),
      join(folder, file),
    ])
    return some(found, folder, layout)
  },
} as const satisfies Record<string, List>

function some<T>(found: T[], folder: string, layout: string): T[] {
  if (!found.length) throw new DataError(folder, 'holds no image of the test split', layout)
  return found
}
