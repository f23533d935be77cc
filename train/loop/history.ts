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
  /** Of all gradients before it was bounded; undefined where it is not bounded, and of a step that was skipped. */
  readonly gradientNorm: number | undefined
}

/** What a step leaves: scalars, read where `record` is called. */
export interface Figures {
  readonly loss: Tensor
  readonly outOfRange: Tensor
  /** Those of an optimiser's loss scale and of its gradients, where it has them. */
  readonly skipped?: Variable | undefined
  readonly gradientNorm?: Variable | undefined
}

export class History {
  readonly #losses = ring('losses')
  readonly #outOfRange = ring('labels out of range')
  #skipped: Variable | undefined
  #norms: Variable | undefined

  /** Inside a training function: keeps the step's figures in slot `slot`, an f32 scalar argument. */
  record(slot: Tensor, { loss, outOfRange, skipped, gradientNorm }: Figures): void {
    const here = equal(iota([RING], 0), slot)
    const keep = (values: Variable, value: Tensor | Variable) =>
      assign(values, where(here, value, values))
    keep(this.#losses, loss)
    keep(this.#outOfRange, outOfRange)
    if (skipped) {
      this.#skipped ??= ring('skipped steps')
      keep(this.#skipped, skipped)
    }
    if (gradientNorm) {
      this.#norms ??= ring('gradient norms')
      keep(this.#norms, gradientNorm)
    }
  }

  /** Figures of steps `from`..`to`-1 as they are at the time of the call, whatever is submitted after it. */
  async read(device: Device, from: number, to: number): Promise<Recorded[]> {
    const [losses, counts, skips, norms] = await Promise.all([
      device.read(this.#losses),
      device.read(this.#outOfRange),
      this.#skipped && device.read(this.#skipped),
      this.#norms && device.read(this.#norms),
    ])
    return Array.from({ length: to - from }, (_, i) => {
      const slot = (from + i) % RING
      const skippedAt = skips?.[slot]
      const gradientNorm = skippedAt ? undefined : norms?.[slot]
      return { loss: losses[slot], outOfRange: counts[slot], skippedAt, gradientNorm }
    })
  }
}

const ring = (name: string): Variable =>
  new Variable({ dtype: 'f32', shape: [RING] }, () => new Float32Array(RING), name)
