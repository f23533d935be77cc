// The classes of data sets whose networks are about, for files of weights that name none. No Node module is reachable from here.

import type { ClassInfo } from '../dataset.ts'
import { STREET_CLASSES } from '../scenes/street.ts'
import { CITYSCAPES_CLASSES } from './cityscapes-classes.ts'
import { colouredClasses } from './palette.ts'

export const VOC_CLASSES = colouredClasses(
  `background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse
  motorbike person pottedplant sheep sofa train tvmonitor`.split(/\s+/),
)

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

/** By a word for the data set. */
export const knownClasses: Readonly<Record<string, readonly ClassInfo[]>> = {
  street: STREET_CLASSES,
  camvid: CAMVID_CLASSES,
  cityscapes: CITYSCAPES_CLASSES,
  voc: VOC_CLASSES,
}

/** Classes that have numbers for names, in the colours that VOC gives to those. */
export const numberedClasses = (count: number): ClassInfo[] =>
  colouredClasses(Array.from({ length: count }, (_, i) => `class ${i}`))
