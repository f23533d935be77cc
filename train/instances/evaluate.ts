// Instances over a whole split: mAP^r (Hariharan et al. 2014), the benchmark of Cityscapes, the oracle, and what went wrong.

import { DataError, OptionError } from '../../engine/errors.ts'
import { type HostTensor, hostTensor } from '../../engine/index.ts'
import type { Dataset, Example } from '../dataset.ts'
import type { Picture } from '../pictures/picture.ts'
import {
  type Hypothesis,
  InstanceScorer,
  type InstanceScores,
  type MatchingRule,
} from '../scoring/instance-scores.ts'
import { ErrorBreakdown } from './breakdown.ts'
import { CityscapesAp, type CityscapesScores } from './cityscapes.ts'
import { connectedInstances } from './components.ts'
import type { InstanceFinder } from './finder.ts'
import { trueProbabilities } from './oracle.ts'
import { trueInstances } from './truth.ts'

export interface EvaluateInstancesOptions {
  /** Which instance a hypothesis may match; default `sds`. */
  readonly matching?: MatchingRule | undefined
  /** The masks of the truth in place of the category net's scores. With `masks` all pixels of an object are alike, so that its first
   * one casts the box that decides; with `ordered` the category net says which of them come first. */
  readonly oracle?: 'masks' | 'ordered' | undefined
  /** The connected pieces of the category net's masks in place of the pipeline. */
  readonly components?: boolean | undefined
  readonly onProgress?: (done: number, of: number) => void
  /** Cuts the evaluation short; the scores are then those of a part. */
  readonly signal?: AbortSignal | undefined
}

/** mAP^r at 0.5 and 0.7, and the mean over 0.1, 0.2, … 0.9. */
export interface InstanceFigures {
  readonly ap50: number
  readonly ap70: number
  readonly volume: number
}

export function instanceFigures({ meanAp, thresholds, volume }: InstanceScores): InstanceFigures {
  const at = (t: number) => meanAp[thresholds.indexOf(t)]
  return { ap50: at(0.5), ap70: at(0.7), volume }
}

export interface InstanceEvaluation {
  readonly scores: InstanceScores
  readonly figures: InstanceFigures
  /** At 0.5, to be drawn. */
  readonly scorer: InstanceScorer
  readonly errors: ErrorBreakdown
  /** Where the data set is Cityscapes. */
  readonly cityscapes?: CityscapesScores
  readonly images: number
  readonly seconds: number
}

/** Finds the instances of every example of a split, which must be opened with its objects, and scores them at the examples' own
 * size. Throws OptionError where networks and data set have not the same number of classes; DataError for a split without images,
 * for examples whose objects are not told apart, and for an instance of several classes. */
export async function evaluateInstances(
  finder: InstanceFinder,
  dataset: Dataset,
  options: EvaluateInstancesOptions = {},
): Promise<InstanceEvaluation> {
  checkEvaluated(finder, dataset)
  const begun = performance.now()
  const { classes } = dataset
  const { matching = 'sds', oracle, signal } = options
  const scorer = new InstanceScorer(classes, { matching })
  const errors = new ErrorBreakdown(classes)
  const cityscapes = dataset.name === 'cityscapes' ? new CityscapesAp(classes) : undefined
  let done = 0
  for (let i = 0; i < dataset.size && !signal?.aborted; i++) {
    const example = await dataset.get(i)
    const truth = trueInstances(example)
    const { image: data, height, width } = example
    const picture = { data, height, width }
    const scores = await oracleScores(finder, example, classes.length, oracle)
    const found = options.components
      ? await pieces(finder, picture, scores)
      : scores
        ? await finder.findWith(scores, picture)
        : await finder.find(picture)
    // Masks are made once: each look at one draws it.
    const drawn = found.map(({ class: k, score, mask }) => ({ class: k, score, mask }))
    scorer.add(truth, drawn)
    errors.add(truth, drawn)
    cityscapes?.add(example, truth, drawn)
    options.onProgress?.(++done, dataset.size)
  }
  const scores = scorer.scores()
  return {
    ...{ scores, scorer, errors, images: done },
    figures: instanceFigures(scores),
    ...(cityscapes && { cityscapes: cityscapes.scores() }),
    seconds: (performance.now() - begun) / 1000,
  }
}

async function oracleScores(
  { predictor }: InstanceFinder,
  example: Example,
  classes: number,
  oracle: EvaluateInstancesOptions['oracle'],
): Promise<HostTensor | undefined> {
  if (!oracle) return undefined
  const truth = trueProbabilities(example, classes)
  if (oracle === 'masks') return truth
  const { image: data, height, width } = example
  using probabilities = await predictor.refined({ data, height, width })
  const said = (await probabilities.read()) as Float32Array
  const values = (truth.data as Float32Array).map((v, i) => v * (0.5 + 0.5 * said[i]))
  return hostTensor(values, truth.shape)
}

async function pieces(
  { predictor, pipeline }: InstanceFinder,
  picture: Picture,
  scores: HostTensor | undefined,
): Promise<Hypothesis[]> {
  const { height, width } = picture
  const { leastCells, step } = pipeline.settings
  const of = (data: ArrayLike<number>) =>
    connectedInstances(data, height, width, leastCells * step ** 2)
  if (scores) return of(scores.data)
  using probabilities = await predictor.refined(picture)
  return of((await probabilities.read()) as Float32Array)
}

/** Throws OptionError and DataError where a finder cannot be scored on a data set. */
export function checkEvaluated(
  { predictor: { model } }: InstanceFinder,
  { name, split, size, classes }: Dataset,
): void {
  if (!size)
    throw new DataError(`${name}, ${split} split`, 'has no image to score', 'choose another split')
  if (model.classes !== classes.length)
    throw new OptionError(
      `the category net tells ${model.classes} classes apart and ${name} has ${classes.length}`,
      'evaluate on the data set that it was trained on',
    )
}
