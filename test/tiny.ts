// A little of everything in seconds, on whatever device it is given; no Node in here, so that a page runs it too.

import {
  add,
  constant,
  type Device,
  grad,
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
import { predict } from '../nn/index.ts'
import { tinyTraining } from './train/tiny-training.ts'

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
  const { model, image, next, plan } = tinyTraining(device)
  const losses: number[] = []
  let made = 0
  for (let i = 0; i < 6; i++) {
    losses.push(await next())
    if (i === 1) made = device.stats().buffersMade
  }
  const madeLater = device.stats().buffersMade - made
  const plannedBytes = plan().activationBytes

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
