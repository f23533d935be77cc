// Ten steps of the smallest FRRN from one seed, on SwiftShader: convolutions, batch normalisation, pooling, the bootstrapped loss,
// Adam. The same function runs in Node and in a page. No Node in here.

import { type Device, type HostArray, hostTensor, openDevice } from '../../engine/index.ts'
import { frrnA } from '../../models/index.ts'
import { bootstrappedCrossEntropy } from '../../nn/index.ts'
import { Adam } from '../../train/optimizers.ts'
import { streetPainter } from '../../train/street.ts'

export interface Trained {
  readonly line: string
  /** Of images and labels, as one hash of their bytes. */
  readonly inputs: string
  /** Each step's loss, an f32. */
  readonly losses: readonly number[]
  /** Of all parameters and running averages after the last step. */
  readonly parameters: string
}

const STEPS = 10

export async function trained(): Promise<Trained> {
  const device = await openDevice({ adapter: 'swiftshader', tuning: 'shipped', say: () => {} })
  try {
    return await on(device)
  } finally {
    device.close()
  }
}

async function on(device: Device): Promise<Trained> {
  const [h, w] = [32, 48]
  const paint = streetPainter(h, w)
  const scenes = [paint(1, 0), paint(1, 1)]
  const pixels = scenes.flatMap((s) => Array.from(s.image, (v) => v / 255))
  const image = hostTensor(Float32Array.from(pixels), [2, h, w, 3])
  const labels = hostTensor(Uint8Array.from(scenes.flatMap((s) => [...s.labels])), [2, h, w])
  const model = frrnA({ classes: 8, base: 4, lanes: 4, seed: 1 })
  const optimizer = new Adam(model.parameters())
  const step = device.compile((x, y, lr) => {
    const options = { keep: 300, ignore: 255 }
    const { loss } = bootstrappedCrossEntropy(model.apply(x, { train: true }), y, options)
    optimizer.minimize(loss, lr)
    return loss
  })
  const losses: number[] = []
  for (let i = 0; i < STEPS; i++) losses.push(await (await step.run(image, labels, 3e-3)).value())
  const { plan } = step.stages(image, labels, { dtype: 'f32', shape: [] })
  const state: HostArray[] = []
  for (const v of plan.variables) state.push(await device.read(v))
  return {
    line: device.line,
    inputs: await hashOf([image.data, labels.data]),
    losses,
    parameters: await hashOf(state),
  }
}

/** The first 16 digits of the SHA-256 of bytes one after another. */
async function hashOf(parts: readonly ArrayBufferView[]): Promise<string> {
  const bytes = await new Blob(parts as BlobPart[]).arrayBuffer()
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest.slice(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
