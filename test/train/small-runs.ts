// A network small enough that a thousand steps take seconds, and a run of it.

import type { Device } from '../../engine/device.ts'
import { relu } from '../../engine/ops/arithmetic.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { type ModelConfig, Network } from '../../models/network.ts'
import { Conv2d } from '../../nn/conv.ts'
import { heUniform } from '../../nn/init.ts'
import { type Mode, nameVariables } from '../../nn/module.ts'
import { BatchNorm2d } from '../../nn/norm.ts'
import type { TrainEvent } from '../../train/events.ts'
import { DataLoader } from '../../train/loader/loader.ts'
import { type TrainOptions, train } from '../../train/loop.ts'
import { Adam } from '../../train/optimizers.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import { STREET_CLASSES, streetScenes } from '../../train/scenes/street.ts'

/** Two convolutions with batch norm between them, for images of which both sides are multiples of 4. */
export class Thumb extends Network {
  readonly config: ModelConfig = { name: 'thumb', options: {} }
  readonly classes = STREET_CLASSES.length
  readonly sizeMultiple = 4
  readonly scoreStride = 1
  readonly conv = new Conv2d(3, 4, 3, { padding: 1, bias: false, init: heUniform({ seed: 1 }) })
  readonly bn = new BatchNorm2d(4)
  readonly classifier = new Conv2d(4, STREET_CLASSES.length, 1)

  constructor() {
    super()
    nameVariables(this)
  }

  protected forward(image: Tensor, mode: Mode): Tensor {
    return this.classifier.apply(relu(this.bn.apply(this.conv.apply(image), mode)))
  }
}

export type SmallRun = Pick<TrainOptions, 'steps'> & Partial<TrainOptions>

/** Options of a run on street scenes of 16×16. */
export function smallRun(device: Device, options: SmallRun): TrainOptions {
  const model = options.model ?? new Thumb()
  const data = new DataLoader(streetScenes({ size: 16, height: 16, width: 16 }), {
    count: 2,
    seed: 3,
  })
  return {
    device,
    model,
    optimizer: new Adam(model.parameters()),
    loss: batchLoss({ name: 'crossEntropy' }, model),
    batch: (step) => data.batch(step),
    rate: () => 5e-3,
    ...options,
  }
}

/** All events of a run. */
export async function eventsOf(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(options)) events.push(event)
  return events
}

/** The loss of each step, in order. */
export const lossesOf = (events: readonly TrainEvent[]): number[] =>
  events.flatMap((e) => (e.kind === 'step' ? e.losses.map(({ value }) => value) : []))
