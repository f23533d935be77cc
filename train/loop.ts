// The training loop: batches in, events out. It owns no files and prints nothing; what a step computes is one compiled
// program, a few steps are in flight, and the host looks at losses only now and then.

import type { CompileProgress, Program } from '../engine/compile.ts'
import type { Device } from '../engine/device.ts'
import { NonFiniteError, OptionError } from '../engine/errors.ts'
import { add } from '../engine/ops/arithmetic.ts'
import { hostTensor } from '../engine/ops/source.ts'
import type { Precision } from '../engine/stages.ts'
import type { Tensor } from '../engine/tensor.ts'
import type { Network } from '../models/network.ts'
import { countParameters } from '../nn/state.ts'
import type { TrainEvent, Validation } from './events.ts'
import type { Batch } from './loader/batch.ts'
import { accumulated, microBatch } from './loop/accumulate.ts'
import { Clock } from './loop/clock.ts'
import { History, RING } from './loop/history.ts'
import { Meter } from './loop/meter.ts'
import type { Progress } from './loop/progress.ts'
import type { Optimizer } from './optimizers.ts'
import type { BatchLoss } from './recipes/loss.ts'

export interface TrainOptions {
  readonly device: Device
  readonly model: Network
  readonly optimizer: Optimizer
  /** Of a batch, or of a part of it: applies the model itself, in the mode that it is given. */
  readonly loss: BatchLoss
  /** Equal parts that a batch is computed in, one after the other, for the memory of one: see `accumulated`. Default 1. */
  readonly accumulate?: number | undefined
  /** Of a step's activations and their gradients; `mixed` wants an optimiser with a loss scale. Default `full`. */
  readonly precision?: Precision | undefined
  /** The batch of a step, 0, 1, …: a function of the step alone, or resuming gives other bits. */
  readonly batch: (step: number) => Promise<Batch>
  /** Learning rate of a step, and how far the run is, 0..1. */
  readonly rate: (step: number, progress: number) => number
  /** Steps in all, those of earlier runs included. */
  readonly steps?: number | undefined
  /** Minutes in all, compiling and validating included; instead of `steps`. A run under the clock never repeats to the
   * bit, since its learning rate and its end come from the clock. */
  readonly minutes?: number | undefined
  /** Where to go on: the variables of the model and the optimiser must hold that state. */
  readonly from?: Progress | undefined
  /** How good the network is on held-out data. */
  readonly validate?: () => Promise<Validation>
  /** Steps between validations; left out, there are four in a run. Always one at the end. */
  readonly validateEvery?: number | undefined
  /** Ends the run after so many validations in a row without a better score. Default: it goes on. */
  readonly patience?: number | undefined
  /** Keeps a checkpoint: `last` after each validation, when stopped and every now and then, `best` whenever the score was
   * best. */
  readonly save?: (which: 'last' | 'best', progress: Progress) => Promise<void>
  /** Seconds after which a checkpoint is due, so that no crash costs more; default 120. */
  readonly saveEvery?: number
  /** Asked after each step whether a checkpoint is due beside those. */
  readonly saveDue?: (step: number) => boolean
  /** Ends the run after the step that is running, with a checkpoint. */
  readonly signal?: AbortSignal
  /** Seed of random ops in the network. */
  readonly seed?: number
  /** Looks at every value for NaN and infinity; slow, and not in mixed precision, where gradients may overflow. */
  readonly watch?: boolean
  /** Told how far the step's kernels are, before the first step. */
  readonly onCompile?: (progress: CompileProgress) => void
  /** Seconds between looks at the losses; default 0.5. */
  readonly readEvery?: number
}

/** Trains until the limit or the signal; an event for whatever happens. Throws NonFiniteError naming the step when a
 * loss is not finite, and leaves the last checkpoint as it was. */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent> {
  const { device, signal, from, saveEvery = 120, patience = Number.POSITIVE_INFINITY } = options
  checkLimits(options)
  const clock = new Clock(options)
  const history = new History()
  const program = compileStep(options, history)
  const meter = new Meter(options, clock, history)
  let best = from?.best
  let stale = from?.stale ?? 0
  const first = from?.step ?? 0
  let step = first
  let validated = first
  let nextValidation = clock.nextValidation(step)
  let savedAt = clock.seconds()
  let unvalidated = from?.unvalidated ?? false
  const progress = (): Progress => ({
    ...{ step, seconds: clock.seconds(), best, stale },
    ...(unvalidated && { unvalidated }),
  })

  try {
    if (unvalidated && !signal?.aborted) yield* validation()
    while (!signal?.aborted) {
      // Read once: under a time limit it could pass 1 between a test and its use.
      const at = clock.progress(step)
      if (!(at < 1) || stale >= patience) break
      let batch: Batch
      try {
        batch = await options.batch(step)
      } catch (error) {
        // A file that cannot be read in epoch 7 costs nothing of what was learned until then.
        for (const event of await meter.drain()) yield event
        if (step > first) yield* saving('last')
        throw error
      }
      const rate = options.rate(step, at)
      await runStep(program, options, batch, step, rate)
      step++
      if (step === first + 1) {
        await device.idle()
        const { arenaBytes: activationBytes, pipelines } = device.stats()
        const parameters = countParameters(options.model)
        const seconds = clock.sinceStart()
        yield { kind: 'start', step: first, parameters, activationBytes, pipelines, seconds }
        meter.begin(first, step)
      }
      const due = clock.due(step, nextValidation)
      for (const event of await meter.after(step, rate, batch.names.length, due)) yield event
      if (signal?.aborted) {
        unvalidated = due
        continue
      }
      if (due) {
        const begun = clock.seconds()
        yield* validation()
        nextValidation = clock.nextValidation(step, clock.seconds() - begun)
      } else if (options.saveDue?.(step) || clock.seconds() - savedAt > saveEvery) {
        for (const event of await meter.drain()) yield event
        yield* saving('last')
        meter.begin(step)
      }
    }
    for (const event of await meter.drain()) yield event
    if (!signal?.aborted && validated < step) yield* validation()
    if (signal?.aborted) {
      if (validated < step && clock.progress(step) >= 1) unvalidated = true
      yield* saving('last')
    }
    const limit = options.steps === undefined ? 'minutes' : 'steps'
    const gaveUp = stale >= patience && clock.progress(step) < 1
    const reason = signal?.aborted ? 'stopped' : gaveUp ? 'patience' : limit
    yield { kind: 'end', step, reason, seconds: clock.seconds(), best }
  } finally {
    program.dispose()
  }

  async function* validation(): AsyncGenerator<TrainEvent> {
    for (const event of await meter.drain()) yield event
    validated = step
    if (options.validate) {
      const begun = performance.now()
      unvalidated = true
      let result: Validation
      try {
        result = await options.validate()
      } catch (error) {
        // Nor does an image of validation that cannot be read.
        if (step > first) yield* saving('last')
        throw error
      }
      // What was cut short counts for nothing.
      if (signal?.aborted) return
      unvalidated = false
      const { score } = result
      const isBest = !best || score > best.score
      if (isBest) best = { step, score }
      stale = isBest ? 0 : stale + 1
      const seconds = (performance.now() - begun) / 1000
      yield { kind: 'validation', step, ...result, best: isBest, seconds }
      if (isBest) yield* saving('best')
    }
    yield* saving('last')
    meter.begin(step)
  }

  async function* saving(which: 'last' | 'best'): AsyncGenerator<TrainEvent> {
    if (!options.save) return
    await options.save(which, progress())
    savedAt = clock.seconds()
    yield { kind: 'checkpoint', step, which }
  }
}

function checkLimits(options: TrainOptions): void {
  const { steps, minutes, validateEvery, patience, watch, precision } = options
  if (watch && precision === 'mixed')
    throw new OptionError(
      'watch and precision mixed exclude each other: gradients may overflow there, and the step is skipped',
      'watch a run in full precision',
    )
  if ((steps === undefined) === (minutes === undefined))
    throw new OptionError('a run is limited by steps or by minutes, by one of them')
  if (steps !== undefined && !(Number.isInteger(steps) && steps > 0))
    throw new OptionError(`steps: ${steps} is no number of steps`, 'use a whole number from 1')
  if (minutes !== undefined && !(minutes > 0))
    throw new OptionError(`minutes: ${minutes} is no time`, 'use a number above 0')
  if (validateEvery !== undefined && !(Number.isInteger(validateEvery) && validateEvery > 0))
    throw new OptionError(`validateEvery: ${validateEvery} is no number of steps`)
  if (patience !== undefined && !(Number.isInteger(patience) && patience > 0))
    throw new OptionError(`patience: ${patience} is no number of validations`, 'use one from 1')
}

type StepProgram = Program<void>

/** What a step is made of. */
type StepOptions = Pick<
  TrainOptions,
  'device' | 'optimizer' | 'loss' | 'accumulate' | 'precision'
> &
  Pick<TrainOptions, 'watch' | 'onCompile'>

/** The program of a step, which `runStep` runs. */
export function compileStep(options: StepOptions, history: History): StepProgram {
  const { device, optimizer, watch, accumulate = 1, precision = 'full', onCompile } = options
  return device.compile(
    (image, rate, slot, seed, step, ...targets) => {
      let outside: Tensor | undefined
      const lossOf = (part: number) => {
        const [x, ...ys] = [image, ...targets].map((all) => microBatch(all, part, accumulate))
        const mode = { train: true, random: { seed, step } }
        const { loss, outOfRange } = options.loss(x, ys, mode)
        outside = outside ? add(outside, outOfRange) : outOfRange
        return loss
      }
      const loss = accumulated(optimizer, accumulate, lossOf, rate)
      const { lossScale, gradientNorm } = optimizer
      const { skipped } = lossScale ?? {}
      history.record(slot, { loss, outOfRange: outside!, skipped, gradientNorm })
    },
    { watch, precision, ...(onCompile && { onProgress: onCompile }) },
  )
}

/** Throws NonFiniteError naming the step where the program watches. */
export async function runStep(
  program: StepProgram,
  { seed = 0 }: Pick<TrainOptions, 'seed'>,
  { image, targets, names, height, width }: Batch,
  step: number,
  rate: number,
): Promise<void> {
  const n = names.length
  try {
    await program.run(
      hostTensor(image, [n, height, width, 3]),
      rate,
      step % RING,
      hostTensor(Uint32Array.of(seed), []),
      hostTensor(Uint32Array.of(step), []),
      ...targets.map(({ data, shape }) => hostTensor(data, shape)),
    )
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error
    const [what] = error.message.split('\n')
    throw new NonFiniteError(`step ${step + 1}: ${what}`, error.hint, error.seen)
  }
}
