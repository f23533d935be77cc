// The CRF's parameters by trial on a validation set: without it, with each published set, then in turn drawn from wide ranges and
// moved in one parameter from the best so far. Which parameters a trial has depends on the seed and the results before it alone.

import type { Device } from '../../engine/device.ts'
import { argmax, cast, type HostTensor, OptionError, type Tensor } from '../../engine/index.ts'
import type { ClassInfo } from '../dataset.ts'
import type { Picture } from '../pictures/picture.ts'
import { Random } from '../random.ts'
import { ConfusionMatrix, type ScoreOptions } from '../scoring/metrics.ts'
import { Crf } from './index.ts'
import { type CrfOptions, type CrfParameters, crfPublished } from './options.ts'

/** A picture with what the classifier said of it, f32 [1, h, w, c], and its labels [h, w]. */
export interface CrfExample {
  readonly picture: Picture
  readonly probabilities: HostTensor
  readonly labels: Uint8Array
}

/** Examples by number, the same whenever they are asked for. */
export interface CrfExamples {
  readonly classes: readonly ClassInfo[]
  readonly size: number
  get(index: number): Promise<CrfExample>
}

export interface CrfTrial {
  /** 0 is without the CRF. */
  readonly number: number
  readonly how: string
  readonly parameters: CrfParameters | undefined
  readonly meanIoU: number
}

export interface CrfSearchOptions extends Pick<CrfOptions, 'iterations' | 'normalisation'> {
  /** Trials with a CRF; the first five are the published parameters. */
  readonly trials: number
  /** Default 1. */
  readonly seed?: number
  readonly score?: ScoreOptions
  readonly onTrial?: (trial: CrfTrial) => void
  /** Gets the number of examples done in a trial. */
  readonly onProgress?: (trial: number, done: number, of: number) => void
  /** Stops the search; a trial that is not through does not count. */
  readonly signal?: AbortSignal
}

export interface CrfSearch {
  readonly trials: readonly CrfTrial[]
  /** The best trial with a CRF, the first of equals; undefined where none was through. */
  readonly best: CrfTrial | undefined
}

/** Ranges that are drawn from, evenly in the logarithm. */
export const crfRanges: Readonly<Record<keyof CrfParameters, readonly [number, number]>> = {
  appearance: [0.5, 20],
  thetaAlpha: [8, 160],
  thetaBeta: [2, 40],
  smoothness: [0.5, 20],
  thetaGamma: [0.5, 6],
}
const names = Object.keys(crfRanges) as (keyof CrfParameters)[]

/** How far a parameter is moved at most: to twice and half. */
const MOVE = Math.LN2

/** Tries parameters on all examples and scores the mean IoU of the likeliest classes. Throws OptionError for a set without
 * examples and numbers that are none, and what `Crf.refine` throws. */
export async function searchCrf(
  device: Device,
  examples: CrfExamples,
  options: CrfSearchOptions,
): Promise<CrfSearch> {
  const { trials: wanted, seed = 1, iterations, normalisation, signal } = options
  if (!(Number.isSafeInteger(wanted) && wanted >= 1))
    throw new OptionError(`searchCrf: ${wanted} trials are none`, 'give a whole number from 1')
  if (!examples.size) throw new OptionError('searchCrf: there are no examples to try on')
  using crf = new Crf(device)
  using likeliest = device.compile((p: Tensor) => cast(argmax(p, 3), 'u8'))
  const scored = async (number: number, parameters: CrfParameters | undefined) => {
    const confusion = new ConfusionMatrix(examples.classes)
    for (let i = 0; i < examples.size; i++) {
      const { picture, probabilities, labels } = await examples.get(i)
      if (signal?.aborted) return undefined
      using refined =
        parameters &&
        (await crf.refine(probabilities, picture, { ...parameters, iterations, normalisation }))
      using classes = await likeliest.run(refined ?? probabilities)
      confusion.add(labels, (await classes.read()) as Uint8Array)
      options.onProgress?.(number, i + 1, examples.size)
    }
    return confusion.scores(options.score).meanIoU
  }

  const trials: CrfTrial[] = []
  let best: CrfTrial | undefined
  for (let number = 0; number <= wanted; number++) {
    const { how, parameters } = proposal(number, seed, best?.parameters)
    const meanIoU = await scored(number, parameters)
    if (meanIoU === undefined) break
    const trial = { number, how, parameters, meanIoU }
    trials.push(trial)
    if (parameters && !(best && best.meanIoU >= meanIoU)) best = trial
    options.onTrial?.(trial)
  }
  return { trials, best }
}

function proposal(number: number, seed: number, best: CrfParameters | undefined) {
  if (number === 0) return { how: 'without', parameters: undefined }
  const published = Object.entries(crfPublished)[number - 1]
  if (published) return { how: published[0], parameters: published[1] as CrfParameters }
  const random = new Random(seed, number)
  if (best && number % 2) {
    const name = names[random.int(0, names.length - 1)]
    const moved = best[name] * Math.exp(random.uniform(-MOVE, MOVE))
    return { how: `moved ${name}`, parameters: { ...best, [name]: rounded(moved) } }
  }
  const drawn = names.map((name) => {
    const [low, high] = crfRanges[name].map(Math.log)
    return [name, rounded(Math.exp(random.uniform(low, high)))] as const
  })
  return { how: 'drawn', parameters: Object.fromEntries(drawn) as unknown as CrfParameters }
}

/** To three figures, so that what is printed is what was tried. */
const rounded = (x: number): number => Number(x.toPrecision(3))
