// Which examples make which step: a pure function of (size of the data set, options, step), so that a run which is resumed at any
// step goes on exactly as if it had never been stopped.

import { OptionError } from '../../engine/errors.ts'
import { permutation, Random } from '../random.ts'

export const LAST_BATCHES = ['drop', 'keep', 'wrap'] as const

/** What becomes of examples that do not fill an epoch's last batch: they are left out, make a smaller batch, or are filled up with
 * the first of the epoch. */
export type LastBatch = (typeof LAST_BATCHES)[number]

export interface OrderOptions {
  /** Examples in a batch. */
  readonly count: number
  readonly seed: number
  /** Default `drop`. */
  readonly last?: LastBatch | undefined
  /** One for each example, 0 or more: an epoch then is as many draws, with replacement, of an example with the probability of its
   * share in the sum. Left out, each epoch has every example once. */
  readonly weights?: ArrayLike<number> | undefined
}

/** Examples of a step: which, and where in their epoch the first of them stands. */
export interface StepExamples {
  readonly epoch: number
  readonly first: number
  readonly indices: Uint32Array
}

// Separates the draws of weighted sampling from those of the order.
const DRAW = 0xd7a

export class Order {
  readonly stepsPerEpoch: number
  readonly #size: number
  readonly #options: OrderOptions
  readonly #cumulative: Float64Array | undefined
  #known: { epoch: number; indices: Uint32Array } = { epoch: -1, indices: new Uint32Array() }

  /** `name` is what the examples are of, for errors. Throws OptionError for a batch of no examples or, unless the last batch is kept
   * or filled up, of more than there are, and for weights that are not one for each example, negative, or all 0. */
  constructor(size: number, options: OrderOptions, name: string) {
    const { count, last = 'drop', weights } = options
    if (!Number.isInteger(count) || count < 1)
      throw new OptionError(`a batch needs at least one example; got ${count}`)
    if (!LAST_BATCHES.includes(last))
      throw new OptionError(`the last batch cannot be ${last}`, `use ${LAST_BATCHES.join(' or ')}`)
    if (size < count && last === 'drop')
      throw new OptionError(
        `a batch of ${count} is larger than ${name} of ${size}`,
        `use a batch of at most ${size}`,
      )
    if (size < 1) throw new OptionError(`${name} has no example`)
    this.stepsPerEpoch = last === 'drop' ? Math.floor(size / count) : Math.ceil(size / count)
    this.#size = size
    this.#options = options
    this.#cumulative = weights && sums(weights, size)
  }

  /** The examples of a step (0, 1, …). Throws OptionError for what is no step. */
  at(step: number): StepExamples {
    if (!Number.isSafeInteger(step) || step < 0)
      throw new OptionError(`there is no step ${step}`, 'the first is 0')
    const { count, last = 'drop' } = this.#options
    const epoch = Math.floor(step / this.stepsPerEpoch)
    const first = (step % this.stepsPerEpoch) * count
    const taken = last === 'keep' ? Math.min(count, this.#size - first) : count
    const indices = Uint32Array.from({ length: taken }, (_, i) => this.#pick(epoch, first + i))
    return { epoch, first, indices }
  }

  #pick(epoch: number, at: number): number {
    if (this.#cumulative) {
      const total = this.#cumulative[this.#size - 1]
      const random = new Random(this.#options.seed, DRAW, epoch, at)
      return firstAbove(this.#cumulative, random.uniform(0, total))
    }
    if (this.#known.epoch !== epoch)
      this.#known = { epoch, indices: permutation(this.#size, this.#options.seed, epoch) }
    return this.#known.indices[at % this.#size]
  }
}

function sums(weights: ArrayLike<number>, size: number): Float64Array {
  if (weights.length !== size)
    throw new OptionError(`there are ${weights.length} weights for ${size} examples`)
  const cumulative = new Float64Array(size)
  let total = 0
  for (let i = 0; i < size; i++) {
    if (!(weights[i] >= 0 && weights[i] < Number.POSITIVE_INFINITY))
      throw new OptionError(`the weight of example ${i} is ${weights[i]}`, 'use a number from 0')
    total += weights[i]
    cumulative[i] = total
  }
  if (!(total > 0 && total < Number.POSITIVE_INFINITY))
    throw new OptionError(`the weights add up to ${total}`, 'give an example a weight above 0')
  return cumulative
}

/** The first of rising values that is above `value`, which the last one is. */
function firstAbove(values: Float64Array, value: number): number {
  let low = 0
  let high = values.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (values[middle] > value) high = middle
    else low = middle + 1
  }
  return low
}
