// Why a loss became NaN or infinite: the run goes again from its last good checkpoint to the step that broke it, with the same
// batches and learning rates and so the same bits, and that step alone is watched.
//
// What breaks first need not be the loss. An average that has become infinite, say, leaves losses finite for as long as it likes. So
// the first time all variables are looked at after each step, and the second time the run stops before the step that
// broke one of them, or the loss.

import { assignOnlyWhere } from '../../engine/condition.ts'
import { NonFiniteError, type SeenNode } from '../../engine/errors.ts'
import { hostTensor, toTensor } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Batch } from '../loader/batch.ts'
import { compileStep, runStep, type TrainOptions } from '../loop.ts'
import { relativeNorm } from '../optimizers/clip.ts'
import { Optimizer } from '../optimizers.ts'
import { accumulated, microBatch } from './accumulate.ts'
import { History } from './history.ts'
import { allFinite } from './loss-scale.ts'
import { adviceFor } from './nan-advice.ts'

/** The run that broke, as `train` had it. */
export type NanSearch = Pick<
  TrainOptions,
  'device' | 'model' | 'optimizer' | 'loss' | 'accumulate' | 'precision' | 'batch' | 'seed'
> & {
  /** The learning rate that step 0, 1, … had. */
  readonly rate: (step: number) => number
  /** Gives all variables of the model and the optimiser the values of the last good checkpoint, or of the beginning. Resolves to
   * the number of steps that had been done. Called twice. */
  readonly restore: () => number | Promise<number>
  /** Number of the step, counted from 1, whose loss was not finite. */
  readonly failed: number
  readonly signal?: AbortSignal
  /** Told of each step that has been done again. */
  readonly onStep?: (done: number, of: number) => void
}

/** One of the last steps before a run broke. */
export interface StepBefore {
  /** Counted from 1. */
  readonly step: number
  readonly lr: number
  readonly loss: number
  /** Global norm of the gradients that it took, without a loss scale and before any bound. */
  readonly gradientNorm: number
}

export interface NanReport {
  /** The step, counted from 1, after which a variable or whose own loss was not finite; undefined where all of them stayed finite
   * this time. */
  readonly step: number | undefined
  /** The step whose loss stopped the run. */
  readonly failed: number
  /** Steps done at the checkpoint from which the run was repeated. */
  readonly from: number
  readonly lr: number
  /** Of the examples in its batch. */
  readonly names: readonly string[]
  /** The first node of the step that made a value which is not finite; undefined where none did under the watch. */
  readonly node: SeenNode | undefined
  /** The last few steps, the one that broke included. */
  readonly before: readonly StepBefore[]
  /** What to do, a sentence each. */
  readonly advice: readonly string[]
}

/** Steps whose gradients are looked at. */
const LOOK_BACK = 4

/** Finds the step and the first value in it that broke a run. The variables hold nothing of use afterwards. Throws what `batch` and
 * `restore` throw, and the reason of the signal. */
export async function findNonFinite(search: NanSearch): Promise<NanReport> {
  const { failed, onStep, signal } = search
  const from = await search.restore()
  using run = new Replay(search)
  let broken: number | undefined
  for (let step = from; step < failed && broken === undefined; step++) {
    signal?.throwIfAborted()
    const { loss } = await run.step(step)
    if (!(Number.isFinite(loss) && (await run.stateIsFinite()))) broken = step
    onStep?.(step - from + 1, failed - from)
  }
  const last = broken ?? failed - 1
  await search.restore()
  const before: StepBefore[] = []
  for (let step = from; step < last; step++) {
    signal?.throwIfAborted()
    const gradientNorm = step > last - LOOK_BACK ? await run.gradientNorm(step) : undefined
    const { loss, lr } = await run.step(step)
    if (gradientNorm !== undefined) before.push({ step: step + 1, lr, loss, gradientNorm })
    onStep?.(step - from + 1, last - from)
  }
  const gradientNorm = await run.gradientNorm(last)
  const { loss, lr, names, node } = await run.watched(last)
  before.push({ step: last + 1, lr, loss, gradientNorm })
  const found = {
    step: broken === undefined ? undefined : broken + 1,
    ...{ failed, from, lr, names, node, before },
  }
  return { ...found, advice: adviceFor(found, search.precision) }
}

/** The programs of a run, and one that looks at gradients and changes nothing. */
class Replay {
  readonly #search: NanSearch
  readonly #history = new History()
  readonly #watchedHistory = new History()
  readonly #step
  readonly #watched
  readonly #finite
  readonly #norm

  constructor(search: NanSearch) {
    const { device, model, optimizer } = search
    this.#search = search
    this.#step = compileStep(search, this.#history)
    // In f32, since a gradient may overflow in f16.
    const watched = { ...search, precision: 'full', watch: true } as const
    this.#watched = compileStep(watched, this.#watchedHistory)
    const state = [...model.stateDict().values(), ...optimizer.stateDict().values()]
    this.#finite = device.compile(() => allFinite(state.map((v) => toTensor(v, 'nanReport'))))
    this.#norm = device.compile((image, seed, step, ...targets) =>
      gradientNorm(search, image, targets, { seed, step }),
    )
  }

  async step(step: number) {
    const { batch, rate } = this.#search
    const lr = rate(step)
    await runStep(this.#step, this.#search, await batch(step), step, lr)
    return { loss: await this.#loss(this.#history, step), lr }
  }

  async watched(step: number) {
    const { batch, rate } = this.#search
    const [now, lr] = [await batch(step), rate(step)]
    const { names } = now
    let node: SeenNode | undefined
    try {
      await runStep(this.#watched, this.#search, now, step, lr)
    } catch (error) {
      if (!(error instanceof NonFiniteError && error.seen)) throw error
      node = error.seen
    }
    return { loss: await this.#loss(this.#watchedHistory, step), lr, names, node }
  }

  async stateIsFinite(): Promise<boolean> {
    using finite = await this.#finite.run()
    return (await finite.value()) !== 0
  }

  async gradientNorm(step: number): Promise<number> {
    const { seed = 0, batch } = this.#search
    const { image, targets, names, height, width }: Batch = await batch(step)
    using norm = await this.#norm.run(
      hostTensor(image, [names.length, height, width, 3]),
      ...[seed, step].map((n) => hostTensor(Uint32Array.of(n), [])),
      ...targets.map(({ data, shape }) => hostTensor(data, shape)),
    )
    return norm.value()
  }

  async #loss(history: History, step: number): Promise<number> {
    const [{ loss }] = await history.read(this.#search.device, step, step + 1)
    return loss
  }

  [Symbol.dispose](): void {
    for (const program of [this.#step, this.#watched, this.#finite, this.#norm]) program.dispose()
  }
}

/** Takes gradients and does nothing with them. */
class Gradients extends Optimizer {
  readonly taken: Tensor[] = []

  protected prepare() {
    return (_: unknown, g: Tensor) => void this.taken.push(g)
  }
}

function gradientNorm(
  { loss, optimizer, accumulate = 1 }: NanSearch,
  image: Tensor,
  targets: readonly Tensor[],
  random: { readonly seed: Tensor; readonly step: Tensor },
): Tensor {
  const gradients = new Gradients(optimizer.parameters)
  const lossOf = (part: number) => {
    const [x, ...ys] = [image, ...targets].map((all) => microBatch(all, part, accumulate))
    return loss(x, ys, { train: true, random }).loss
  }
  accumulated(gradients, accumulate, lossOf, 0)
  // Running averages stay as they are.
  assignOnlyWhere(toTensor(0, 'nanReport'))
  return relativeNorm(gradients.taken, 1)
}
