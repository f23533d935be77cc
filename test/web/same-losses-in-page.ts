// Ten steps of the smallest training from one seed, on SwiftShader. The same function runs in Node and in a page. No Node in here.

import { type Device, type HostArray, openDevice } from '../../engine/index.ts'
import { tinyTraining } from '../train/tiny-training.ts'

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
  const { image, labels, next, plan } = tinyTraining(device)
  const losses: number[] = []
  for (let i = 0; i < STEPS; i++) losses.push(await next())
  const state: HostArray[] = []
  for (const v of plan().variables) state.push(await device.read(v))
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
