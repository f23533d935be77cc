// The examples of a split in order, with what a predictor says of them: in batches where one pass is all that is asked for, else
// one by one through the whole test-time procedure.

import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { DataError } from '../../engine/errors.ts'
import type { Dataset, Example } from '../dataset.ts'
import type { TargetName } from '../loader/batch.ts'
import { evalBatches } from '../loader/eval.ts'
import { crop } from '../pictures/pad.ts'
import type { Predictor } from '../predict.ts'
import { type InstanceIouRules, numberObjects, type Objects } from './instance-iou.ts'

/** Examples of one size that were looked at together. */
export interface Looked {
  /** Fewer than predictions where a batch was filled up; what fills it is void. */
  readonly examples: readonly Example[]
  /** [n, h, w], as large as the predictions. */
  readonly labels: Uint8Array
  /** The data set's numbers of objects, [n, h, w]; empty where nobody asked. */
  readonly instances: Int32Array | Uint16Array
  /** Classes u8 [n, h, w]; whoever takes them disposes them. */
  readonly predictions: DeviceTensor
}

export interface LookOptions {
  readonly batch?: number | undefined
  readonly instances?: boolean | undefined
}

/** Throws DataError for an example without labels, or without the objects that are asked for. */
export function looks(
  predictor: Predictor,
  dataset: Dataset,
  options: LookOptions,
): AsyncGenerator<Looked> {
  const plain = Object.values(predictor.test).every((part) => part === undefined)
  return plain
    ? inBatches(predictor, dataset, options)
    : oneByOne(predictor, dataset, options.instances ?? false)
}

async function* inBatches(
  predictor: Predictor,
  dataset: Dataset,
  { batch: count = 4, instances }: LookOptions,
): AsyncGenerator<Looked> {
  const { sizeMultiple: multiple, padding } = predictor.model
  const targets: TargetName[] = instances ? ['labels', 'instances'] : ['labels']
  for await (const batch of evalBatches(dataset, count, { multiple, padding, targets })) {
    const { examples, labels, height, width } = batch
    examples.forEach(checkLabels)
    const n = labels.length / (height * width)
    const predictions = await predictor.batch(batch.image, n, height, width)
    const numbers = instances ? (batch.targets[1].data as Int32Array) : new Int32Array()
    yield { examples, labels, instances: numbers, predictions }
  }
}

async function* oneByOne(
  predictor: Predictor,
  dataset: Dataset,
  instances: boolean,
): AsyncGenerator<Looked> {
  let next = dataset.get(0)
  for (let i = 0; i < dataset.size; i++) {
    const example = await next
    checkLabels(example)
    if (instances && !example.instances)
      throw new DataError(
        example.name,
        'has no objects told apart',
        'open the data set with its objects',
      )
    const { image: data, height, width, labels } = example
    const predictions = await predictor.example({ data, height, width })
    if (i + 1 < dataset.size) next = dataset.get(i + 1)
    // Seen when it is asked for; who stops before that has no use for it.
    next.catch(() => {})
    const numbers = (instances && example.instances) || new Int32Array()
    yield { examples: [example], labels, instances: numbers, predictions }
  }
}

function checkLabels({ name, labels, height, width }: Example): void {
  if (labels.length !== height * width)
    throw new DataError(name, 'has no labels', 'score a split with labels, or only predict it')
}

/** The objects of each image of a batch. */
export function objectsOf({ predictions, instances }: Looked, rules: InstanceIouRules): Objects[] {
  const [n, h, w] = predictions.shape
  const plane = h * w
  return Array.from({ length: n }, (_, i) =>
    numberObjects(instances.subarray(i * plane, (i + 1) * plane), rules),
  )
}

export interface ShowOptions {
  readonly onExample?: (example: Example, prediction: Uint8Array, index: number) => unknown
  readonly examples?: (index: number) => boolean
}

/** Gives `onExample` the examples that it wants, the first of which is number `first`; reads predictions only for those. */
export async function shown(
  { examples, predictions }: Looked,
  first: number,
  { onExample, examples: wanted = () => true }: ShowOptions,
): Promise<void> {
  if (!onExample || !examples.some((_, i) => wanted(first + i))) return
  const classes = (await predictions.read()) as Uint8Array
  const [, h, w] = predictions.shape
  for (const [i, example] of examples.entries()) {
    if (!wanted(first + i)) continue
    const padded = classes.subarray(i * h * w, (i + 1) * h * w)
    await onExample(example, crop(padded, w, 1, example.height, example.width), first + i)
  }
}

export interface PredictSplitOptions extends LookOptions, ShowOptions {
  readonly onProgress?: (done: number, of: number) => void
  readonly signal?: AbortSignal | undefined
}

/** Predicts every example of a split once, by the predictor's procedure, and gives it to `onExample`; nothing is scored, so labels
 * do not matter. */
export async function predictSplit(
  predictor: Predictor,
  dataset: Dataset,
  options: PredictSplitOptions,
): Promise<void> {
  let done = 0
  for await (const looked of looks(predictor, dataset, { ...options, instances: false })) {
    const { examples, predictions } = looked
    await shown(looked, done, options).finally(() => predictions.dispose())
    done += examples.length
    options.onProgress?.(done, dataset.size)
    if (options.signal?.aborted) return
  }
}
