// A little of everything in seconds, on whatever device it is given; no Node in here, so that a page runs it too.

import {
  add,
  constant,
  type Device,
  grad,
  hostTensor,
  mean,
  mul,
  openDevice,
  randomUniform,
  read,
  square,
  sub,
  sum,
  Variable,
} from '../engine/index.ts'
import { frrnA } from '../models/index.ts'
import { bootstrappedCrossEntropy, predict } from '../nn/index.ts'
import { Adam } from '../train/optimizers.ts'
import { streetPainter } from '../train/street.ts'

export interface Tiny {
  readonly line: string
  readonly kind: string
  readonly losses: number[]
  /** Largest class of the prediction. */
  readonly highest: number
  readonly lazy: number
  readonly draws: number[]
  readonly plannedBytes: number
  readonly arenaBytes: number
  readonly madeLater: number
}

/** Opens a device, trains the smallest FRRN for a few steps, predicts, reads, and closes. */
export async function tiny(): Promise<Tiny> {
  const device = await openDevice()
  try {
    return await onDevice(device)
  } finally {
    device.close()
  }
}

async function onDevice(device: Device): Promise<Tiny> {
  const [h, w] = [32, 48]
  const paint = streetPainter(h, w)
  const scenes = [paint(1, 0), paint(1, 1)]
  const pixels = scenes.flatMap((s) => Array.from(s.image, (v) => v / 255))
  const image = hostTensor(Float32Array.from(pixels), [2, h, w, 3])
  const labels = hostTensor(Uint8Array.from(scenes.flatMap((s) => [...s.labels])), [2, h, w])

  const model = frrnA({ classes: 8, base: 4, lanes: 4, seed: 1 })
  const optimizer = new Adam(model.parameters())
  const step = device.compile((x, y, lr) => {
    const { loss } = bootstrappedCrossEntropy(model.apply(x, { train: true }), y, {
      keep: 300,
      ignore: 255,
    })
    optimizer.minimize(loss, lr)
    return loss
  })
  const losses: number[] = []
  let made = 0
  for (let i = 0; i < 6; i++) {
    losses.push(await (await step.run(image, labels, 3e-3)).value())
    if (i === 1) made = device.stats().buffersMade
  }
  const madeLater = device.stats().buffersMade - made
  const plannedBytes = step.stages(image, labels, { dtype: 'f32', shape: [] }).plan.activationBytes

  const classify = device.compile((x) => predict(model.apply(x, { train: false })))
  const map = await (await classify.run(image)).read()

  const v = new Variable({ dtype: 'f32', shape: [3] }, () => Float32Array.of(1, 2, 3))
  const y = sum(square(mul(sub(read(v), constant([3, 2, 1])), 2)))
  const [dv] = grad(y, [v])
  const lazy = await device.value(mean(add(dv, 1)))
  const key = {
    seed: constant(Uint32Array.of(7), []),
    step: constant(Uint32Array.of(0), []),
    name: 'draws',
  }
  const draws = [...(await device.read(randomUniform([4], key)))]
  return {
    line: device.line,
    kind: device.caps.kind,
    losses,
    highest: Math.max(...map),
    lazy,
    draws,
    plannedBytes,
    arenaBytes: device.stats().arenaBytes,
    madeLater,
  }
}
