// Scores over a whole split: predictions from the device, one confusion matrix on the host.

import type { DeviceTensor } from '../engine/device-tensor.ts'
import { OptionError } from '../engine/errors.ts'
import { type EvalBatch, evalBatches } from './batches.ts'
import type { Dataset, Example } from './dataset.ts'
import { ConfusionMatrix, type Scores } from './metrics.ts'
import { crop } from './pad.ts'
import type { Predictor } from './predict.ts'

export interface EvaluateOptions {
  /** Images in a batch; default 4. */
  readonly batch?: number
  /** Gets each example with its predicted classes [height, width], in order. */
  readonly onExample?: (example: Example, prediction: Uint8Array, index: number) => unknown
  /** Gets the number of examples done after each batch. */
  readonly onProgress?: (done: number, of: number) => void
  /** Cuts the evaluation short; the scores are then those of a part. */
  readonly signal?: AbortSignal | undefined
}

export interface Evaluation {
  readonly scores: Scores
  /** What always answering the commonest class scores on the same labels. */
  readonly baseline: Scores
  readonly confusion: ConfusionMatrix
  readonly images: number
  readonly seconds: number
}

/** Predicts every example of a split once. Images are padded to the model's multiple as it says, their labels with
 * void, so that padding never counts. Throws OptionError when model and data differ in their number of classes. */
export async function evaluate(
  predictor: Predictor,
  dataset: Dataset,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const { classes, sizeMultiple, padding } = predictor.model
  if (classes !== dataset.classes.length)
    throw new OptionError(
      `the model tells ${classes} classes apart and ${dataset.name} has ${dataset.classes.length}`,
      'evaluate on the data set that it was trained on',
    )
  const begun = performance.now()
  const confusion = new ConfusionMatrix(dataset.classes)
  let done = 0
  const finish = async ({ batch, result }: Running): Promise<void> => {
    const predictions = (await result.read()) as Uint8Array
    result.dispose()
    const plane = batch.height * batch.width
    const counted = batch.examples.length * plane
    confusion.add(batch.labels.subarray(0, counted), predictions.subarray(0, counted))
    for (const [i, example] of batch.examples.entries()) {
      const padded = predictions.subarray(i * plane, (i + 1) * plane)
      const cut = () => crop(padded, batch.width, 1, example.height, example.width)
      await options.onExample?.(example, cut(), done + i)
    }
    done += batch.examples.length
    options.onProgress?.(done, dataset.size)
  }

  const layout = { multiple: sizeMultiple, padding }
  // One batch ahead: the host counts while the device works.
  let running: Running | undefined
  for await (const batch of evalBatches(dataset, options.batch ?? 4, layout)) {
    if (options.signal?.aborted) break
    const n = batch.labels.length / (batch.height * batch.width)
    const result = await predictor.batch(batch.image, n, batch.height, batch.width)
    if (running) await finish(running)
    running = { batch, result }
  }
  if (running) await finish(running)
  return {
    scores: confusion.scores(),
    baseline: confusion.constant().scores(),
    confusion,
    images: done,
    seconds: (performance.now() - begun) / 1000,
  }
}

interface Running {
  readonly batch: EvalBatch
  readonly result: DeviceTensor
}
