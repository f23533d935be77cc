// Every example of a split once, in order, for scoring.

import { type Dataset, type Example, VOID } from '../dataset.ts'
import { Batch, type BatchLayout, toBatch } from './batch.ts'

export class EvalBatch extends Batch {
  /** The examples that count: a last batch is filled up with repeats that have nothing to be learned from, so that its shape stays. */
  readonly examples: readonly Example[]

  constructor(batch: Batch, examples: readonly Example[]) {
    super({ ...batch, names: examples.map(({ name }) => name) })
    this.examples = examples
  }
}

/** Every example once, in order, in batches of `count`. */
export async function* evalBatches(
  dataset: Dataset,
  count: number,
  layout: BatchLayout = {},
): AsyncGenerator<EvalBatch> {
  const fill = Math.min(count, dataset.size)
  for (let start = 0; start < dataset.size; start += fill) {
    const taken = Math.min(fill, dataset.size - start)
    const examples = await Promise.all(
      Array.from({ length: taken }, (_, i) => dataset.get(start + i)),
    )
    const filled = Array.from({ length: fill }, (_, i) => examples[Math.min(i, taken - 1)])
    const batch = toBatch(filled, layout)
    const { targets = ['labels'] } = layout
    for (const [t, { data }] of batch.targets.entries())
      data.fill(NOTHING[targets[t]], (taken * data.length) / fill)
    yield new EvalBatch(batch, examples)
  }
}

const NOTHING = { labels: VOID, instances: 0, category: -1 }
