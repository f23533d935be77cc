// Scores over a whole split: predictions stay on the device, labels go there as bytes, and counts come back.

import { DataError, OptionError } from '../engine/errors.ts'
import type { Network } from '../models/network.ts'
import type { Dataset, Example } from './dataset.ts'
import type { Predictor } from './predict.ts'
import type { DistanceNorm } from './scoring/boundaries.ts'
import {
  BOUNDARY,
  boundaryOf,
  categoryScores,
  type Figures,
  figuresOf,
  type ImageScore,
  imageScore,
  TRIMAP_RADII,
  trimapOf,
} from './scoring/figures.ts'
import { InstanceIou, type Objects } from './scoring/instance-iou.ts'
import { type Looked, looks, objectsOf, shown } from './scoring/looks.ts'
import { type AbsentRule, ConfusionMatrix, type Scores } from './scoring/metrics.ts'
import { scoreRules } from './scoring/rules.ts'
import { type ImageCounts, Scorer } from './scoring/scorer.ts'

export interface EvaluateOptions {
  /** Images in a batch; default 4. By a test-time procedure images are looked at one by one. */
  readonly batch?: number | undefined
  /** Gets examples with their predicted classes [height, width], in order; for it predictions are read. */
  readonly onExample?: (example: Example, prediction: Uint8Array, index: number) => unknown
  /** Which examples `onExample` gets; default all. */
  readonly examples?: (index: number) => boolean
  /** Gets the number of examples done after each batch. */
  readonly onProgress?: (done: number, of: number) => void
  /** Cuts the evaluation short; the scores are then those of a part. */
  readonly signal?: AbortSignal | undefined
  /** Default: as the data set is scored by its makers (`scoreRules`). */
  readonly absent?: AbsentRule | undefined
  /** The trimap curve (Pohlen et al. 2017, figure 5); `chessboard` measures in squares from boundaries with void too. */
  readonly trimap?: DistanceNorm | undefined
  /** Pixel accuracy within `BOUNDARY` pixels of boundaries and elsewhere (Peng et al. 2017, table 5). */
  readonly boundary?: boolean | undefined
  /** Instance-level IoU; the data set must be opened with its objects. */
  readonly instances?: boolean | undefined
  /** The scores of each image too. */
  readonly perImage?: boolean | undefined
}

export interface Evaluation extends Figures {
  readonly scores: Scores
  /** What always answering the commonest class scores on the same labels. */
  readonly baseline: Scores
  readonly confusion: ConfusionMatrix
  /** All that was asked for, and what the data set is scored by, as shares by name: `meanIoU`, `categoryIoU`, … */
  readonly figures: Readonly<Record<string, number>>
  readonly absent: AbsentRule
  readonly perImage?: readonly ImageScore[]
  readonly images: number
  readonly seconds: number
}

/** Predicts every example of a split once, by the predictor's procedure, and scores it at the examples' own size; these may
 * differ. Where there is no procedure images are padded to the model's multiple as it says, their labels with void, so that
 * padding never counts. Scores of a set without any label are 0. Throws OptionError when model and data differ in their number of
 * classes, and for instances that the data set does not tell apart; DataError for a split without images or pixel labels. */
export async function evaluate(
  predictor: Predictor,
  dataset: Dataset,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkEvaluation(predictor.model, dataset, options)
  const rules = scoreRules(dataset)
  const begun = performance.now()
  const { trimap, boundary, perImage, signal } = options
  const norm = trimap ?? 'euclidean'
  const withVoid = rules.withVoid || norm === 'chessboard'
  const radii = trimap ? TRIMAP_RADII : [BOUNDARY]
  const objects =
    options.instances && rules.instances ? new InstanceIou(rules.instances) : undefined
  const images: ImageScore[] = []
  const open = new Set<Looked>()
  let scorer: Scorer | undefined
  let running: Running | undefined
  let done = 0
  const finish = async ({ looked, counts, numbered }: Running): Promise<void> => {
    const counted = await counts()
    looked.examples.forEach(({ name, height, width }, i) => {
      objects?.add(numbered[i].classes, counted.objects[i], height * width)
      if (perImage) images.push(imageScore(done + i, name, counted.confusions[i]))
    })
    await shown(looked, done, options)
    looked.predictions.dispose()
    open.delete(looked)
    done += looked.examples.length
    options.onProgress?.(done, dataset.size)
  }

  try {
    // One batch ahead: the host reads files while the device works.
    for await (const looked of looks(predictor, dataset, options)) {
      open.add(looked)
      if (signal?.aborted) break
      scorer ??= new Scorer(looked.predictions.device, dataset.classes, {
        ...((trimap || boundary) && { distances: { radii, withVoid, norm } }),
        groups: trimap && rules.categories,
        perImage,
      })
      const numbered = objects && rules.instances ? objectsOf(looked, rules.instances) : []
      const before = running
      const counts = await scorer.add(looked.labels, looked.predictions, objects && numbered)
      running = { looked, counts, numbered }
      if (before) await finish(before)
    }
    if (running) await finish(running)
    const { confusion, rings, groupRings } = (await scorer?.result()) ?? {
      confusion: new ConfusionMatrix(dataset.classes),
    }
    const absent = options.absent ?? rules.absent
    const scores = confusion.scores({ absent })
    const parts = {
      ...(rules.categories && { categories: categoryScores(confusion, rules.categories) }),
      ...(trimap && rings && { trimap: trimapOf(rings, groupRings, norm, absent) }),
      ...(boundary && rings && { boundary: boundaryOf(rings) }),
      ...(objects && { instances: objects.scores(confusion) }),
    }
    return {
      ...{ scores, confusion, absent, ...parts, ...(perImage && { perImage: images }) },
      baseline: confusion.constant().scores({ absent }),
      figures: figuresOf(scores, parts, rules),
      images: done,
      seconds: (performance.now() - begun) / 1000,
    }
  } finally {
    for (const { predictions } of open) predictions.dispose()
    scorer?.dispose()
  }
}

interface Running {
  readonly looked: Looked
  readonly counts: () => Promise<ImageCounts>
  readonly numbered: readonly Objects[]
}

/** Throws as `evaluate` does for what is known before anything is predicted. */
export function checkEvaluation(
  { classes }: Pick<Network, 'classes'>,
  dataset: Dataset,
  options: EvaluateOptions = {},
): void {
  const { name, split } = dataset
  if (dataset.labelled === 'image')
    throw new OptionError(
      `${name} has a class for each image and none for its pixels`,
      'score a classifier on it',
    )
  if (classes !== dataset.classes.length)
    throw new OptionError(
      `the model tells ${classes} classes apart and ${name} has ${dataset.classes.length}`,
      'evaluate on the data set that it was trained on',
    )
  if (!dataset.size)
    throw new DataError(`${name}, ${split} split`, 'has no image to score', 'choose another split')
  if (options.instances && !scoreRules(dataset).instances)
    throw new OptionError(
      `${name} is not scored by instances`,
      'that is defined for the 19 classes of Cityscapes',
    )
}

/** What a training loop wants to know of an evaluation: its best weights are those with the highest mean IoU. */
export const validationOf = ({ scores, figures }: Evaluation) => ({
  score: scores.meanIoU,
  scoreName: 'mean IoU',
  figures,
  perClass: scores.perClass.flatMap(({ name, iou }) => (iou === null ? [] : [{ name, iou }])),
})
