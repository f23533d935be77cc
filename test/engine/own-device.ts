// What tests of a device's own state share: a device that no other test uses, with what it said.

import { type Device, openDevice, Variable } from '../../engine/node.ts'

export const vector = (name: string, ...values: number[]) =>
  new Variable({ dtype: 'f32', shape: [values.length] }, () => Float32Array.from(values), name)

export const withDevice =
  (use: (device: Device, said: string[]) => Promise<void>, options = {}) =>
  async () => {
    const said: string[] = []
    const device = await openDevice({ ...options, say: (sentence) => said.push(sentence) })
    try {
      await use(device, said)
    } finally {
      device.close()
    }
  }

export const refusal = async (run: () => unknown): Promise<Error> => {
  try {
    await run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
