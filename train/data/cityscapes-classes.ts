// The classes of Cityscapes that are scored, the categories that they make up, and how large their objects are.

import type { ClassInfo, Colour } from '../dataset.ts'

/** A scored class: its id in label files, the category it belongs to, and whether its objects are told apart. */
export interface CityscapesClass extends ClassInfo {
  readonly id: number
  readonly category: number
  readonly objects: boolean
}

export const CITYSCAPES_CATEGORIES: readonly ClassInfo[] = (
  [
    ['flat', [128, 64, 128]],
    ['construction', [70, 70, 70]],
    ['object', [153, 153, 153]],
    ['nature', [107, 142, 35]],
    ['sky', [70, 130, 180]],
    ['human', [220, 20, 60]],
    ['vehicle', [0, 0, 142]],
  ] as const
).map(([name, colour]) => ({ name, colour }))

const rows: readonly [id: number, name: string, colour: Colour, category: string][] = [
  [7, 'road', [128, 64, 128], 'flat'],
  [8, 'sidewalk', [244, 35, 232], 'flat'],
  [11, 'building', [70, 70, 70], 'construction'],
  [12, 'wall', [102, 102, 156], 'construction'],
  [13, 'fence', [190, 153, 153], 'construction'],
  [17, 'pole', [153, 153, 153], 'object'],
  [19, 'traffic light', [250, 170, 30], 'object'],
  [20, 'traffic sign', [220, 220, 0], 'object'],
  [21, 'vegetation', [107, 142, 35], 'nature'],
  [22, 'terrain', [152, 251, 152], 'nature'],
  [23, 'sky', [70, 130, 180], 'sky'],
  [24, 'person', [220, 20, 60], 'human'],
  [25, 'rider', [255, 0, 0], 'human'],
  [26, 'car', [0, 0, 142], 'vehicle'],
  [27, 'truck', [0, 0, 70], 'vehicle'],
  [28, 'bus', [0, 60, 100], 'vehicle'],
  [31, 'train', [0, 80, 100], 'vehicle'],
  [32, 'motorcycle', [0, 0, 230], 'vehicle'],
  [33, 'bicycle', [119, 11, 32], 'vehicle'],
]

/** The 19 scored classes in the order of their train ids. */
export const CITYSCAPES_CLASSES: readonly CityscapesClass[] = rows.map(
  ([id, name, colour, category]) => ({
    ...{ id, name, colour },
    category: CITYSCAPES_CATEGORIES.findIndex((c) => c.name === category),
    objects: category === 'human' || category === 'vehicle',
  }),
)

/** Pixels of an average object of each class that has objects, at 1024×2048: the weights of the instance-level IoU (the benchmark's
 * own figures). */
export const CITYSCAPES_OBJECT_SIZES: Readonly<Record<string, number>> = {
  person: 3462.48,
  rider: 3930.48,
  car: 12794.02,
  truck: 27855.13,
  bus: 35732.15,
  train: 67583.71,
  motorcycle: 6298.72,
  bicycle: 4672.32,
}
