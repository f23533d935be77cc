// A slice of a batch made from a data set: examples are read, augmented and assembled. Wherever that happens, in this thread or in
// another, the bits are the same.

import { type AugmentStep, augment } from '../augment/index.ts'
import type { Dataset } from '../dataset.ts'
import { type Batch, type BatchLayout, type Item, toBatch } from './batch.ts'
import type { StepExamples } from './order.ts'

export interface SliceOptions extends BatchLayout {
  readonly seed: number
  /** Applied to each example, drawn anew for each place in each epoch. */
  readonly augmentation?: readonly AugmentStep[] | undefined
}

// Separates the draws of augmentation from those of the order.
const AUGMENT = 0xa06

/** The batch of these examples. Throws what reading them throws. */
export async function makeSlice(
  dataset: Dataset,
  { epoch, first, indices }: StepExamples,
  options: SliceOptions,
): Promise<Batch> {
  const { seed, augmentation = [] } = options
  const read = await Promise.allSettled(Array.from(indices, (index) => dataset.get(index)))
  const items = read.map((result, i): Item => {
    if (result.status === 'rejected') throw result.reason
    if (!augmentation.length) return result.value
    const { category } = result.value
    const augmented = augment(result.value, augmentation, [seed, AUGMENT, epoch, first + i])
    return { ...augmented, ...(category !== undefined && { category }) }
  })
  return toBatch(items, options)
}

/** The examples of a step in at most `parts` slices, each about as long as the others. */
export function slicesOf({ epoch, first, indices }: StepExamples, parts: number): StepExamples[] {
  const count = Math.max(1, Math.min(parts, indices.length))
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * indices.length) / count)
    const to = Math.floor(((i + 1) * indices.length) / count)
    return { epoch, first: first + from, indices: indices.slice(from, to) }
  })
}
