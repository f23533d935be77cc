// Step events: the losses of some steps, read from the device while later steps run.

import type { Device } from '../../engine/device.ts'
import { NonFiniteError } from '../../engine/errors.ts'
import type { Precision } from '../../engine/stages.ts'
import type { StepEvent } from '../events.ts'
import type { Clock } from './clock.ts'
import { type History, type Recorded, RING } from './history.ts'

export interface MeterOptions {
  readonly device: Device
  readonly steps?: number | undefined
  readonly readEvery?: number | undefined
  readonly precision?: Precision | undefined
}

/** What a reading of the ring brought, and when. */
interface Arrival {
  readonly from: number
  readonly to: number
  readonly rate: number
  readonly recorded: readonly Recorded[]
  readonly at: number
}

/** Reads the ring of losses every so often, one reading in flight, and makes step events of it. */
export class Meter {
  readonly #options: MeterOptions
  readonly #clock: Clock
  readonly #history: History
  #pending: Promise<Arrival> | undefined
  /** Steps whose losses have been asked for, and when that was. */
  #read = 0
  #readAt = 0
  /** The stopwatch: when losses last arrived, which is when their steps had run, and which step that was. */
  #arrivedAt = 0
  #arrived = 0
  #step = 0
  #rate = 0
  #images = 1
  /** Steps in a row that were skipped at the smallest loss scale. */
  #stuck = 0

  constructor(options: MeterOptions, clock: Clock, history: History) {
    this.#options = options
    this.#clock = clock
    this.#history = history
  }

  /** Restarts the stopwatch, after compiling or validating. */
  begin(read: number, arrived = read): void {
    this.#read = read
    this.#arrived = arrived
    this.#readAt = performance.now()
    this.#arrivedAt = this.#readAt
  }

  /** After each step: what has arrived. With `all`, whatever has run. */
  async after(step: number, rate: number, images: number, all: boolean): Promise<StepEvent[]> {
    this.#step = step
    this.#rate = rate
    this.#images = images
    if (all) return this.drain()
    const every = 1000 * (this.#options.readEvery ?? 0.5)
    const ring = step - this.#read >= RING
    if (!ring && performance.now() - this.#readAt < every) return []
    const arrived = await this.#collect()
    this.#ask()
    return this.#told(arrived)
  }

  async drain(): Promise<StepEvent[]> {
    const arrived = await this.#collect()
    if (this.#step <= this.#read) return this.#told(arrived)
    this.#ask()
    return this.#told([...arrived, ...(await this.#collect())])
  }

  async #collect(): Promise<Arrival[]> {
    if (!this.#pending) return []
    const arrival = await this.#pending
    this.#pending = undefined
    return [arrival]
  }

  #ask(): void {
    const from = this.#read
    const to = this.#step
    const rate = this.#rate
    this.#read = to
    this.#readAt = performance.now()
    this.#pending = this.#history
      .read(this.#options.device, from, to)
      .then((recorded) => ({ from, to, rate, recorded, at: performance.now() }))
    // Seen when it is collected; a run that fails first has no use for it.
    this.#pending.catch(() => {})
  }

  /** The events of what has arrived. Where the host came to look at one reading only when the next was due, its steps had run long
   * before; so readings that are collected together share the time that passed since the one before them. */
  #told(arrivals: readonly Arrival[]): StepEvent[] {
    const last = arrivals.at(-1)
    if (!last) return []
    const steps = last.to - this.#arrived
    // Of the first step alone nothing was stopped but all that came before its end.
    const ms = steps ? (last.at - this.#arrivedAt) / steps : 1000 * this.#clock.sinceStart()
    this.#arrived = last.to
    this.#arrivedAt = last.at
    return arrivals.map((arrival) => this.#event(arrival, ms))
  }

  #event({ from, to, recorded, rate }: Arrival, ms: number): StepEvent {
    const losses = recorded.map(({ loss }, i) => ({ step: from + i + 1, value: loss }))
    const bad = losses.find(({ value }) => !Number.isFinite(value))
    if (bad) throw diverged(bad.step, bad.value, this.#options.precision)
    this.#countStuck(from, recorded)
    const norms = recorded.flatMap(({ gradientNorm: value }, i) =>
      value === undefined ? [] : [{ step: from + i + 1, value }],
    )
    const skips = recorded.flatMap(({ skippedAt }) => skippedAt ?? [])
    return {
      kind: 'step',
      step: to,
      of: this.#options.steps,
      progress: this.#clock.progress(to),
      loss: losses.reduce((sum, { value }) => sum + value, 0) / losses.length,
      losses,
      ...(norms.length && { gradientNorms: norms }),
      lr: rate,
      ms,
      imagesPerSecond: (1000 * this.#images) / ms,
      bytes: this.#options.device.stats().allocatedBytes,
      eta: this.#clock.eta(to, ms),
      outOfRange: recorded.reduce((sum, r) => sum + r.outOfRange, 0),
      skipped: skips.length ? skips.filter((scale) => scale > 0).length : undefined,
    }
  }

  /** A run that skips all of its steps would learn nothing, and say nothing. */
  #countStuck(from: number, recorded: readonly Recorded[]): void {
    recorded.forEach(({ skippedAt }, i) => {
      this.#stuck = skippedAt === 1 ? this.#stuck + 1 : 0
      if (this.#stuck < MOST_STUCK) return
      const step = from + i + 1
      throw new DivergedError(
        step,
        `steps ${step - MOST_STUCK + 1} to ${step} were all skipped at a loss scale of 1: gradients are not finite`,
        'train in full precision, where --watch-nan names the first value that breaks, or lower the learning rate',
      )
    })
  }
}

/** Steps in a row that may be skipped though the loss scale cannot fall any further. */
const MOST_STUCK = 200

/** A loss, or the gradients of many steps, are not finite. */
export class DivergedError extends NonFiniteError {
  override readonly name: string = 'DivergedError'
  /** The step, counted from 1. */
  readonly step: number
  constructor(step: number, message: string, hint: string) {
    super(message, hint)
    this.step = step
  }
}

const diverged = (step: number, loss: number, precision?: Precision): DivergedError =>
  new DivergedError(
    step,
    `the loss of step ${step} is ${loss}`,
    precision === 'mixed'
      ? 'activations beyond 65504 are infinite in f16: lower the learning rate, or train in full precision'
      : 'lower the learning rate; with --watch-nan the first value that broke is named',
  )
