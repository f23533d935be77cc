// A recipe: all that decides what a run learns, as JSON. A checkpoint and a run folder hold it, and from it come the
// optimiser, the loss, the learning rate and the batches, the same ones each time.

import { OptionError } from '../../engine/errors.ts'
import { checkChoice, optionsOf } from '../../engine/ops/options.ts'
import { type Precision, precisions } from '../../engine/stages.ts'
import { type ModelConfig, models, type Network } from '../../models/index.ts'
import { needPixelScores } from '../../models/network.ts'
import { suggest } from '../../nn/near.ts'
import { type AugmentStep, checkSteps } from '../augment/index.ts'
import type { FormatName } from '../data/formats.ts'
import type { Overfit } from '../data/overfit.ts'
import type { Dataset } from '../dataset.ts'
import type { TargetName } from '../loader/batch.ts'
import { DataLoader, type LoaderOptions } from '../loader/loader.ts'
import {
  Adam,
  type AdamOptions,
  AdamW,
  type Optimizer,
  Sgd,
  type SgdOptions,
} from '../optimizers.ts'
import { type RatePhase, rateOf, stepsOf } from '../schedules.ts'
import { checkTestTime, type TestTime } from '../test-time.ts'
import { checkLoss, type LossConfig } from './loss.ts'
import { checkParts } from './parts.ts'

/** Which data set: `street` is drawn, the others are folders laid out as their names say. */
export type DataSource =
  | {
      readonly kind: 'street'
      /** Crowds of things of few kinds that touch each other, instead of streets. */
      readonly scenes?: 'crowd'
      readonly seed: number
      readonly height: number
      readonly width: number
      /** How many are validated on, and tested on; default 32 and 64. */
      readonly val?: number
      readonly test?: number
      readonly overfit?: number
    }
  | {
      readonly kind: FormatName
      readonly folder: string
      /** Size that images are brought to; without it, their own. */
      readonly height?: number | undefined
      readonly width?: number | undefined
      /** Data sets of the same classes whose training images are added. */
      readonly also?: readonly AlsoSource[]
      /** These images of training alone, by how many or by name: train, val and test are the same. */
      readonly overfit?: Overfit
    }

/** What is added to the training split of a data set. SBD beside VOC is the images that VOC's val does not hold. */
export interface AlsoSource {
  readonly kind: FormatName
  readonly folder: string
  /** Of Cityscapes: the images of `train_extra`, with coarse labels. */
  readonly coarse?: boolean
}

/** An optimiser and its options. */
export type OptimizerConfig =
  | ({ readonly name: 'adam' | 'adamw' } & Omit<AdamOptions, 'lossScale'>)
  | ({ readonly name: 'sgd' } & Omit<SgdOptions, 'lossScale'>)

export interface Recipe {
  /** Which of `recipes` it began as. */
  readonly name?: string
  readonly data: DataSource
  readonly model: ModelConfig
  /** A file of weights to start from. */
  readonly init?: string
  /** The part of the network that starts from them; all of it if left out. */
  readonly only?: string
  readonly optimizer: OptimizerConfig
  /** The learning rate: phases, one after the other. Where the run has another length than theirs, they stretch. */
  readonly rate: readonly RatePhase[]
  readonly loss: LossConfig
  /** What is done to each image and its labels, in order. */
  readonly augmentation: readonly AugmentStep[]
  /** Where images have one class each: what is done to them before they are looked at in validation and test, such as
   * `imagenetTest`; nothing if left out. */
  readonly view?: readonly AugmentStep[]
  /** How the best weights are tested, and a checkpoint is by `eval` where nothing else is said; validation during training looks
   * once. Left out: one pass. */
  readonly test?: TestTime
  /** Which images training sees how often: all alike, or those with rare classes more often (`rareClassWeights`). Default `even`. */
  readonly sampling?: 'even' | 'rare-classes'
  /** Images in a batch. */
  readonly batch: number
  /** Equal parts of a batch that are computed one after the other; 1 if left out. */
  readonly accumulate?: number
  /** `mixed`: activations and their gradients in f16, and a loss scale; `full` if left out. */
  readonly precision?: Precision
  readonly seed: number
  /** Steps in all; those of the phases if left out. */
  readonly steps?: number
  /** Minutes in all, instead of steps. */
  readonly minutes?: number
  /** Steps between validations; if left out there are four in a run. */
  readonly validateEvery?: number
  /** Validations in a row without a better score after which the run ends; if left out it goes on. */
  readonly patience?: number
}

const keys = {
  ...{ name: undefined, data: undefined, model: undefined, init: undefined, only: undefined },
  ...{ optimizer: undefined, rate: undefined, loss: undefined, augmentation: undefined },
  ...{ view: undefined, test: undefined, sampling: undefined },
  ...{ batch: undefined, accumulate: undefined, precision: undefined, seed: undefined },
  ...{ steps: undefined, minutes: undefined, validateEvery: undefined },
  ...{ patience: undefined },
} satisfies Record<keyof Recipe, undefined>

/** Names of all parts of a recipe. */
export const recipeKeys = Object.keys(keys) as (keyof Recipe)[]

/** The recipe as it is. Throws OptionError naming the first part that means nothing, as what was read from a file may. */
export function checkRecipe(recipe: Recipe): Recipe {
  const { model, optimizer, rate, loss, batch, accumulate, precision, seed, steps, minutes } =
    optionsOf('recipe', recipe, keys) as Recipe
  checkParts(recipe)
  if (!Object.hasOwn(models, model.name))
    throw new OptionError(
      `there is no model ${model.name}`,
      suggest(model.name, Object.keys(models)),
    )
  const whole = (name: string, value: number | undefined, least: number) => {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least))
      throw new OptionError(`${name} cannot be ${value}`, `give a whole number from ${least}`)
  }
  whole('batch', batch, 1)
  whole('accumulate', accumulate, 1)
  whole('seed', seed, 0)
  whole('steps', steps, 1)
  whole('validateEvery', recipe.validateEvery, 1)
  whole('patience', recipe.patience, 1)
  if (minutes !== undefined && !(minutes > 0 && Number.isFinite(minutes)))
    throw new OptionError(`minutes cannot be ${minutes}`, 'give a number above 0')
  if (steps !== undefined && minutes !== undefined)
    throw new OptionError('a run is limited by steps or by minutes, by one of them')
  if (accumulate !== undefined && batch % accumulate)
    throw new OptionError(
      `a batch of ${batch} images does not fall into ${accumulate} equal parts`,
      `use a batch of ${accumulate * Math.ceil(batch / accumulate)}`,
    )
  if (precision !== undefined && !precisions.includes(precision))
    throw new OptionError(
      `there is no precision ${precision}`,
      suggest(String(precision), precisions),
    )
  if (recipe.only !== undefined && recipe.init === undefined)
    throw new OptionError(
      `only ${recipe.only} of the network is to start from weights, and there are none`,
      'name them: init',
    )
  checkLoss(loss)
  checkSteps(recipe.augmentation)
  checkSteps(recipe.view ?? [])
  checkTestTime(recipe.test ?? {})
  checkChoice('recipe', 'sampling', recipe.sampling ?? 'even', ['even', 'rare-classes'])
  rateOf(rate)
  optimizerOf(optimizer)
  return recipe
}

/** Steps that a recipe's run has in all; undefined where the clock ends it. */
export const recipeSteps = ({ steps, minutes, rate }: Recipe): number | undefined =>
  minutes === undefined ? (steps ?? stepsOf(rate)) : undefined

type Options = Readonly<Record<string, unknown>>

const optimizers = {
  adam: Adam as new (
    p: Network['parameters'] extends () => infer P ? P : never,
    o: Options,
  ) => Optimizer,
  adamw: AdamW as never,
  sgd: Sgd as never,
} as Readonly<
  Record<
    OptimizerConfig['name'],
    new (
      p: ReturnType<Network['parameters']>,
      o: Options,
    ) => Optimizer
  >
>

function optimizerOf({ name, ...options }: OptimizerConfig) {
  if (!Object.hasOwn(optimizers, name))
    throw new OptionError(
      `there is no optimizer ${name}`,
      suggest(String(name), Object.keys(optimizers)),
    )
  return { make: optimizers[name], options }
}

/** The optimiser of a recipe, over all parameters of its network. Throws OptionError for options that mean nothing. */
export function recipeOptimizer({ optimizer, precision }: Recipe, model: Network): Optimizer {
  const { make: Make, options } = optimizerOf(optimizer)
  const { ema } = optimizer
  return new Make(model.parameters(), {
    ...options,
    lossScale: precision === 'mixed',
    // Statistics of other weights would not fit the averaged ones.
    ...(ema !== undefined && {
      ema: { ...(typeof ema === 'object' ? ema : { decay: ema }), buffers: model.buffers() },
    }),
  })
}

/** The learning rate of a step; under a time limit, of the share of time that has passed. */
export function recipeRate(recipe: Recipe): (step: number, progress: number) => number {
  const steps = recipeSteps(recipe)
  if (steps !== undefined) return rateOf(recipe.rate, steps)
  const [rate, all] = [rateOf(recipe.rate), stepsOf(recipe.rate)]
  return (_, progress) => rate(progress * all)
}

/** Whether a recipe learns from objects, which a data set has to be opened with. */
export const needsObjects = ({ loss }: Pick<Recipe, 'loss'>): boolean => loss.name === 'boxes'

/** Throws OptionError for a network that scores pixels where images have one class each, or the other way round, and for one of
 * another number of classes. */
export function checkTask(model: Network, { name, labelled, classes }: Dataset): void {
  if (labelled !== 'image') {
    if (model.predicts !== 'boxes') needPixelScores(model, 'training')
  } else if (model.scoreStride)
    throw new OptionError(
      `${model.config.name} scores pixels, and the images of ${name} have one class each`,
      'take a network that classifies, as resnet-18, or model-a with head=classify',
    )
  // Background is no object, and has no boxes.
  const wanted = classes.length - (model.predicts === 'boxes' ? 1 : 0)
  if (model.classes !== wanted)
    throw new OptionError(
      `the network tells ${model.classes} classes apart, and ${name} has ${wanted}`,
      'the data decides their number: leave classes out, and --init what it starts from',
    )
}

/** What decides the batches of a recipe over its training split, but for how often `sampling` shows each image, which is for whoever has
 * counted the labels' pixels to say. Throws OptionError as `checkTask` does. */
export function loaderOptions(recipe: Recipe, dataset: Dataset, model: Network): LoaderOptions {
  checkTask(model, dataset)
  const { batch: count, seed, augmentation } = recipe
  const { sizeMultiple: multiple, padding } = model
  const targets = targetsOf(dataset, model)
  return { count, seed, augmentation, multiple, padding, targets }
}

/** What a network learns from examples of a data set. */
export function targetsOf({ labelled }: Dataset, { predicts }: Network): readonly TargetName[] {
  if (labelled === 'image') return ['category']
  return predicts === 'boxes' ? ['labels', 'instances'] : ['labels']
}

/** The batches of a recipe over its training split, made in this thread; `weights` are those of the images where it samples rare
 * classes (`rareClassWeights`). Throws OptionError as `checkTask` does, and where such a recipe has none. */
export function recipeBatches(
  recipe: Recipe,
  dataset: Dataset,
  model: Network,
  weights?: LoaderOptions['weights'],
): DataLoader {
  const rare = recipe.sampling === 'rare-classes'
  if (rare && !weights)
    throw new OptionError(
      'images with rare classes are to be seen more often, and how often each is to be seen is not given',
      'give weights, as of rareClassWeights(), or leave sampling out',
    )
  const options = loaderOptions(recipe, dataset, model)
  return new DataLoader(dataset, { ...options, ...(rare && { weights }) })
}
