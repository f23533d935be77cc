// A recipe: all that decides what a run learns, as JSON. A checkpoint and a run folder hold it, and from it come the
// optimiser, the loss, the learning rate and the batches, the same ones each time.

import { OptionError } from '../engine/errors.ts'
import type { Precision } from '../engine/stages.ts'
import type { Tensor } from '../engine/tensor.ts'
import type { ModelConfig, Network } from '../models/index.ts'
import { needPixelScores } from '../models/network.ts'
import { bootstrappedCrossEntropy } from '../nn/bootstrap.ts'
import { labelsOnGrid } from '../nn/grid.ts'
import { crossEntropy, type Loss } from '../nn/losses.ts'
import { suggest } from '../nn/near.ts'
import type { Augmentation } from './augment.ts'
import { BatchStream } from './batches.ts'
import type { FormatName } from './data/formats.ts'
import type { Dataset } from './dataset.ts'
import { Adam, type Optimizer } from './optimizers.ts'
import {
  constantRate,
  cosineRate,
  droppedRate,
  linearRate,
  polyRate,
  type Schedule,
} from './schedules.ts'

/** Which data set: `street` is drawn, the others are folders laid out as their names say. */
export type DataSource =
  | {
      readonly kind: 'street'
      readonly seed: number
      readonly height: number
      readonly width: number
    }
  | {
      readonly kind: FormatName
      readonly folder: string
      /** Size that images are brought to; without it, their own. */
      readonly height?: number | undefined
      readonly width?: number | undefined
    }

const schedules = {
  constant: constantRate,
  drop: (base: number, steps: number) => droppedRate(base, steps),
  linear: linearRate,
  poly: (base: number, steps: number) => polyRate(base, steps),
  cosine: (base: number, steps: number) => cosineRate(base, steps),
} as const satisfies Record<string, (base: number, steps: number) => Schedule>

export type ScheduleName = keyof typeof schedules

export const scheduleNames = Object.keys(schedules) as ScheduleName[]

export interface Recipe {
  readonly data: DataSource
  readonly model: ModelConfig
  /** A file of weights to start from. */
  readonly weights?: string
  /** The part of the network that starts from them; all of it if left out. */
  readonly part?: string
  /** Adam's first learning rate, and how it falls. */
  readonly lr: number
  readonly schedule: ScheduleName
  /** Share of an image's pixels, or of the cells that its network has scores for, that bootstrapping keeps, the hardest; 1
   * keeps all. */
  readonly keep: number
  readonly augmentation: Augmentation
  /** Images in a batch. */
  readonly batch: number
  /** Equal parts of a batch that are computed one after the other; 1 if left out. */
  readonly accumulate?: number
  /** `mixed`: activations and their gradients in f16, and a loss scale; `full` if left out. */
  readonly precision?: Precision
  readonly seed: number
  /** One of these two. */
  readonly steps?: number | undefined
  readonly minutes?: number | undefined
  readonly validateEvery?: number | undefined
}

/** FRRN's translation, 120 pixels of 2048 columns, at another width; and its gamma. */
export const frrnAugmentation = (width: number): Augmentation => ({
  translate: Math.round((120 / 2048) * width),
  gamma: 0.05,
})

export const recipeOptimizer = ({ precision }: Recipe, model: Network): Optimizer =>
  new Adam(model.parameters(), { lossScale: precision === 'mixed' })

/** Bootstrapped cross entropy per image (FRRN's, with K a share of the pixels), or the plain mean; on the network's grid, with
 * the labels in the middle of its cells. Throws OptionError for a network that does not score the classes of pixels. */
export function recipeLoss({ keep }: Recipe, network: Network) {
  needPixelScores(network, 'a loss of pixels')
  return (scores: Tensor, labels: Tensor): Loss => {
    const own = labelsOnGrid(labels, network.scoreStride)
    if (keep === 1) return crossEntropy(scores, own)
    const [, h, w] = own.shape
    return bootstrappedCrossEntropy(scores, own, { keep: Math.max(1, Math.round(keep * h * w)) })
  }
}

/** Steps that a schedule is divided into where the clock is the limit. */
const TICKS = 10_000

/** The learning rate of a step; under a time limit, of the share of time that has passed. */
export function recipeRate(recipe: Recipe): (step: number, progress: number) => number {
  if (!Object.hasOwn(schedules, recipe.schedule))
    throw new OptionError(
      `there is no schedule ${recipe.schedule}`,
      suggest(recipe.schedule, scheduleNames),
    )
  const rate = schedules[recipe.schedule](recipe.lr, recipe.steps ?? TICKS)
  return recipe.steps === undefined
    ? (_, progress) => rate(Math.floor(progress * (TICKS - 1)))
    : (step) => rate(step)
}

/** The batches of a recipe over its training split. */
export function recipeBatches(recipe: Recipe, dataset: Dataset, model: Network): BatchStream {
  const { batch: count, seed, augmentation } = recipe
  const { sizeMultiple: multiple, padding } = model
  return new BatchStream(dataset, { count, seed, augmentation, multiple, padding })
}
