// How each data set is scored by those who made it, or by the papers that report on it.

import {
  CITYSCAPES_CATEGORIES,
  CITYSCAPES_CLASSES,
  CITYSCAPES_OBJECT_SIZES,
} from '../data/cityscapes-classes.ts'
import type { ClassInfo, Dataset } from '../dataset.ts'
import type { InstanceIouRules } from './instance-iou.ts'
import type { AbsentRule, Grouping } from './metrics.ts'

export interface ScoreRules {
  readonly absent: AbsentRule
  /** Whether void lies between objects, so that where a class meets it is a boundary. */
  readonly withVoid: boolean
  /** Classes taken together. */
  readonly categories?: Grouping
  readonly instances?: InstanceIouRules
  /** The challenge's score is the mean of pixel accuracy and mean IoU. */
  readonly adeScore?: boolean
}

const plain: ScoreRules = { absent: 'skip', withVoid: false }
const voc: ScoreRules = { absent: 'zero', withVoid: true }

const cityscapesCategories: Grouping = {
  groups: CITYSCAPES_CATEGORIES,
  groupOf: CITYSCAPES_CLASSES.map(({ category }) => category),
}

const classOfId = new Map(CITYSCAPES_CLASSES.map(({ id }, k) => [id, k]))

const rules: Readonly<Record<string, ScoreRules>> = {
  voc,
  sbd: voc,
  coco: voc,
  cityscapes: {
    ...plain,
    categories: cityscapesCategories,
    instances: {
      ...cityscapesCategories,
      sizes: CITYSCAPES_CLASSES.map(({ name }) => CITYSCAPES_OBJECT_SIZES[name]),
      imagePixels: 1024 * 2048,
      // Numbers are id·1000 + n; what is smaller is a class, or a group that nobody parted.
      classOf: (number) => (number < 1000 ? undefined : classOfId.get(Math.floor(number / 1000))),
    },
  },
  ade20k: { absent: 'zero', withVoid: false, adeScore: true },
}

/** How a data set is scored: VOC (SBD and COCO have its classes) and ADE20K count absent classes as 0, all others leave them out.
 * The rules are a data set's as long as it has that data set's classes. */
export function scoreRules({ name, classes }: Pick<Dataset, 'name' | 'classes'>): ScoreRules {
  const found = Object.hasOwn(rules, name) ? rules[name] : plain
  return found.categories && !sameNames(classes, CITYSCAPES_CLASSES) ? plain : found
}

const sameNames = (a: readonly ClassInfo[], b: readonly ClassInfo[]): boolean =>
  a.length === b.length && a.every(({ name }, i) => name === b[i].name)
