// From what was counted over a set to the figures that papers print.

import type { DistanceNorm } from './boundaries.ts'
import type { InstanceIous } from './instance-iou.ts'
import type { AbsentRule, ConfusionMatrix, Grouping, Scores } from './metrics.ts'
import type { RingCounts } from './ring-counts.ts'
import type { ScoreRules } from './rules.ts'

/** Pixels up to here from a boundary are at it (Peng et al. 2017, table 5). */
export const BOUNDARY = 7

/** Radii of the trimap curve (Pohlen et al. 2017, figure 5). */
export const TRIMAP_RADII: readonly number[] = Array.from({ length: 80 }, (_, i) => i + 1)

export interface Trimap {
  readonly radii: readonly number[]
  readonly norm: DistanceNorm
  /** Mean IoU of the pixels up to each radius from a boundary. */
  readonly classes: readonly number[]
  readonly categories?: readonly number[]
}

/** Pixel accuracies, 0 where there are no such pixels. */
export interface BoundaryAccuracy {
  readonly boundary: number
  readonly internal: number
  readonly boundaryPixels: number
  readonly internalPixels: number
}

export interface ImageScore {
  readonly index: number
  readonly name: string
  /** Over the classes that are in the image or were predicted there; 0 where nothing is labelled. */
  readonly meanIoU: number
  readonly pixelAccuracy: number
  readonly labelledPixels: number
}

/** What some data sets are scored by, and what was asked for. */
export interface Figures {
  readonly categories?: Scores
  readonly trimap?: Trimap
  readonly boundary?: BoundaryAccuracy
  readonly instances?: InstanceIous
}

export const categoryScores = (confusion: ConfusionMatrix, of: Grouping): Scores =>
  confusion.grouped(of.groups, of.groupOf).scores()

export function trimapOf(
  rings: RingCounts,
  groupRings: RingCounts | undefined,
  norm: DistanceNorm,
  absent: AbsentRule,
): Trimap {
  const categories = groupRings?.trimap()
  const classes = rings.trimap({ absent })
  return { radii: rings.radii, norm, classes, ...(categories && { categories }) }
}

export function boundaryOf(rings: RingCounts): BoundaryAccuracy {
  const at = rings.indexOf(BOUNDARY)
  const [near, far] = [rings.within(at), rings.beyond(at)]
  return {
    boundary: near.pixelAccuracy,
    internal: far.pixelAccuracy,
    boundaryPixels: near.labelledPixels,
    internalPixels: far.labelledPixels,
  }
}

export function imageScore(index: number, name: string, confusion: ConfusionMatrix): ImageScore {
  const { meanIoU, pixelAccuracy, labelledPixels } = confusion.scores()
  return { index, name, meanIoU, pixelAccuracy, labelledPixels }
}

/** All of them by name, as shares. */
export function figuresOf(
  { meanIoU, pixelAccuracy, meanAccuracy }: Scores,
  { categories, boundary, instances }: Figures,
  { adeScore }: ScoreRules,
): Record<string, number> {
  return {
    ...{ meanIoU, pixelAccuracy, meanAccuracy },
    ...(categories && { categoryIoU: categories.meanIoU }),
    ...(instances && {
      instanceIoU: instances.classMean,
      categoryInstanceIoU: instances.groupMean,
    }),
    ...(boundary && { boundaryAccuracy: boundary.boundary, internalAccuracy: boundary.internal }),
    ...(adeScore && { adeScore: (pixelAccuracy + meanIoU) / 2 }),
  }
}
