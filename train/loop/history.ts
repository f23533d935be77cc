// Losses without waiting: each step writes its loss into a slot of a ring on the device, and the ring is read now and
// then, while later steps run.

import type { Device } from '../../engine/device.ts'
import { equal, where } from '../../engine/ops/arithmetic.ts'
import { iota } from '../../engine/ops/shape.ts'
import { assign } from '../../engine/ops/source.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'

/** Steps after which the ring must have been read. */
export const RING = 32

/** What one step left behind. */
export interface Recorded {
  readonly loss: number
  readonly outOfRange: number
  /** 0 where the step was taken, the loss scale where it was skipped; undefined without a loss scale. */
  readonly skippedAt: number | undefined
}

export class History {
  readonly #losses = ring('losses')
  readonly #outOfRange = ring('labels out of range')
  #skipped: Variable | undefined

  /** Inside a training function: keeps the step's figures in slot `slot`, an f32 scalar argument. `skipped` is the one of the
   * loss scale, if there is one. */
  record(slot: Tensor, loss: Tensor, outOfRange: Tensor, skipped?: Variable): void {
    const here = equal(iota([RING], 0), slot)
    assign(this.#losses, where(here, loss, this.#losses))
    assign(this.#outOfRange, where(here, outOfRange, this.#outOfRange))
    if (!skipped) return
    this.#skipped ??= ring('skipped steps')
    assign(this.#skipped, where(here, skipped, this.#skipped))
  }

  /** Figures of steps `from`..`to`-1 as they are at the time of the call, whatever is submitted after it. */
  async read(device: Device, from: number, to: number): Promise<Recorded[]> {
    const [losses, counts, skips] = await Promise.all([
      device.read(this.#losses),
      device.read(this.#outOfRange),
      this.#skipped && device.read(this.#skipped),
    ])
    return Array.from({ length: to - from }, (_, i) => {
      const slot = (from + i) % RING
      return { loss: losses[slot], outOfRange: counts[slot], skippedAt: skips?.[slot] }
    })
  }
}

const ring = (name: string): Variable =>
  new Variable({ dtype: 'f32', shape: [RING] }, () => new Float32Array(RING), name)
