// How far a run is, by steps or by time: when it ends, when it validates next, and how long it will still take.

import type { Progress } from './progress.ts'

export interface Limits {
  /** One of these two. */
  readonly steps?: number | undefined
  readonly minutes?: number | undefined
  readonly validateEvery?: number | undefined
  readonly from?: Progress | undefined
}

const validationsPerRun = 4
/** Under a time limit, validations may take this share of the time. */
const validationShare = 1 / 8

export class Clock {
  readonly #options: Limits
  readonly #begun = performance.now()

  constructor(options: Limits) {
    this.#options = options
  }

  sinceStart(): number {
    return (performance.now() - this.#begun) / 1000
  }

  seconds(): number {
    return (this.#options.from?.seconds ?? 0) + this.sinceStart()
  }

  progress(step: number): number {
    const { steps, minutes } = this.#options
    return Math.min(1, steps === undefined ? this.seconds() / (60 * minutes!) : step / steps)
  }

  /** The step, or the progress under a time limit, at which to validate next; the last validation took `cost` seconds. */
  nextValidation(step: number, cost = 0): number {
    const { steps, minutes, validateEvery: every } = this.#options
    if (every !== undefined) return (Math.floor(step / every) + 1) * every
    const now = this.progress(step)
    const share = (Math.floor(now * validationsPerRun) + 1) / validationsPerRun
    if (steps !== undefined) return Math.ceil(share * steps)
    return Math.max(share, now + cost / validationShare / (60 * minutes!))
  }

  due(step: number, next: number): boolean {
    const { steps, validateEvery } = this.#options
    return validateEvery === undefined && steps === undefined
      ? this.progress(step) >= next
      : step >= next
  }

  /** Seconds left when a step takes `ms`. */
  eta(step: number, ms: number): number {
    const { steps, minutes } = this.#options
    return steps === undefined
      ? Math.max(0, 60 * minutes! - this.seconds())
      : ((steps - step) * ms) / 1000
  }
}
