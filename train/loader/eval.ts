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

/** Every example once, in order, in batches of `count`. Examples of one size that stand together make a batch; where sizes differ
 * each is one by itself, so that no more shapes occur than there are sizes. */
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
    const [{ height, width }] = examples
    if (examples.every((e) => e.height === height && e.width === width))
      yield filledUp(examples, fill, layout)
    else for (const example of examples) yield filledUp([example], 1, layout)
  }
}

function filledUp(examples: readonly Example[], fill: number, layout: BatchLayout): EvalBatch {
  const last = examples.length - 1
  const filled = Array.from({ length: fill }, (_, i) => examples[Math.min(i, last)])
  const batch = toBatch(filled, layout)
  const { targets = ['labels'] } = layout
  for (const [t, { data }] of batch.targets.entries())
    data.fill(NOTHING[targets[t]], (examples.length * data.length) / fill)
  return new EvalBatch(batch, examples)
}

const NOTHING = { labels: VOID, instances: 0, category: -1 }
